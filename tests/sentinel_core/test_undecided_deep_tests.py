"""Deep tests whose end is in doubt: common causes, GPUs that come back again and again, people who do not answer."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from tests.sentinel_core.gateway import JANE, OMAR, Place, asking
from tests.sentinel_core.sweeps import AGENT, Sweeps, directives, fleet, path, state
from tests.sentinel_core.test_deep_tests import events

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.deep_tests import DeepTestOutcome
from sentinel_gateway.domain.directives import DirectiveStatus
from sentinel_gateway.domain.health import Action, HealthState
from sentinel_gateway.domain.probes import ProbeBatch, ProbeExecution, ProbeResult, ProbeType

SMS, DEAD = 4, 2
GPUS = fleet(10, 4)
BAD = GPUS[0]
DAY_S = 24 * 3600
FMA, TENSOR = ProbeType.FMA, ProbeType.TENSOR_CORE
CONDEMN, REINSTATE = Action.CONDEMN, Action.REINSTATE
WAITING, EXPIRED = DirectiveStatus.WAITING, DirectiveStatus.EXPIRED


@pytest.fixture
def sweeps(place: Place) -> Sweeps:
    return Sweeps(place, GPUS, SMS)


async def taken_out(core: Core, sweeps: Sweeps) -> None:
    """A GPU is in a deep test for its dead SM."""
    for _ in range(3):
        await sweeps.sweep(core, {(BAD, DEAD)})
    assert await state(core, BAD) is HealthState.DEEP_TEST


async def passes(core: Core, sweeps: Sweeps, probe: int = FMA, sms: Iterable[int] = range(SMS)) -> None:
    """So many of each SM that they end a test."""
    sweeps.sequence += 1
    now_ns = sweeps.place.clock.ns
    runs = [
        ProbeExecution(f"t-{sweeps.sequence}-{sm}-{n}", int(probe), BAD, sm, int(ProbeResult.PASS), time_ns=now_ns + n)
        for sm in sms
        for n in range(1000)
    ]
    await core.report_probes(AGENT, ProbeBatch(BAD.hostname, tuple(runs), sweeps.sequence))


async def asked(core: Core) -> list[tuple[Action, DirectiveStatus]]:
    """After it was quarantined and its test was begun."""
    return [(one.directive.action, one.status) for one in (await directives(core, BAD))[2:]]


async def test_a_dead_gpu_does_not_come_back_while_all_gpus_fail_like_it(place: Place, sweeps: Sweeps):
    wrong = {(gpu, sm) for gpu in GPUS[1:] for sm in range(SMS)} | {(BAD, DEAD)}
    async with place.running() as core:
        await taken_out(core, sweeps)
        for _ in range(3):
            await sweeps.sweep(core, wrong)
            await passes(core, sweeps, TENSOR)
        assert await state(core, BAD) is HealthState.DEEP_TEST
        place.clock.sleep(3600)
        await core.upkeep()
        await passes(core, sweeps, TENSOR)
        assert await state(core, BAD) is HealthState.DEEP_TEST
        await sweeps.sweep(core, {(BAD, DEAD)})

        assert await asked(core) == [(CONDEMN, WAITING)]


async def test_people_who_do_not_answer_about_a_failed_test_are_asked_every_day(either: Place):
    sweeps = Sweeps(either, GPUS, SMS)
    async with either.running() as core:
        await taken_out(core, sweeps)
        await sweeps.sweep(core, {(BAD, DEAD)})
        assert await asked(core) == [(CONDEMN, WAITING)]
    async with either.running() as core:
        for hours in (12, 12, 12, 12):
            either.clock.sleep(hours * 3600)
            await core.upkeep()
            await core.upkeep()

        assert await asked(core) == [(CONDEMN, EXPIRED), (CONDEMN, EXPIRED), (CONDEMN, WAITING)]


async def test_nobody_is_asked_again_while_something_waits(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        await taken_out(core, sweeps)
        await sweeps.sweep(core, {(BAD, DEAD)})
        *_, condemn = await directives(core, BAD)
        await core.decide(OMAR, condemn.directive_id, approve=False)
        place.clock.sleep(23 * 3600)
        await core.issue(JANE, asking(REINSTATE, on=BAD, requires_approval=True))
        place.clock.sleep(3600)
        await core.upkeep()

        assert await asked(core) == [(CONDEMN, DirectiveStatus.DENIED), (REINSTATE, WAITING)]


async def test_the_second_return_within_a_month_waits_for_a_person(either: Place):
    sweeps = Sweeps(either, GPUS, SMS)
    async with either.running() as core:
        await taken_out(core, sweeps)
        await passes(core, sweeps)
        assert await state(core, BAD) is HealthState.HEALTHY
    async with either.running() as core:
        either.clock.sleep(29 * DAY_S)
        await taken_out(core, sweeps)
        await passes(core, sweeps)

        assert (await path(core, BAD))[-1] == "DEEP_TEST"
        *_, back = await directives(core, BAD)
        assert (back.directive.action, back.status) == (REINSTATE, WAITING)
        assert "it came back from one 29 days ago" in back.directive.reason
        await core.decide(OMAR, back.directive_id, approve=True)
        assert await state(core, BAD) is HealthState.HEALTHY


async def test_a_return_after_a_month_needs_nobody(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        for _ in range(2):
            await taken_out(core, sweeps)
            await passes(core, sweeps)
            assert await state(core, BAD) is HealthState.HEALTHY
            place.clock.sleep(30 * DAY_S)


async def test_a_return_that_waits_is_asked_for_again_and_taken_back_by_a_common_cause(place: Place, sweeps: Sweeps):
    wrong = {(gpu, sm) for gpu in GPUS for sm in range(SMS)}
    async with place.running() as core:
        for _ in range(2):
            await taken_out(core, sweeps)
            await passes(core, sweeps)
        place.clock.sleep(DAY_S)
        await core.upkeep()
        await sweeps.sweep(core, wrong - {(BAD, DEAD)})

        told = (await asked(core))[-2:]
    assert told == [(REINSTATE, EXPIRED), (REINSTATE, DirectiveStatus.WITHDRAWN)]


async def test_an_sm_that_was_named_once_does_not_keep_a_gpu_in_its_test(place: Place, sweeps: Sweeps):
    odd = ProbeExecution("odd", 1, BAD, 900, 1, time_ns=place.clock.ns)
    async with place.running() as core:
        for _ in range(30):
            await sweeps.sweep(core)
        await core.report_probes(AGENT, ProbeBatch(BAD.hostname, (odd,), 7777))
        await taken_out(core, sweeps)
        await passes(core, sweeps)

        assert await state(core, BAD) is HealthState.HEALTHY


async def test_a_blamed_sm_that_vanished_is_told_once(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        await taken_out(core, sweeps)
        for _ in range(2):
            await passes(core, sweeps, sms=[sm for sm in range(SMS) if sm != DEAD])
        assert await state(core, BAD) is HealthState.DEEP_TEST

    told = [one.fields["sm_id"] for one in events(place) if one.event == "deep_test.blamed_sm_silent"]
    assert told == [str(DEAD)]


async def test_a_gpu_most_of_whose_sms_vanished_is_a_persons_to_decide_once_a_day(either: Place):
    sweeps = Sweeps(either, GPUS, SMS)
    async with either.running() as core:
        await taken_out(core, sweeps)
        for _ in range(2):
            await passes(core, sweeps, sms=[DEAD])
        await core.upkeep()
        assert await asked(core) == []
        either.clock.sleep(4 * 3600)
        await core.upkeep()
        assert await asked(core) == [(CONDEMN, WAITING)]
    async with either.running() as core:
        for _ in range(2):
            either.clock.sleep(12 * 3600)
            await core.upkeep()
        assert await asked(core) == [(CONDEMN, EXPIRED), (CONDEMN, WAITING)]

    told = [one.fields["sms"] for one in events(either) if one.event == "deep_test.stuck"]
    assert told == ["0, 1, 3"] * 2


async def test_sms_that_come_back_take_the_proposal_back(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        await taken_out(core, sweeps)
        await passes(core, sweeps, sms=[DEAD])
        place.clock.sleep(4 * 3600)
        await core.upkeep()
        await passes(core, sweeps)

        assert await asked(core) == [(CONDEMN, DirectiveStatus.WITHDRAWN), (REINSTATE, DirectiveStatus.EXECUTED)]


async def test_what_had_a_common_cause_until_lately_ends_no_test(place: Place):
    old, new = fleet(8, 1, "NVIDIA A100"), fleet(12, 1, "NVIDIA H100")
    sweeps, last = Sweeps(place, [*old, *new], 2), new[-1]
    async with place.running() as core:
        for _ in range(2):
            await sweeps.sweep(core, {(gpu, sm) for gpu in new for sm in range(2)})
        for _ in range(4):
            place.clock.sleep(1500)
            await sweeps.sweep(core, {(last, 0), (last, 1)})
        await core.issue(JANE, asking(Action.QUARANTINE, on=last))
        await core.issue(JANE, asking(Action.SCHEDULE_DEEP_TEST, on=last))
        await sweeps.sweep(core, {(last, 0), (last, 1)})

        assert not core._memory.guards
        test = (await core.gpu_health(last.uuid)).deep_test
        assert test is not None
        assert (test.outcome, test.failures) == (DeepTestOutcome.OPEN, 0)
        for _ in range(10):
            place.clock.sleep(1500)
            await sweeps.sweep(core, {(last, 0), (last, 1)})

        *_, condemn = await directives(core, last)
    assert (condemn.directive.action, condemn.status) == (CONDEMN, WAITING)
    assert "still fails as many GPUs did" in condemn.directive.reason
