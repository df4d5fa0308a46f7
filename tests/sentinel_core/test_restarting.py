"""Everything the core knows comes back as it was."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.sentinel_core.gateway import AGENT, JANE, NOW_NS, Place, asking, batch, execution, failures, gpu

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.anomalies import AnomalyBatch, AnomalyEvent
from sentinel_gateway.domain.configuration import ComponentAck
from sentinel_gateway.domain.health import Action
from sentinel_gateway.domain.sms import Outcome, SmTable
from sentinel_gateway.domain.telemetry import Ecc, NvLink, Power, TelemetryBatch, TelemetryReport, Thermal
from sentinel_gateway.domain.tmr import TmrGpuResult, TmrReport
from sentinel_gateway.storage.gpu_rows import sms_bytes, sms_of, trails_bytes, trails_of

REPORT = TelemetryReport(
    gpu(),
    Thermal(61.5, 40.0, throttle_active=True, memory_temperature_c=float("inf"), time_ns=NOW_NS),
    Power(402.25, 900, 447, 700.0, time_ns=NOW_NS),
    Ecc(1, 2, 3, 4, 5, 6, reset_required=True),
    gpu_utilization_pct=99.0,
    nvlinks=(NvLink(0, active=True), NvLink(1, crc_errors=2**64 - 1)),
)


async def a_lot(core: Core) -> None:
    """Something of everything."""
    runs = [execution(n, 1 + n % 4, n % 140) for n in range(300)]
    await core.report_probes(AGENT, batch(*runs))
    await core.report_probes(AGENT, batch(*failures(2, 131, gpu(1)), sequence=1))
    await core.report_anomalies(AGENT, AnomalyBatch("node-1", (AnomalyEvent("a", 1, gpu(), time_ns=NOW_NS),), 0))
    await core.report_telemetry(AGENT, TelemetryBatch("node-1", (REPORT,), 0))
    await core.report_tmr(AGENT, TmrReport("c", tuple(TmrGpuResult(gpu(n), b"x" if n else b"y") for n in range(3))))
    await core.issue(JANE, asking(Action.REINSTATE, on=gpu(1)))
    await core.issue(JANE, asking(Action.CONDEMN, on=gpu(1)))
    await core.config_acked(AGENT, ComponentAck("node-1", "u", applied=True, version=3))


async def test_what_was_in_memory_is_in_memory_again(either: Place):
    async with either.running() as core:
        await a_lot(core)
    before = core._memory
    async with either.running() as core:
        after = core._memory

    kept = ("gpus", "sources", "waiting", "edges", "components", "faults", "configuration", "sightings", "anomalous")
    for name in kept:
        assert getattr(after, name) == getattr(before, name), name
    assert (after.last_gpu_id, after.last_news) == (before.last_gpu_id, before.last_news)
    assert after.round_number >= before.round_number


async def test_telemetry_is_kept_whole(either: Place):
    async with either.running() as core:
        await a_lot(core)
    async with either.running() as core:
        latest = await core.telemetry(gpu().uuid)

        assert latest is not None
        assert (latest.report, latest.received_ns) == (REPORT, NOW_NS)
        assert await core.telemetry(gpu(2).uuid) is None


async def test_late_telemetry_does_not_replace_newer(place: Place):
    late = replace(REPORT, thermal=replace(REPORT.thermal, time_ns=NOW_NS - 1), power=None, gpu_clock_mhz=5)  # type: ignore[type-var]
    async with place.running() as core:
        await core.report_telemetry(AGENT, TelemetryBatch("node-1", (REPORT,), 1))
        await core.report_telemetry(AGENT, TelemetryBatch("node-1", (late,), 0))

        latest = await core.telemetry(gpu().uuid)
    assert latest is not None
    assert latest.report == REPORT


async def test_failures_are_remembered_over_a_restart(either: Place):
    for number, one in enumerate(failures(2, 7)):
        async with either.running() as core:
            await core.report_probes(AGENT, batch(one, sequence=number))
            state = (await core.gpu_health(gpu().uuid)).state

    assert state.name == "SUSPECT"


@given(
    st.lists(st.builds(Outcome, st.integers(0, 200), st.integers(1, 7), st.integers(1, 4), st.integers(0, 2**62))),
    st.booleans(),
)
def test_tables_of_sms_are_the_same_after_being_stored(outcomes: list[Outcome], is_cleared: bool):
    table = SmTable().with_results(outcomes)
    table = table.cleared(0).with_results(outcomes[:3]) if is_cleared else table

    assert replace(sms_of(sms_bytes(table)), trails=trails_of(trails_bytes(table.trails))) == table
