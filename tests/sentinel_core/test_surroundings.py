"""What the rest of the fleet allows: a neighbour that passes, and how many GPUs may go without a person."""

from __future__ import annotations

import pytest
from tests.sentinel_core.gateway import AGENT, Place
from tests.sentinel_core.sweeps import Sweeps, directives, fleet, path, state

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.directives import DirectiveStatus
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.probes import ProbeBatch, ProbeExecution, ProbeResult, ProbeType

FMA, AES = int(ProbeType.FMA), int(ProbeType.AES)
PASS, FAIL, ERROR = int(ProbeResult.PASS), int(ProbeResult.FAIL), int(ProbeResult.ERROR)
SMS = 4


async def host_reports(core: Core, place: Place, results: dict[tuple[Gpu, int], int]) -> None:
    """All SMs of some GPUs of one host end so, by GPU and probe type; then it is five minutes later."""
    now_ns = place.clock.ns
    runs = [
        ProbeExecution(f"{gpu.uuid}/{kind}/{sm_id}/{now_ns}", kind, gpu, sm_id, result, time_ns=now_ns + sm_id)
        for (gpu, kind), result in results.items()
        for sm_id in range(SMS)
    ]
    await core.report_probes(AGENT, ProbeBatch(runs[0].gpu.hostname, tuple(runs), now_ns))
    place.clock.sleep(300)
    await core.upkeep()


@pytest.mark.parametrize(
    ("kind", "result", "out"),
    [(AES, PASS, True), (AES, ERROR, False), (FMA, PASS, False)],
    ids=["passes", "cannot run it", "passes another probe"],
)
async def test_a_neighbour_shows_that_a_probe_can_pass_by_passing_it(place: Place, kind: int, result: int, out: bool):
    gpus = fleet(4, 2)
    async with place.running() as core:
        await Sweeps(place, gpus, SMS).sweep(core)
        for _ in range(4):
            await host_reports(core, place, {(gpus[0], AES): FAIL, (gpus[1], kind): result})

        assert ("QUARANTINED" in await path(core, gpus[0])) is out
        asked = (await directives(core, gpus[0]))[0]
        assert ("no GPU of its model on its host" in asked.directive.reason) is not out


async def test_a_quarter_of_the_sms_at_a_time_is_the_whole_gpu_in_the_end(place: Place):
    gpus = fleet(8, 1)
    sweeps = Sweeps(place, gpus, 16)
    async with place.running() as core:
        await sweeps.sweep(core)
        for turn in range(4):
            await sweeps.sweep(core, {(gpus[0], sm) for sm in range(4 * turn, 4 * turn + 4)}, AES)

        (asked,) = await directives(core, gpus[0])
        assert asked.status is DirectiveStatus.WAITING


@pytest.mark.parametrize(("size", "out"), [(2, 0), (3, 0), (4, 1), (8, 2)])
async def test_a_small_fleet_keeps_three_quarters(place: Place, size: int, out: int):
    sweeps = Sweeps(place, fleet(size, 1), 2)
    async with place.running() as core:
        await sweeps.sweep(core)
        for number in range(3 if size > 4 else 2):
            for _ in range(3):
                await sweeps.sweep(core, {(sweeps.gpus[number], 1)}, ProbeType.FMA)
            place.clock.sleep(7200)

        states = [await state(core, gpu) for gpu in sweeps.gpus]
    assert sum(one in (HealthState.QUARANTINED, HealthState.DEEP_TEST) for one in states) == out


async def test_gpus_that_are_gone_make_no_room(place: Place):
    gone, left = fleet(20, model="NVIDIA A100"), fleet(3, 1)
    async with place.running() as core:
        await Sweeps(place, gone, 1).sweep(core)
        place.clock.sleep(25 * 3600)
        sweeps = Sweeps(place, left, 2)
        for _ in range(4):
            await sweeps.sweep(core, {(left[0], 1)})

        (asked,) = await directives(core, left[0])
    assert asked.status is DirectiveStatus.WAITING
    assert "the limit of GPUs that may go without a person" in asked.directive.reason
