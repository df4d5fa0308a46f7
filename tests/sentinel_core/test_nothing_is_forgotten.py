"""A gateway that starts again judges as it would have without: doubts, neighbours, common causes half seen."""

from __future__ import annotations

from tests.sentinel_core.gateway import Place
from tests.sentinel_core.sweeps import AGENT, Sweeps, directives, fleet, path, state
from tests.sentinel_core.test_acquittals import failing
from tests.sentinel_core.test_common_causes import happened, spikes
from tests.sentinel_core.test_surroundings import AES, FAIL, PASS, SMS, host_reports

from sentinel_gateway.domain.directives import DirectiveStatus
from sentinel_gateway.domain.happened import GuardChange
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.probes import ProbeBatch, ProbeExecution, ProbeResult, ProbeType

GPUS = fleet(13)
THREE = [GPUS[0], GPUS[20], GPUS[50]]


async def test_a_gpu_on_trial_stays_on_trial_when_the_cause_has_gone(either: Place):
    sweeps = Sweeps(either, GPUS)
    async with either.running() as core:
        await sweeps.sweep(core, {(gpu, 1) for gpu in THREE})
        either.clock.sleep(3000)
        await sweeps.sweep(core, {(GPUS[0], 1)})
        either.clock.sleep(700)
        await core.upkeep()
        assert not core._memory.guards
    async with either.running() as core:
        await sweeps.sweep(core, {(GPUS[0], 1)})

        (asked,) = await directives(core, GPUS[0])
        assert (asked.status, await state(core, GPUS[0])) == (DirectiveStatus.WAITING, HealthState.SUSPECT)
        assert "stay on one SM" in asked.directive.reason


async def test_a_neighbour_that_passed_before_the_restart_has_passed(either: Place):
    gpus = fleet(4, 2)
    async with either.running() as core:
        await Sweeps(either, gpus, SMS).sweep(core)
        for _ in range(2):
            await host_reports(core, either, {(gpus[0], AES): FAIL, (gpus[1], AES): PASS})
    async with either.running() as core:
        await host_reports(core, either, {(gpus[0], AES): FAIL})

        assert "QUARANTINED" in await path(core, gpus[0])


async def test_a_neighbour_that_failed_too_before_the_restart_shows_nothing(place: Place):
    gpus = fleet(20, 2)
    both = {(gpus[0], AES): FAIL, (gpus[1], AES): FAIL}
    async with place.running() as core:
        await Sweeps(place, gpus, SMS).sweep(core)
        await host_reports(core, place, both)
    async with place.running() as core:
        await host_reports(core, place, {**both, (gpus[1], AES): PASS})
        await host_reports(core, place, {(gpus[0], AES): FAIL})

        assert "QUARANTINED" not in await path(core, gpus[0])


async def test_what_failed_before_and_after_a_restart_is_one_cause(either: Place):
    sweeps = Sweeps(either, GPUS, sms=2)
    async with either.running() as core:
        await sweeps.sweep(core, failing(THREE[:2]))
    async with either.running() as core:
        for _ in range(2):
            await sweeps.sweep(core, failing(THREE[2:]))

        assert [one.probe_types for one in await happened(core, GuardChange)] == [(1,)]
        assert [await path(core, gpu) for gpu in THREE] == [[], [], []]


async def test_a_cause_is_lifted_an_hour_after_the_last_failure_whenever_the_gateway_began(either: Place):
    sweeps = Sweeps(either, GPUS, sms=2)
    async with either.running() as core:
        for _ in range(2):
            await sweeps.sweep(core, failing(THREE))
    either.clock.sleep(3500)
    async with either.running() as core:
        await core.upkeep()
        assert len(core.shared_causes()) == 1
        either.clock.sleep(50)
        await core.upkeep()

        assert core.shared_causes() == ()


async def test_anomalies_before_and_after_a_restart_are_one_moment(place: Place):
    async with place.running() as core:
        for number, gpu in enumerate(GPUS[:16:8]):
            await core.report_anomalies(AGENT, spikes(gpu, number))
        assert core._memory.gpus[GPUS[0].uuid].signs
    async with place.running() as core:
        for number, gpu in enumerate(GPUS[16:40:8]):
            await core.report_anomalies(AGENT, spikes(gpu, number))

        assert core._memory.gpus[GPUS[0].uuid].signs == ()


async def test_a_restart_makes_no_room_for_more_proposals(place: Place):
    sweeps = Sweeps(place, GPUS)
    for step in (104, 21, 21, 21, 21):
        async with place.running() as core:
            await sweeps.sweep(core, {(gpu, 1) for gpu in GPUS[::step]})
            states = [await state(core, gpu) for gpu in GPUS]

    assert states.count(HealthState.SUSPECT) == 3


async def test_who_was_held_until_the_next_look_is_judged_after_a_restart(place: Place):
    gpus = fleet(65)
    sweeps = Sweeps(place, gpus, sms=1)
    async with place.running() as core:
        for probe_type in (ProbeType.FMA, ProbeType.MEMORY):
            await sweeps.sweep(core, {(gpu, 0) for gpu in gpus}, probe_type)
        times_ns = [place.clock.ns - second * 10**9 for second in range(300, -1, -30)]
        failed = [ProbeExecution(f"{at}", ProbeType.AES, gpus[0], 1, ProbeResult.FAIL, time_ns=at) for at in times_ns]
        await core.report_probes(AGENT, ProbeBatch(gpus[0].hostname, tuple(failed), 100))
        assert await path(core, gpus[0]) == []
    async with place.running() as core:
        await core.upkeep()

        assert "QUARANTINED" in await path(core, gpus[0])
