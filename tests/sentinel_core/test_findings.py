"""Several observations of one GPU are told as one finding, with what they rest on."""

from __future__ import annotations

import pytest
from tests.sentinel_core.gateway import AGENT, Place
from tests.sentinel_core.sweeps import Sweeps, findings, fleet

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.anomalies import AnomalyBatch, AnomalyEvent
from sentinel_gateway.domain.telemetry import Ecc, Power, TelemetryBatch, TelemetryReport, Thermal
from sentinel_gateway.model.patterns import PatternType

GPUS = fleet(2)
BAD, DEAD = GPUS[3], 2


@pytest.fixture
def sweeps(place: Place) -> Sweeps:
    return Sweeps(place, GPUS)


async def report(core: Core, number: int = 0, **readings: object) -> None:
    """Telemetry of the GPU."""
    one = TelemetryReport(BAD, **readings)  # type: ignore[arg-type]
    await core.report_telemetry(AGENT, TelemetryBatch(BAD.hostname, (one,), number))


async def anomaly(core: Core) -> None:
    event = AnomalyEvent("a-1", 1, BAD, source=1)
    await core.report_anomalies(AGENT, AnomalyBatch("monitor", (event,), 0))


async def found(core: Core, kind: PatternType) -> list[tuple[str, ...]]:
    """What findings of a kind rest on."""
    return [one.events for one in await findings(core, BAD) if one.pattern_type == kind]


async def test_a_failing_probe_and_an_anomaly_are_one_finding(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        await sweeps.sweep(core, {(BAD, DEAD)})
        await anomaly(core)

        assert await found(core, PatternType.MULTI_SIGNAL) == [(sweeps.failed[0], "a-1")]


async def test_an_anomaly_without_a_failing_probe_is_told_weakly(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        await sweeps.sweep(core)
        await anomaly(core)

        (one,) = await findings(core, BAD)
    assert (one.pattern_type, one.events, one.severity) == (1, ("a-1",), 2)
    assert one.confidence < 0.1


@pytest.mark.parametrize(
    "reading",
    [
        {"thermal": Thermal(70.0, throttle_active=True)},
        {"thermal": Thermal(85.0)},
        {"power": Power(power_throttle_active=True)},
    ],
    ids=["throttled", "hot", "power limit"],
)
async def test_failures_that_come_with_heat_or_a_power_limit_are_environmental(
    place: Place, sweeps: Sweeps, reading: dict[str, object]
):
    async with place.running() as core:
        await report(core, 0, **reading)
        await sweeps.sweep(core, {(BAD, DEAD)})

        (events,) = await found(core, PatternType.ENVIRONMENTAL)
    assert set(events) == {sweeps.failed[0], f"telemetry/{BAD.uuid}/{place.clock.ns - 60_000_000_000}"}


async def test_only_new_memory_errors_count(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        await report(core, 0, ecc=Ecc(dram_uncorrected=3))
        await report(core, 1, ecc=Ecc(dram_uncorrected=3))
        await sweeps.sweep(core, {(BAD, DEAD)})
        assert await found(core, PatternType.MULTI_SIGNAL) == []
        await report(core, 2, ecc=Ecc(dram_uncorrected=4))

        assert len(await found(core, PatternType.MULTI_SIGNAL)) == 1


async def test_the_same_is_told_once_an_hour(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        for minute in range(62):
            await report(core, minute, thermal=Thermal(90.0))
            await sweeps.sweep(core, {(BAD, minute % 3)} if minute in (0, 1, 61) else ())

        assert len(await found(core, PatternType.ENVIRONMENTAL)) == 2


async def test_what_was_told_is_not_told_again_after_a_restart(either: Place):
    sweeps = Sweeps(either, GPUS)
    for number in range(2):
        async with either.running() as core:
            await report(core, number, thermal=Thermal(90.0))
            await sweeps.sweep(core, {(BAD, number)})
    async with either.running() as core:
        assert len(await found(core, PatternType.ENVIRONMENTAL)) == 1
        assert len((await core.gpu_health(BAD.uuid)).recent_correlations) == 1
