"""Probes give way to the workload, to heat and to power; what is not known counts as the worse case."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.node_scheduling.gpu import IDLE, identity, played

from sentinel_node.domain.probes import Depth, ProbeKind
from sentinel_node.domain.schedule import Entry
from sentinel_node.domain.telemetry import EccErrors, GpuSample, MemoryErrors
from sentinel_node.scheduling.conditions import UNKNOWN, Conditions, Heat, conditions_of, heat_after, stretch

NONE = EccErrors(None, None)
DEEP = (Entry(ProbeKind.FMA, 60, depth=Depth.DEEP),)


def sample(**fields: object) -> GpuSample:
    known = {"temperature_c": 60.0, "power_w": 350.0, "power_limit_w": 700.0, "utilization_pct": 10.0, **fields}
    return GpuSample(identity(), 10**18, MemoryErrors(NONE, NONE, NONE, NONE), **known)  # type: ignore[arg-type]


def read(one: GpuSample | None, age_s: float = 0) -> Conditions:
    return conditions_of(one, 10**18 + int(age_s * 1e9), 30)


@pytest.mark.parametrize(
    ("conditions", "factor"),
    [
        (Conditions(utilization_pct=74.9), 1),
        (Conditions(utilization_pct=75), 2),
        (Conditions(utilization_pct=90), 4),
        (Conditions(power_share=0.9), 2),
        (Conditions(power_share=1.0, utilization_pct=95), 4),
        (UNKNOWN, 1),
    ],
)
def test_periods_grow_with_utilisation_and_power(conditions, factor):
    assert stretch(conditions) == factor


def test_a_busy_gpu_is_probed_a_quarter_as_often():
    gpu = played((Entry(ProbeKind.FMA, 60),), conditions=replace(IDLE, utilization_pct=95.0))

    gpu.play(2400)

    assert len(gpu.times(ProbeKind.FMA)) == 10


@pytest.mark.parametrize(
    ("before", "celsius", "after"),
    [
        (Heat.COOL, 84.9, Heat.COOL),
        (Heat.COOL, 85, Heat.WARM),
        (Heat.WARM, 95, Heat.HOT),
        (Heat.HOT, 80.1, Heat.HOT),
        (Heat.HOT, 80, Heat.COOL),
        (Heat.COOL, None, Heat.WARM),
        (Heat.HOT, None, Heat.HOT),
    ],
)
def test_heat_leaves_light_probes_then_none_until_it_has_cooled_down(before, celsius, after):
    assert heat_after(before, celsius) is after


def test_a_gpu_that_is_too_hot_is_left_alone():
    gpu = played()
    gpu.now_s += 10_000
    gpu.heat(Heat.HOT)

    assert gpu.due() == ()


@pytest.mark.parametrize(
    ("conditions", "heat", "depth"),
    [
        (IDLE, Heat.COOL, Depth.DEEP),
        (IDLE, Heat.WARM, Depth.LIGHT),
        (replace(IDLE, power_share=0.95), Heat.COOL, Depth.LIGHT),
        (UNKNOWN, heat_after(Heat.COOL, UNKNOWN.temperature_c), Depth.LIGHT),
    ],
    ids=["cool", "warm", "power", "unknown"],
)
def test_a_deep_probe_runs_light_unless_the_gpu_is_known_to_be_cool(conditions, heat, depth):
    gpu = played(DEEP, conditions=conditions)
    gpu.now_s += 120
    gpu.heat(heat)

    assert [one.depth for one in gpu.due()] == [depth]


def test_a_gpu_that_the_driver_has_lost_is_not_probed():
    gpu = played(conditions=read(sample(lost="GPU is lost")))
    gpu.now_s += 10_000

    assert gpu.due() == ()


@pytest.mark.parametrize("one", [read(None), read(sample(), age_s=31)], ids=["no reading", "an old one"])
def test_a_reading_that_is_not_there_or_old_says_nothing(one):
    assert one == UNKNOWN


def test_power_is_measured_against_the_limit():
    assert read(sample()).power_share == 0.5
    assert read(sample(power_limit_w=None)).power_share is None
