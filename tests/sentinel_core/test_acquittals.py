"""What many GPUs shared stays nobody's own until it is over, and hides no defect for ever."""

from __future__ import annotations

from tests.sentinel_core.gateway import Place
from tests.sentinel_core.sweeps import AGENT, Sweeps, directives, fleet, path, state

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.directives import DirectiveStatus
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.probes import ProbeBatch, ProbeExecution, ProbeResult, ProbeType

OLD, NEW = fleet(8, 1, "NVIDIA A100"), fleet(12, 1, "NVIDIA H100")
LAST = NEW[-2:]


def failing(gpus: list[Gpu]) -> set[tuple[Gpu, int]]:
    """They fail on both SMs."""
    return {(gpu, sm) for gpu in gpus for sm in range(2)}


async def mended_but_for(core: Core, sweeps: Sweeps, last: list[Gpu]) -> None:
    """A golden answer is wrong on all new GPUs, and mended an hour later on all but some, which fail for two hours."""
    for _ in range(2):
        await sweeps.sweep(core, failing(NEW))
    for _ in range(5):
        sweeps.place.clock.sleep(1500)
        await sweeps.sweep(core, failing(last))


async def test_the_last_gpus_that_wait_to_be_mended_are_not_judged(place: Place):
    sweeps = Sweeps(place, [*OLD, *NEW], sms=2)
    async with place.running() as core:
        await mended_but_for(core, sweeps, LAST)

        assert not core._memory.guards
        assert [await path(core, gpu) for gpu in LAST] == [[], []]


async def test_a_restart_does_not_accuse_them_either(either: Place):
    sweeps = Sweeps(either, [*OLD, *NEW], sms=2)
    async with either.running() as core:
        await mended_but_for(core, sweeps, LAST)
    async with either.running() as core:
        for _ in range(6):
            await sweeps.sweep(core, failing(LAST))

        assert [await path(core, gpu) for gpu in LAST] == [[], []]


async def test_who_was_clean_for_the_window_is_judged_again(place: Place):
    sweeps = Sweeps(place, [*OLD, *NEW], sms=2)
    async with place.running() as core:
        await mended_but_for(core, sweeps, LAST)
        place.clock.sleep(3601)
        for _ in range(3):
            await sweeps.sweep(core, {(LAST[0], 1)})

        assert await path(core, LAST[0]) == ["SUSPECT"]
        assert core._memory.trial.acquittals == {}


async def test_who_was_acquitted_is_still_judged_for_other_probes(place: Place):
    sweeps = Sweeps(place, [*OLD, *NEW], sms=2)
    async with place.running() as core:
        await mended_but_for(core, sweeps, LAST)
        for _ in range(3):
            await sweeps.sweep(core, failing(LAST))
            await sweeps.sweep(core, {(LAST[0], 1)}, ProbeType.AES)

        assert (await path(core, LAST[0]))[:2] == ["SUSPECT", "QUARANTINED"]
        assert await state(core, LAST[1]) is HealthState.HEALTHY


async def test_a_few_dead_sms_that_look_like_a_common_cause_are_a_persons_to_judge(place: Place):
    gpus = fleet(13)
    bad = [gpus[0], gpus[20], gpus[50]]
    sweeps = Sweeps(place, gpus)
    async with place.running() as core:
        for _ in range(5):
            await sweeps.sweep(core, {(gpu, 1) for gpu in bad})

        assert len(core._memory.guards) == 1
        for gpu in bad:
            (asked,) = await directives(core, gpu)
            assert (asked.status, await state(core, gpu)) == (DirectiveStatus.WAITING, HealthState.SUSPECT)
            assert "stay on one SM" in asked.directive.reason


async def test_no_more_gpus_are_asked_about_than_may_be_taken_out(place: Place):
    gpus = fleet(13)
    sweeps = Sweeps(place, gpus)
    async with place.running() as core:
        for step in (104, 21, 21, 21, 21):
            await sweeps.sweep(core, {(gpu, 1) for gpu in gpus[::step]})

        assert [await state(core, gpu) for gpu in gpus].count(HealthState.SUSPECT) == 3


async def test_what_was_kept_on_trial_is_dropped_when_it_is_over(place: Place):
    gpus = fleet(13)
    sweeps = Sweeps(place, gpus)
    async with place.running() as core:
        for _ in range(2):
            await sweeps.sweep(core, {(gpu, 1) for gpu in gpus[::8]})
        assert core._memory.gpus[gpus[0].uuid].sms.trails
        place.clock.sleep(3601)
        await core.upkeep()

        assert not any(known.sms.trails for known in core._memory.gpus.values())
        assert {await state(core, gpu) for gpu in gpus} == {HealthState.HEALTHY}


async def test_a_new_cause_does_not_take_the_evidence_of_days(place: Place):
    sweeps, slow = Sweeps(place, [*OLD, *NEW], sms=2), NEW[0]
    async with place.running() as core:
        for hour in range(8):
            await sweeps.sweep(core, {(slow, hour % 2)}, ProbeType.AES)
            place.clock.sleep(3000)
        before = len(core._memory.gpus[slow.uuid].sms.trails[-1])
        for _ in range(2):
            await sweeps.sweep(core, failing(NEW), ProbeType.AES)

        assert before - 3 <= len(core._memory.gpus[slow.uuid].sms.trails[-1]) < before


async def test_a_whole_fleet_is_acquitted_in_several_rounds(place: Place):
    gpus = fleet(60, 10)
    sweeps = Sweeps(place, gpus, sms=2)
    async with place.running() as core:
        await sweeps.sweep(core)
        await sweeps.sweep(core, failing(gpus))
        for _ in range(4):
            await core.upkeep()

        assert not any(known.sms.trails for known in core._memory.gpus.values())
        assert core._memory.trial.waiting == {}


async def test_in_a_storm_gpus_are_judged_after_the_next_look(place: Place):
    gpus = fleet(65)
    sweeps = Sweeps(place, gpus, sms=1)
    async with place.running() as core:
        for probe_type in (ProbeType.FMA, ProbeType.MEMORY):
            await sweeps.sweep(core, {(gpu, 0) for gpu in gpus}, probe_type)
        times_ns = [place.clock.ns - second * 10**9 for second in range(300, -1, -30)]
        failed = [ProbeExecution(f"{at}", ProbeType.AES, gpus[0], 1, ProbeResult.FAIL, time_ns=at) for at in times_ns]
        await core.report_probes(AGENT, ProbeBatch(gpus[0].hostname, tuple(failed), 100))
        assert list(core._memory.trial.held) == [gpus[0].uuid]
        assert await path(core, gpus[0]) == []
        place.clock.sleep(6)
        await core.upkeep()

        assert core._memory.trial.held == {}
