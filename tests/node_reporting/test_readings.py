"""A sample on the wire."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.node_reporting.node import GPU, HOST

from sentinel_node.domain.telemetry import EccErrors, GpuSample, MemoryErrors, NvLink
from sentinel_node.reporting.readings import reading_of

NOTHING = EccErrors(None, None)
UNKNOWN = GpuSample(GPU, 1_700_000_000_123_456_789, MemoryErrors(NOTHING, NOTHING, NOTHING, NOTHING))
WHEN_NS = 1_700_000_000_123_456_000
KNOWN = replace(
    UNKNOWN,
    memory_errors=MemoryErrors(EccErrors(1, 2), EccErrors(3, 4), EccErrors(9, 9), EccErrors(9, 9), 5, 6),
    links=(NvLink(0, True, 7, None), NvLink(1, False, None, 8)),
    temperature_c=61.0,
    memory_temperature_c=70.0,
    power_w=350.0,
    power_limit_w=700.0,
    utilization_pct=99.0,
    sm_clock_mhz=1755,
    memory_clock_mhz=2619,
    pcie_generation=5,
    pcie_width=16,
)


def test_it_says_what_is_known_and_when_it_was_so():
    told = reading_of(KNOWN, HOST)

    assert (told.thermal.gpu.uuid, told.thermal.temperature_c, told.thermal.memory_temperature_c) == (GPU.uuid, 61, 70)
    assert (told.power.power_w, told.power.power_limit_w) == (350, 700)
    assert (told.gpu_utilization_pct, told.gpu_clock_mhz, told.mem_clock_mhz) == (99, 1755, 2619)
    assert (told.pcie_gen, told.pcie_width) == (5, 16)
    times = [one.timestamp.ToNanoseconds() for one in (told.thermal, told.power, told.ecc)]
    assert times == [WHEN_NS] * 3


def test_memory_errors_are_those_since_the_driver_was_loaded_and_remapped_rows_count_as_retired():
    ecc = reading_of(KNOWN, HOST).ecc

    assert (ecc.sram_corrected, ecc.sram_uncorrected, ecc.dram_corrected, ecc.dram_uncorrected) == (1, 2, 3, 4)
    assert (ecc.retired_pages, ecc.reset_required) == (11, False)


def test_links_are_told_one_by_one():
    links = [
        (one.link_index, one.active, one.crc_errors, one.replay_errors) for one in reading_of(KNOWN, HOST).nvlink_status
    ]

    assert links == [(0, True, 7, 0), (1, False, 0, 8)]


def test_readings_of_which_nothing_is_known_are_left_out_and_the_gpu_is_named_all_the_same():
    told = reading_of(UNKNOWN, HOST)

    assert (told.HasField("power"), told.HasField("ecc")) == (False, False)
    assert told.thermal.gpu.uuid == GPU.uuid


@pytest.mark.parametrize(
    ("reasons", "thermal", "power"),
    [
        ((), False, False),
        (("hw_thermal_slowdown",), True, False),
        (("sw_power_cap",), False, True),
        (("gpu_idle",), False, False),
    ],
)
def test_slower_clocks_are_told_by_their_cause(reasons, thermal, power):
    told = reading_of(replace(KNOWN, clock_event_reasons=reasons), HOST)

    assert (told.thermal.throttle_active, told.power.power_throttle_active) == (thermal, power)


@pytest.mark.parametrize(("action", "needed"), [("gpu_reset", True), ("none", False), ("", False)])
def test_a_reset_that_the_driver_asks_for_is_told(action, needed):
    assert reading_of(replace(KNOWN, recovery_action=action), HOST).ecc.reset_required is needed
