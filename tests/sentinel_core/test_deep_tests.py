"""Deep tests: how they begin, what they must show, and how they end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.sentinel_core.gateway import JANE, OMAR, Place, asking
from tests.sentinel_core.sweeps import AGENT, Sweeps, directives, fleet, path, state
from tests.sentinel_core.test_what_is_recorded import recorded

from sentinel.ext.v1.records_pb2 import SystemRecord
from sentinel.v1 import audit_pb2
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.deep_tests import DeepTestOutcome
from sentinel_gateway.domain.directives import DirectiveStatus
from sentinel_gateway.domain.health import Action, HealthState
from sentinel_gateway.domain.model_settings import ModelSettings
from sentinel_gateway.domain.probes import Ack, ProbeBatch, ProbeExecution, ProbeResult, ProbeType
from sentinel_gateway.domain.settings import ApprovalSettings, CoreSettings, HealthSettings

GPUS = fleet(2, 4)
BAD, DEAD, SMS = GPUS[1], 2, 4
PASS, FAIL = ProbeResult.PASS, ProbeResult.FAIL
SYSTEM = int(audit_pb2.AUDIT_ENTRY_TYPE_SYSTEM_EVENT)


@pytest.fixture
def sweeps(place: Place) -> Sweeps:
    return Sweeps(place, GPUS, SMS)


async def taken_out(core: Core, sweeps: Sweeps) -> None:
    """A GPU is in a deep test for its dead SM."""
    for _ in range(3):
        await sweeps.sweep(core, {(BAD, DEAD)})
    assert await state(core, BAD) is HealthState.DEEP_TEST


async def ran(core: Core, sweeps: Sweeps, counts: dict[int, int], result: int = PASS) -> Ack:
    """So many results of SMs of the GPU in the test."""
    sweeps.sequence += 1
    now_ns = sweeps.place.clock.ns + 1000 * sweeps.sequence
    runs = [
        ProbeExecution(f"t-{sweeps.sequence}-{sm}-{n}", 1, BAD, sm, int(result), time_ns=now_ns + n)
        for sm, count in counts.items()
        for n in range(count)
    ]
    return await core.report_probes(AGENT, ProbeBatch(BAD.hostname, tuple(runs), sweeps.sequence))


def events(place: Place) -> list[SystemRecord]:
    """All system records about deep tests and what stays for too long."""
    told = [SystemRecord.FromString(entry.data) for entry in recorded(place, SYSTEM)]
    return [one for one in told if one.event.startswith(("deep_test.", "gpu."))]


async def test_a_gpu_that_passes_is_reinstated_and_starts_anew(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        await taken_out(core, sweeps)
        await ran(core, sweeps, {DEAD: 999, 0: 30, 1: 30, 3: 30})
        assert await state(core, BAD) is HealthState.DEEP_TEST
        await ran(core, sweeps, {DEAD: 1})

        health = await core.gpu_health(BAD.uuid)
    assert (health.state, health.alpha, health.beta, health.deep_test) == (HealthState.HEALTHY, 100.0, 1.0, None)
    assert [one.event for one in events(place)] == ["deep_test.begun", "deep_test.passed"]


async def test_passes_of_other_sms_do_not_stand_in_for_those_of_the_blamed_one(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        await taken_out(core, sweeps)
        await ran(core, sweeps, dict.fromkeys(range(SMS), 500))

        test = (await core.gpu_health(BAD.uuid)).deep_test
    assert test is not None
    assert (test.blamed_sm, test.blamed_needs, test.others_need, test.outcome) == (DEAD, 1000, 30, DeepTestOutcome.OPEN)


async def test_the_test_goes_on_over_a_restart(either: Place):
    sweeps = Sweeps(either, GPUS, SMS)
    async with either.running() as core:
        await taken_out(core, sweeps)
        await ran(core, sweeps, {DEAD: 600, 0: 30, 1: 30, 3: 30})
    async with either.running() as core:
        await ran(core, sweeps, {DEAD: 400})
        assert await state(core, BAD) is HealthState.HEALTHY


async def test_a_failure_after_many_passes_still_fails_it(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        await taken_out(core, sweeps)
        await ran(core, sweeps, {DEAD: 999, 0: 30, 1: 30, 3: 30})
        await ran(core, sweeps, {0: 1}, FAIL)
        await ran(core, sweeps, {DEAD: 10, 0: 1}, FAIL)

        asked = [one.directive for one in await directives(core, BAD)][2:]
    assert [(one.action, one.reason) for one in asked] == [
        (Action.CONDEMN, "failed its deep test on SM 0, which was not blamed")
    ]


async def test_a_reinstatement_that_waits_is_taken_back_by_a_failure(place: Place, sweeps: Sweeps):
    place.settings = CoreSettings(approvals=ApprovalSettings(frozenset({Action.REINSTATE, Action.CONDEMN})))
    async with place.running() as core:
        await taken_out(core, sweeps)
        await ran(core, sweeps, {DEAD: 1000, 0: 30, 1: 30, 3: 30})
        await ran(core, sweeps, {DEAD: 1}, FAIL)

        told = [(one.directive.action, one.status) for one in (await directives(core, BAD))[2:]]
    assert told == [
        (Action.REINSTATE, DirectiveStatus.WITHDRAWN),
        (Action.CONDEMN, DirectiveStatus.WAITING),
    ]


async def test_failures_that_many_gpus_share_fail_no_test(place: Place):
    gpus = [*fleet(20, 2, "NVIDIA A100"), *fleet(20, 2, "NVIDIA H100")]
    sweeps, new = Sweeps(place, gpus, SMS), gpus[40:]
    async with place.running() as core:
        await sweeps.sweep(core)
        wrong = {(gpu, sm) for gpu in new for sm in range(SMS)}
        await sweeps.sweep(core, wrong, ProbeType.AES)
        await core.issue(JANE, asking(Action.QUARANTINE, on=new[0]))
        await core.issue(JANE, asking(Action.SCHEDULE_DEEP_TEST, on=new[0]))
        await sweeps.sweep(core, wrong, ProbeType.AES)

        test = (await core.gpu_health(new[0].uuid)).deep_test
    assert test is not None
    assert test.outcome is DeepTestOutcome.OPEN


async def test_a_test_that_does_not_end_is_told_once_and_a_person_decides(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        await taken_out(core, sweeps)
        place.clock.sleep(4 * 3600)
        await core.upkeep()
        await core.upkeep()

        assert await state(core, BAD) is HealthState.DEEP_TEST
    told = [one for one in events(place) if one.event == "gpu.deep_test_timeout"]
    assert [(one.fields["outcome"], one.fields["done"]) for one in told] == [("open", "0.000")]


async def test_without_automatic_tests_a_person_begins_one(place: Place, sweeps: Sweeps):
    place.settings = CoreSettings(model=ModelSettings(deep_test_automatic=False))
    async with place.running() as core:
        for _ in range(5):
            await sweeps.sweep(core, {(BAD, DEAD)})
        assert await state(core, BAD) is HealthState.QUARANTINED
        await core.issue(JANE, asking(Action.SCHEDULE_DEEP_TEST, on=BAD))

        test = (await core.gpu_health(BAD.uuid)).deep_test
    assert test is not None
    assert (test.blamed_sm, test.began_ns) == (DEAD, place.clock.ns)


async def test_a_test_that_must_be_agreed_to_is_asked_for_once(place: Place, sweeps: Sweeps):
    place.settings = CoreSettings(approvals=ApprovalSettings(frozenset({Action.SCHEDULE_DEEP_TEST})))
    async with place.running() as core:
        for _ in range(6):
            await sweeps.sweep(core, {(BAD, DEAD)})
        _, asked = await directives(core, BAD)
        assert asked.status is DirectiveStatus.WAITING
        await core.decide(OMAR, asked.directive_id, approve=True)

        assert await state(core, BAD) is HealthState.DEEP_TEST


async def test_a_quarantine_nobody_decides_about_is_proposed_to_be_condemned_every_day(place: Place, sweeps: Sweeps):
    place.settings = replace(
        CoreSettings(approvals=ApprovalSettings(frozenset())),
        health=HealthSettings(max_quarantine=timedelta(hours=720)),
    )
    async with place.running() as core:
        await sweeps.sweep(core)
        await core.issue(JANE, asking(Action.QUARANTINE, on=BAD))
        for hours in (719, 1, 24, 24):
            place.clock.sleep(hours * 3600)
            await core.upkeep()

        told = [(one.directive.action, one.status) for one in await directives(core, BAD)]
        assert told[1:] == [
            *[(Action.CONDEMN, DirectiveStatus.EXPIRED)] * 2,
            (Action.CONDEMN, DirectiveStatus.WAITING),
        ]
        assert await path(core, BAD) == ["QUARANTINED"]
