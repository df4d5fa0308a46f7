"""Probe results that agents report: what counts, and what it does to a GPU."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.sentinel_core.gateway import AGENT, NOW_NS, SECOND_NS, Place, batch, execution, failures, gpu

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.probes import ProbeBatch, ProbeResult
from sentinel_gateway.domain.settings import BeliefSettings, CoreSettings

FAIL = ProbeResult.FAIL


async def test_a_gpu_becomes_known_by_the_first_report(place: Place):
    async with place.running() as core:
        await core.report_probes(AGENT, batch(execution()))

        health = await core.gpu_health(gpu().uuid)
    assert health.gpu == gpu()
    assert (health.state, health.alpha, health.beta) == (HealthState.HEALTHY, 101.0, 1.0)


async def test_passes_and_failures_count_for_sm_and_gpu(place: Place):
    async with place.running() as core:
        await core.report_probes(AGENT, batch(execution(1), execution(2, sm_id=5), execution(3, FAIL, 5)))

        health = await core.gpu_health(gpu().uuid, with_sms=True)
    assert (health.probe_pass_count, health.probe_fail_count) == (2, 1)
    assert [(sm.sm_id, sm.probe_pass_count, sm.probe_fail_count) for sm in health.sm_health] == [(0, 1, 0), (5, 1, 1)]
    assert health.sm_health[1].reliability_score == 101 / 103


@pytest.mark.parametrize("result", [ProbeResult.ERROR, ProbeResult.TIMEOUT])
async def test_errors_and_timeouts_say_nothing_about_corruption(place: Place, result: ProbeResult):
    async with place.running() as core:
        await core.report_probes(AGENT, batch(*(execution(n, result) for n in range(20))))

        health = await core.gpu_health(gpu().uuid, with_sms=True)
    assert (health.alpha, health.beta, health.probe_failure_rate) == (100.0, 1.0, 0.0)
    assert health.state is HealthState.HEALTHY
    assert health.sm_health == ()


async def test_an_sm_that_fails_in_two_sweeps_makes_a_gpu_suspect(place: Place):
    async with place.running() as core:
        await core.report_probes(AGENT, batch(*failures(2, 42)))

        health = await core.gpu_health(gpu().uuid)
    assert health.state is HealthState.SUSPECT
    assert health.state_change_reason.startswith("SM 42 failed in 2 sweeps of FMA")


async def test_one_failure_is_weak(place: Place):
    async with place.running() as core:
        await core.report_probes(AGENT, batch(*(execution(n, FAIL, n % 2) for n in range(5))))

        assert (await core.gpu_health(gpu().uuid)).state is HealthState.HEALTHY


async def test_no_score_decides(place: Place):
    async with place.running() as core:
        await core.report_probes(AGENT, batch(*(execution(n, FAIL) for n in range(100))))

        health = await core.gpu_health(gpu().uuid)
    assert (health.state, health.reliability_score < 0.6) == (HealthState.HEALTHY, True)


async def test_prior_and_weights_can_be_set(place: Place):
    place.settings = CoreSettings(belief=BeliefSettings(prior_alpha=10, probe_failure_weight=3))
    async with place.running() as core:
        await core.report_probes(AGENT, batch(execution(1), execution(2, FAIL)))

        health = await core.gpu_health(gpu().uuid)
    assert (health.alpha, health.beta) == (11.0, 4.0)


async def test_the_failure_rate_is_per_hour_over_the_last_hour(place: Place):
    async with place.running() as core:
        await core.report_probes(AGENT, batch(execution(1, FAIL, 1), execution(2, FAIL, 2)))
        assert (await core.gpu_health(gpu().uuid)).probe_failure_rate == 2.0

        place.clock.sleep(3601)
        assert (await core.gpu_health(gpu().uuid)).probe_failure_rate == 0.0


REFUSED = {
    "unknown type": (replace(execution(), probe_type=8), "probe type that is not known (8)"),
    "unspecified type": (replace(execution(), probe_type=0), "probe type that is not known (0)"),
    "unknown result": (replace(execution(), result=9), "result that is not known (9)"),
    "an SM no GPU has": (replace(execution(), sm_id=4_000_000_000), "(4000000000; at most 1023)"),
    "no GPU": (replace(execution(), gpu=Gpu("")), "gpu.uuid must be written like"),
    "a GPU of odd words": (replace(execution(), gpu=Gpu("GPU-1", "a\0b")), "NUL"),
    "the future": (replace(execution(), time_ns=NOW_NS + 301 * SECOND_NS), "301 s in the future"),
    "the past": (replace(execution(), time_ns=NOW_NS - 86_401 * SECOND_NS), "too old"),
    "the year 9999": (replace(execution(), time_ns=253_402_300_800 * SECOND_NS), "in the future"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_one_bad_execution_does_not_lose_the_good_ones(place: Place, name: str):
    bad, words = REFUSED[name]
    async with place.running() as core:
        ack = await core.report_probes(AGENT, batch(execution(1), bad, execution(2)))

        assert (await core.gpu_health(gpu().uuid)).probe_pass_count == 2
    assert ack.accepted
    assert ack.reason.startswith("1 of 3 executions refused: 1 ")
    assert words in ack.reason


async def test_a_batch_of_bad_executions_alone_is_not_accepted(place: Place):
    async with place.running() as core:
        ack = await core.report_probes(AGENT, batch(replace(execution(), result=9), replace(execution(), result=0)))

        assert not ack.accepted
        assert ack.reason == "2 of 2 executions refused: 2 with a result that is not known (9)"
        assert core.counters.refused == {("probe", "unknown_result"): 2}


async def test_both_clocks_are_named(place: Place):
    async with place.running() as core:
        ack = await core.report_probes(AGENT, ProbeBatch("node-1", (execution(),), 0, NOW_NS + 400 * SECOND_NS))

    assert not ack.accepted
    assert "2027-01-15T08:06:40Z" in ack.reason
    assert "2027-01-15T08:00:00Z" in ack.reason


async def test_an_execution_without_a_time_has_that_of_its_batch(place: Place):
    sent = ProbeBatch("node-1", (replace(execution(), time_ns=None),), 0, NOW_NS - 7)
    async with place.running() as core:
        await core.report_probes(AGENT, sent)

        assert (await core.gpu_health(gpu().uuid)).last_probe_ns == NOW_NS - 7


@pytest.mark.parametrize(
    "sent", [ProbeBatch("", (execution(),), 0), ProbeBatch("node-1", (), 0), ProbeBatch("a\0b", (execution(),), 0)]
)
async def test_a_batch_without_host_or_content_is_invalid(place: Place, sent: ProbeBatch):
    async with place.running() as core:
        with pytest.raises(Invalid):
            await core.report_probes(AGENT, sent)


async def test_a_description_that_says_less_takes_nothing_away(place: Place):
    async def described(core: Core, as_: Gpu, sequence: int) -> Gpu:
        await core.report_probes(AGENT, batch(execution(on=as_), sequence=sequence))
        return (await core.gpu_health(as_.uuid)).gpu

    async with place.running() as core:
        assert await described(core, gpu(3), 0) == gpu(3)
        assert await described(core, Gpu(gpu(3).uuid), 1) == gpu(3)
        newer = replace(gpu(3), driver_version="560.2")
        assert await described(core, newer, 2) == newer
