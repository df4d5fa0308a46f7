"""A GPU is what its own agent says it is, and counts for what the fleet shares while it is probed."""

from __future__ import annotations

from dataclasses import replace

from tests.sentinel_core.gateway import Place
from tests.sentinel_core.sweeps import AGENT, Sweeps, fleet, state

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.anomalies import AnomalyBatch, AnomalyEvent
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.probes import Ack, ProbeBatch, ProbeExecution, ProbeResult, ProbeType
from sentinel_gateway.domain.roles import Caller, Role
from sentinel_gateway.domain.settings import CoreSettings, IngestSettings

GPUS = fleet(2)
OWN = CoreSettings(ingest=IngestSettings(own_hostname=True))


async def reported(core: Core, place: Place, host: str, gpu: Gpu, sequence: int = 0) -> Ack:
    """A host reports that a GPU failed."""
    ran = ProbeExecution(f"x{sequence}", ProbeType.FMA, gpu, 0, ProbeResult.FAIL, time_ns=place.clock.ns)
    caller = Caller(host, frozenset({Role.AGENT}), "certificate")
    return await core.report_probes(caller, ProbeBatch(host, (ran,), sequence))


async def anomaly(core: Core, place: Place, gpu: Gpu) -> None:
    """A monitor in a pod speaks of a GPU."""
    event = AnomalyEvent("a", 1, gpu, source=1)
    await core.report_anomalies(AGENT, AnomalyBatch("trainer-7f9c", (event,), 0, place.clock.ns))


async def test_a_monitor_does_not_rename_a_gpu(place: Place):
    async with place.running() as core:
        await Sweeps(place, GPUS).sweep(core)
        await anomaly(core, place, Gpu(GPUS[3].uuid, "trainer-7f9c", 0, "other", "1"))

        assert (await core.gpu_health(GPUS[3].uuid)).gpu == GPUS[3]


async def test_an_agent_corrects_what_a_monitor_said_first(place: Place):
    async with place.running() as core:
        await anomaly(core, place, Gpu(GPUS[3].uuid, "trainer-7f9c", 0, "", ""))
        await Sweeps(place, GPUS).sweep(core)

        assert (await core.gpu_health(GPUS[3].uuid)).gpu == GPUS[3]


async def test_a_monitor_adds_what_was_not_known(place: Place):
    async with place.running() as core:
        await Sweeps(place, [replace(gpu, firmware_version="") for gpu in GPUS]).sweep(core)
        await anomaly(core, place, Gpu(GPUS[3].uuid, firmware_version="96.00"))

        assert (await core.gpu_health(GPUS[3].uuid)).gpu == replace(GPUS[3], firmware_version="96.00")


async def test_a_host_reports_for_its_own_gpus_only_where_told_so(place: Place):
    place.settings = OWN
    mine, other = GPUS[0], GPUS[-1]
    async with place.running() as core:
        await reported(core, place, other.hostname, other)
        named = await reported(core, place, mine.hostname, other, 1)
        claimed = await reported(core, place, mine.hostname, replace(other, hostname=mine.hostname), 2)
        unnamed = await reported(core, place, mine.hostname, replace(other, hostname=""), 3)

        assert [ack.accepted for ack in (named, claimed, unnamed)] == [False, False, False]
        assert "another host" in named.reason
        assert f"the agent of {other.hostname!r}" in claimed.reason
        assert (await core.gpu_health(other.uuid)).probe_fail_count == 1


async def test_a_gpu_that_moved_is_its_new_hosts_after_a_day(place: Place):
    place.settings = OWN
    mine, other = GPUS[0], GPUS[-1]
    async with place.running() as core:
        await reported(core, place, other.hostname, other)
        place.clock.sleep(86_401)
        ack = await reported(core, place, mine.hostname, replace(other, hostname=mine.hostname))

        assert ack.accepted
        assert (await core.gpu_health(other.uuid)).gpu.hostname == mine.hostname


async def test_gpus_that_are_gone_weaken_no_guard(place: Place):
    live = fleet(5, 4)
    gone = [replace(gpu, uuid=f"GPU-gone-{n}", hostname=f"gone-{n}") for n, gpu in enumerate(fleet(200, 2))]
    sweeps, bad = Sweeps(place, live), {(gpu, sm) for gpu in live[::4] for sm in range(4)}
    async with place.running() as core:
        await Sweeps(place, gone, 1).sweep(core)
        place.clock.sleep(2 * 86_400)
        for fails in ((), bad, bad, bad, bad):
            await sweeps.sweep(core, fails)

        assert {await state(core, gpu) for gpu in live} == {HealthState.HEALTHY}
