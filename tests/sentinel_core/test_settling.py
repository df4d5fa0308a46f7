"""What follows from evidence against one GPU: suspicion, quarantine, a deep test, and what a person must decide."""

from __future__ import annotations

import pytest
from tests.sentinel_core.gateway import AGENT, JANE, OMAR, Place, asking
from tests.sentinel_core.sweeps import Sweeps, directives, findings, fleet, path, state

from sentinel_gateway.domain.directives import DirectiveStatus
from sentinel_gateway.domain.health import Action, HealthState
from sentinel_gateway.domain.probes import ProbeBatch, ProbeExecution, ProbeResult, ProbeType
from sentinel_gateway.model.patterns import PatternType

GPUS = fleet(2)
BAD, DEAD = GPUS[3], 2
LOCALIZED = int(PatternType.SM_LOCALIZED)


@pytest.fixture
def sweeps(place: Place) -> Sweeps:
    return Sweeps(place, GPUS)


async def test_a_dead_sm_is_suspect_at_the_second_and_out_of_use_at_the_third_sweep(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        await sweeps.sweep(core)
        states = []
        for _ in range(3):
            await sweeps.sweep(core, {(BAD, DEAD)})
            states.append((await path(core, BAD))[-1:])

    assert states == [[], ["SUSPECT"], ["DEEP_TEST"]]


async def test_all_that_led_to_a_quarantine_can_be_seen(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        for _ in range(3):
            await sweeps.sweep(core, {(BAD, DEAD)})

        assert await path(core, BAD) == ["SUSPECT", "QUARANTINED", "DEEP_TEST"]
        asked = await directives(core, BAD)
        found = [one for one in await findings(core, BAD) if one.pattern_type == LOCALIZED]
        health = await core.gpu_health(BAD.uuid)
    assert [(one.directive.action, one.issued_by) for one in asked] == [
        (Action.QUARANTINE, "sentinel-gateway"),
        (Action.SCHEDULE_DEEP_TEST, "sentinel-gateway"),
    ]
    assert asked[0].directive.evidence == tuple(sweeps.failed)
    assert [one.sm_id for one in found] == [DEAD, DEAD]
    assert 0.9 < found[0].confidence <= found[1].confidence <= 1
    assert health.recent_correlations == tuple(found)


async def test_a_failure_in_the_deep_test_asks_to_condemn(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        for _ in range(5):
            await sweeps.sweep(core, {(BAD, DEAD)})

        *_, condemn = await directives(core, BAD)
        assert (condemn.directive.action, condemn.status) == (Action.CONDEMN, DirectiveStatus.WAITING)
        assert condemn.directive.reason == f"failed its deep test on SM {DEAD}"
        assert await state(core, BAD) is HealthState.DEEP_TEST
        await core.decide(OMAR, condemn.directive_id, approve=True)
        assert await state(core, BAD) is HealthState.CONDEMNED


async def test_every_other_gpu_stays_healthy(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        for _ in range(6):
            await sweeps.sweep(core, {(BAD, DEAD)})

        assert {await state(core, gpu) for gpu in GPUS if gpu is not BAD} == {HealthState.HEALTHY}


@pytest.mark.parametrize("result", [ProbeResult.ERROR, ProbeResult.TIMEOUT], ids=lambda result: result.name)
async def test_errors_and_timeouts_never_count(place: Place, sweeps: Sweeps, result: ProbeResult):
    async with place.running() as core:
        for _ in range(10):
            await sweeps.sweep(core, {(BAD, DEAD)}, result=result)

        assert await path(core, BAD) == []


async def test_an_sm_that_fails_one_probe_in_twenty_is_taken_out_too(place: Place):
    sweeps = Sweeps(place, GPUS[:4], sms=3)
    async with place.running() as core:
        for number in range(42):
            await sweeps.sweep(core, {(BAD, DEAD)} if number % 20 == 0 else ())

        assert (await path(core, BAD))[:2] == ["SUSPECT", "QUARANTINED"]


async def test_reordered_and_late_batches_end_the_same(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        await sweeps.sweep(core)
        late = []
        for _ in range(3):
            late += sweeps.batches({(BAD, DEAD)}, ProbeType.FMA, ProbeResult.FAIL)
            place.clock.sleep(60)
        place.clock.sleep(3600)
        for batch in reversed(late):
            await core.report_probes(AGENT, batch)

        assert (await path(core, BAD))[-1] == "QUARANTINED"


async def test_a_suspect_is_cleared_after_an_hour_in_which_its_sm_passed(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        for _ in range(2):
            await sweeps.sweep(core, {(BAD, DEAD)})
        assert await state(core, BAD) is HealthState.SUSPECT
        now_ns = place.clock.ns
        runs = [ProbeExecution(f"r-{n}", 1, BAD, DEAD, 1, time_ns=now_ns + n) for n in range(2000)]
        await core.report_probes(AGENT, ProbeBatch(BAD.hostname, tuple(runs), 99))
        assert await state(core, BAD) is HealthState.SUSPECT
        place.clock.sleep(3600)
        await core.upkeep()

        assert await path(core, BAD) == ["SUSPECT", "HEALTHY"]
        health = await core.gpu_health(BAD.uuid)
    assert (health.beta, health.state_change_reason) == (3.0, "2000 probes passed since the last failure")


async def test_reinstating_forgets_what_spoke_against_a_gpu(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        for _ in range(3):
            await sweeps.sweep(core, {(BAD, DEAD)})
        await core.issue(JANE, asking(Action.REINSTATE, on=BAD))
        await sweeps.sweep(core, {(BAD, DEAD)})
        assert await state(core, BAD) is HealthState.HEALTHY
        await sweeps.sweep(core, {(BAD, DEAD)})
        assert await state(core, BAD) is HealthState.SUSPECT


async def test_failures_from_before_a_reinstatement_that_come_late_do_not_count(either: Place):
    sweeps = Sweeps(either, GPUS)
    late = []
    async with either.running() as core:
        await sweeps.sweep(core)
        for _ in range(3):
            late += sweeps.batches({(BAD, DEAD)}, ProbeType.FMA, ProbeResult.FAIL)
            either.clock.sleep(60)
        await core.issue(JANE, asking(Action.QUARANTINE, on=BAD))
        await core.issue(JANE, asking(Action.REINSTATE, on=BAD))
    async with either.running() as core:
        for batch in late:
            await core.report_probes(AGENT, batch)

        assert await state(core, BAD) is HealthState.HEALTHY
        assert (await core.gpu_health(BAD.uuid)).probe_fail_count == 3


async def test_a_mark_of_the_gateway_does_not_overtake_what_a_person_asked(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        await sweeps.sweep(core)
        await core.issue(JANE, asking(Action.QUARANTINE, "d-1", on=BAD, requires_approval=True))
        for _ in range(2):
            await sweeps.sweep(core, {(BAD, DEAD)})
        assert await state(core, BAD) is HealthState.SUSPECT

        assert (await core.decide(OMAR, "d-1", approve=True)).status is DirectiveStatus.EXECUTED


async def test_a_quarantine_of_the_gateway_does(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        await sweeps.sweep(core)
        await core.issue(JANE, asking(Action.CONDEMN, "d-1", on=BAD))
        for _ in range(3):
            await sweeps.sweep(core, {(BAD, DEAD)})

        assert (await core.decide(OMAR, "d-1", approve=True)).status is DirectiveStatus.OVERTAKEN


async def test_a_restart_in_the_middle_changes_nothing(either: Place):
    sweeps = Sweeps(either, GPUS)
    for _ in range(4):
        async with either.running() as core:
            await sweeps.sweep(core, {(BAD, DEAD)})
    async with either.running() as core:
        assert await path(core, BAD) == ["SUSPECT", "QUARANTINED", "DEEP_TEST"]
        asked = await directives(core, BAD)
        assert [one.directive.action for one in asked][:3] == [
            Action.QUARANTINE,
            Action.SCHEDULE_DEEP_TEST,
            Action.CONDEMN,
        ]
        assert asked[2].status is DirectiveStatus.WAITING
