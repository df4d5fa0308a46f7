"""Probe results follow the documented schedule, the facts, and the world's own temperatures."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.fleet_sentinel.conftest import agents_of, world_of

from sentinel_fleet.sentinel.moments import Probed, moments
from sentinel_fleet.sentinel.sweeps import executions


def fail(**changes: object) -> dict[str, object]:
    return {"fail": {"node": "${node}", "gpu": "${gpu}", "sm": 3, "probes": "FMA", "at": "-20m", **changes}}


def of(scenario, seed=1):
    return list(executions(agents_of(world_of(scenario, seed))))


def failures(scenario, seed=1):
    return [one for one in of(scenario, seed) if one.outcome == "FAIL"]


def test_a_dead_sm_fails_in_every_sweep_since(make):
    found = failures(make([fail(share=1.0)]))

    assert {one.sm for one in found} == {3}
    assert len(found) == 20
    gaps = [round(later.at - one.at) for one, later in zip(found, found[1:], strict=False)]
    assert set(gaps) == {60}


def test_a_number_of_failures_is_spread_over_the_time(make):
    found = failures(make([fail(times=5)]))

    assert len(found) == 5
    assert found[-1].at - found[0].at > 600


def test_an_intermittent_sm_fails_its_share_of_the_probes(make):
    scenario = make([fail(share=0.1, probes=["FMA", "TENSOR_CORE"], at="-11h")], {"since": "12h"})
    results = [one for one in of(scenario) if one.sm == 3 and one.probe in ("FMA", "TENSOR_CORE") and one.at > -39_600]

    outcomes = Counter(one.outcome for one in results if one.celsius)

    assert 0.06 < outcomes["FAIL"] / (outcomes["FAIL"] + outcomes["PASS"]) < 0.14


def test_a_thermal_fault_shows_only_while_the_gpu_is_warm(make):
    warm = {"name": "DCGM_FI_DEV_GPU_TEMP", "node": "${node}", "gpu": "${gpu}", "at": "-10m", "set": 83, "noise": 0}
    found = failures(make([fail(share=1.0, above=75)], facts=[{"metric": warm}]))

    assert len(found) == 9 or len(found) == 10
    assert all(one.celsius == 83 and one.at > -600 for one in found)


def test_a_fact_without_an_sm_speaks_of_any(make):
    found = failures(make([{"fail": {"node": "${a}", "probes": "AES", "at": "-30m", "share": 1.0}}]))

    assert {one.gpu.index for one in found} == {0, 1}
    assert len({one.sm for one in found}) > 3


def test_the_same_seed_measures_the_same_and_another_seed_something_else(make):
    scenario = make([fail(share=0.5)])

    def shape(seed):
        return [(one.gpu.uuid, one.sm, one.at) for one in failures(scenario, seed)]

    assert shape(1) == shape(1)
    assert shape(1) != shape(2)


def test_gpus_that_only_pass_are_heard_of_and_cost_little(make):
    results = of(make([fail(share=1.0)]))
    trigger = {one.gpu.node for one in results if not one.passed}
    elsewhere = Counter(one.gpu.uuid for one in results if one.gpu.node not in trigger)

    assert len(elsewhere) == 6
    assert max(elsewhere.values()) <= 28


def test_hosts_that_fail_together_are_heard_together(make):
    everywhere = [{"fail": {"node": name, "probes": "FMA", "at": "-5m", "share": 1.0}} for name in ("${a}", "${b}")]
    found = [one for one in moments(agents_of(world_of(make(everywhere)))) if isinstance(one, Probed)]
    noisy = [one for one in found if any(not result.passed for some in one.by_node.values() for result in some)]

    assert 5 <= len(noisy) <= 6
    assert all(len(one.by_node) >= 2 for one in noisy[1:-1])
    assert len(found) - len(noisy) <= 2


@pytest.mark.parametrize(("model", "sms"), [("NVIDIA A100-SXM4-80GB", 108), ("NVIDIA B200", 148)])
def test_gpus_are_what_their_agents_say(make, model, sms):
    gpu = agents_of(world_of(make([], {"versions": [{"node": "${a}", "model": model, "driver": "9.9"}]})))
    named = gpu.gpu(str(gpu.world.names["a"]), 1)

    assert (named.model, named.driver, named.sms) == (model, "9.9", sms)
    assert named.uuid == gpu.world.fleet.gpu(named.node, 1).uuid
