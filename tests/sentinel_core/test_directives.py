"""Directives: what they do, who must agree, and what becomes of those that wait."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.sentinel_core.gateway import AGENT, JANE, OMAR, Place, asking, batch, execution, failures, gpu
from tests.sentinel_core.test_what_is_recorded import recorded

from sentinel.ext.v1.records_pb2 import SystemRecord
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.directives import (
    MAX_EVIDENCE,
    NAMELESS,
    DirectiveFilter,
    DirectiveStatus,
    action_of,
    checked,
)
from sentinel_gateway.domain.errors import AlreadyThere, Denied, GatewayError, IllegalState, Invalid, NotKnown
from sentinel_gateway.domain.health import EDGES, Action, HealthState
from sentinel_gateway.domain.roles import Caller, Role
from sentinel_gateway.domain.settings import ApprovalSettings, CoreSettings

Q, D, R, C = Action.QUARANTINE, Action.SCHEDULE_DEEP_TEST, Action.REINSTATE, Action.CONDEMN
ALONE = CoreSettings(approvals=ApprovalSettings(frozenset()))
WAITING, EXECUTED = DirectiveStatus.WAITING, DirectiveStatus.EXECUTED
PATHS = {
    HealthState.HEALTHY: (),
    HealthState.QUARANTINED: (Q,),
    HealthState.DEEP_TEST: (Q, D),
    HealthState.CONDEMNED: (C,),
}


async def knowing(core: Core) -> Core:
    await core.report_probes(AGENT, batch(execution()))
    return core


async def state(core: Core) -> HealthState:
    return (await core.gpu_health(gpu().uuid)).state


@pytest.mark.parametrize("start", PATHS, ids=lambda value: value.name)
async def test_exactly_the_edges_of_the_table_exist(place: Place, start: HealthState):
    place.settings = ALONE
    async with place.running() as core:
        for number, action in enumerate((Q, D, R, C)):
            on = gpu(number)
            await core.report_probes(AGENT, batch(execution(on=on), sequence=number))
            for step in PATHS[start]:
                await core.issue(JANE, asking(step, on=on))
            try:
                reached = (await core.issue(JANE, asking(action, on=on))).resulting_state
            except IllegalState:
                reached = None
            assert reached == EDGES[start].get(action)


async def test_a_directive_leaves_its_trace(place: Place):
    async with place.running() as core:
        await knowing(core)
        done = await core.issue(JANE, asking(Q, "d-1", initiated_by="operator:jane", evidence=("p-1",)))

        record = await core.directive("d-1")
        health = await core.gpu_health(gpu().uuid)
    assert (done.status, done.resulting_state) == (EXECUTED, HealthState.QUARANTINED)
    assert (record.issued_by, record.directive.initiated_by) == ("jane", "operator:jane")
    assert record.directive.evidence == ("p-1",)
    assert (record.from_state, record.resulting_state) == (HealthState.HEALTHY, HealthState.QUARANTINED)
    assert health.state_change_reason == "because"


async def test_the_gateway_makes_ids_that_sort_by_time(place: Place):
    async with place.running() as core:
        await knowing(core)
        first = (await core.issue(JANE, asking(Q))).directive_id
        place.clock.sleep(1)
        assert (await core.issue(JANE, asking(R))).directive_id > first


async def test_the_same_directive_again_answers_as_before_and_does_nothing(either: Place):
    async with either.running() as core:
        await knowing(core)
        first = await core.issue(JANE, asking(Q, "d-1"))
        await core.issue(JANE, asking(R, "d-2"))
    async with either.running() as core:
        assert await core.issue(JANE, asking(Q, "d-1")) == first
        assert await state(core) is HealthState.HEALTHY


async def test_at_the_same_time_it_is_done_once(place: Place):
    async with place.running() as core:
        await knowing(core)
        answers = await asyncio.gather(*(core.issue(JANE, asking(Q, "d-1")) for _ in range(10)))

        assert len(set(answers)) == 1
        assert core.counters.directives == {"executed": 1}


@pytest.mark.parametrize("other", [{"action": C}, {"reason": "other"}, {"evidence": ("x",)}, {"priority": 3}])
async def test_an_id_cannot_be_used_for_another_directive(place: Place, other: dict[str, object]):
    async with place.running() as core:
        await knowing(core)
        await core.issue(JANE, asking(Q, "d-1"))

        with pytest.raises(AlreadyThere):
            await core.issue(JANE, replace(asking(Q, "d-1"), **other))  # type: ignore[arg-type]
        with pytest.raises(AlreadyThere):
            await core.issue(OMAR, asking(Q, "d-1"))


async def test_condemning_waits_for_a_person(place: Place):
    async with place.running() as core:
        await knowing(core)
        outcome = await core.issue(JANE, asking(C, "d-1"))

        assert (outcome.status, outcome.resulting_state) == (WAITING, HealthState.HEALTHY)
        assert await state(core) is HealthState.HEALTHY
        assert (await core.decide(OMAR, "d-1", approve=True)).status is EXECUTED
        assert await state(core) is HealthState.CONDEMNED


async def test_a_request_can_ask_to_wait(place: Place):
    async with place.running() as core:
        await knowing(core)
        assert (await core.issue(JANE, asking(Q, requires_approval=True))).status is WAITING


async def test_denied_it_never_happens(place: Place):
    async with place.running() as core:
        await knowing(core)
        await core.issue(JANE, asking(C, "d-1"))
        record = await core.decide(OMAR, "d-1", approve=False, comment="not yet")

        assert record.status is DirectiveStatus.DENIED
        assert record.directive.approval is not None
        assert (record.directive.approval.reviewer, record.directive.approval.comment) == ("omar", "not yet")
        assert await state(core) is HealthState.HEALTHY


@pytest.mark.parametrize("reviewer", ["jane", "robot"])
async def test_nobody_decides_what_they_issued_or_initiated(place: Place, reviewer: str):
    async with place.running() as core:
        await knowing(core)
        await core.issue(JANE, asking(C, "d-1", initiated_by="robot"))

        with pytest.raises(Denied):
            await core.decide(Caller(reviewer, frozenset(), "token"), "d-1", approve=True)
        assert await state(core) is HealthState.HEALTHY


async def test_four_eyes_can_be_switched_off(place: Place):
    place.settings = CoreSettings(approvals=ApprovalSettings(four_eyes=False))
    async with place.running() as core:
        await knowing(core)
        await core.issue(JANE, asking(C, "d-1"))
        assert (await core.decide(JANE, "d-1", approve=True)).status is EXECUTED


async def test_the_same_decision_again_answers_the_same(either: Place):
    async with either.running() as core:
        await knowing(core)
        await core.issue(JANE, asking(C, "d-1"))
        first = await core.decide(OMAR, "d-1", approve=True)
    async with either.running() as core:
        assert await core.decide(OMAR, "d-1", approve=True) == first
        with pytest.raises(IllegalState, match="EXECUTED by omar"):
            await core.decide(OMAR, "d-1", approve=False)


async def test_of_two_decisions_at_the_same_time_one_wins(place: Place):
    async with place.running() as core:
        await knowing(core)
        await core.issue(JANE, asking(C, "d-1"))
        answers = await asyncio.gather(
            core.decide(OMAR, "d-1", approve=True), core.decide(OMAR, "d-1", approve=False), return_exceptions=True
        )

        assert sum(isinstance(answer, GatewayError) for answer in answers) == 1


async def test_what_was_executed_without_waiting_cannot_be_decided(place: Place):
    async with place.running() as core:
        await knowing(core)
        await core.issue(JANE, asking(Q, "d-1"))
        with pytest.raises(IllegalState, match="does not wait"):
            await core.decide(OMAR, "d-1", approve=True)


async def test_approved_too_late_for_the_state_it_is_overtaken(place: Place):
    async with place.running() as core:
        await knowing(core)
        await core.issue(JANE, asking(Q, "d-1", requires_approval=True))
        await core.issue(JANE, asking(Q, "d-2"))
        record = await core.decide(OMAR, "d-1", approve=True)

        assert record.status is DirectiveStatus.OVERTAKEN
        assert "QUARANTINED" in record.note
        assert record.resulting_state is await state(core) is HealthState.QUARANTINED


async def test_a_condemnation_that_waited_through_a_reinstatement_condemns_nobody(place: Place):
    async with place.running() as core:
        await knowing(core)
        await core.issue(JANE, asking(Q, "d-1"))
        await core.issue(JANE, asking(C, "d-2"))
        await core.issue(JANE, asking(R, "d-3"))
        record = await core.decide(OMAR, "d-2", approve=True)

        assert record.status is DirectiveStatus.OVERTAKEN
        assert "was QUARANTINED when this was asked and is HEALTHY now" in record.note
        assert await state(core) is HealthState.HEALTHY


async def test_a_state_that_came_back_is_not_the_one_that_was_asked_about(either: Place):
    async with either.running() as core:
        await knowing(core)
        await core.issue(JANE, asking(C, "d-1"))
        await core.issue(JANE, asking(Q, "d-2"))
        await core.issue(JANE, asking(R, "d-3"))
    async with either.running() as core:
        record = await core.decide(OMAR, "d-1", approve=True)

        assert record.status is DirectiveStatus.OVERTAKEN
        assert "was HEALTHY when this was asked and is HEALTHY again, after other states" in record.note
        assert await state(core) is HealthState.HEALTHY


async def test_what_became_worse_must_be_asked_about_again(place: Place):
    async with place.running() as core:
        await knowing(core)
        await core.issue(JANE, asking(C, "d-1"))
        await core.issue(JANE, asking(Q, "d-2"))

        assert (await core.decide(OMAR, "d-1", approve=True)).status is DirectiveStatus.OVERTAKEN
        assert await state(core) is HealthState.QUARANTINED


async def test_a_reinstatement_asked_before_the_quarantine_does_not_lift_it(place: Place):
    async with place.running() as core:
        await core.report_probes(AGENT, batch(*failures(2)))
        await core.issue(JANE, asking(R, "d-1", requires_approval=True))
        await core.issue(JANE, asking(Q, "d-2"))

        assert (await core.decide(OMAR, "d-1", approve=True)).status is DirectiveStatus.OVERTAKEN
        assert await state(core) is HealthState.QUARANTINED


async def test_nobody_decides_in_time(either: Place):
    async with either.running() as core:
        await knowing(core)
        await core.issue(JANE, asking(C, "d-1"))
        either.clock.sleep(86_399)
        await core.upkeep()
        assert (await core.directive("d-1")).status is WAITING
    either.clock.sleep(1)
    async with either.running() as core:
        with pytest.raises(IllegalState, match="EXPIRED"):
            await core.decide(OMAR, "d-1", approve=True)
        assert (await core.directive("d-1")).status is DirectiveStatus.EXPIRED


async def test_where_access_is_insecure_the_nameless_decide_their_own_and_it_is_noted(place: Place):
    somebody = Caller("anonymous", frozenset({Role.ADMIN, Role.AGENT}), "none")
    async with place.running() as core:
        await knowing(core)
        await core.issue(somebody, asking(C, "d-1"))
        with pytest.raises(Denied):
            await core.decide(somebody, "d-1", approve=True)
    place.settings = CoreSettings(approvals=ApprovalSettings(insecure=True))
    async with place.running() as core:
        record = await core.decide(somebody, "d-1", approve=True)
        assert (record.status, record.note) == (EXECUTED, NAMELESS)
        await core.report_probes(AGENT, batch(execution(on=gpu(1)), sequence=1))
        await core.issue(JANE, asking(C, "d-2", on=gpu(1)))
        with pytest.raises(Denied):
            await core.decide(JANE, "d-2", approve=True)
    told = [SystemRecord.FromString(entry.data).fields for entry in recorded(place, 3)]
    assert [fields.get("note") for fields in told] == [None, NAMELESS, None]


async def test_waiting_survives_a_restart(either: Place):
    async with either.running() as core:
        await knowing(core)
        await core.issue(JANE, asking(C, "d-1"))
    async with either.running() as core:
        assert (await core.decide(OMAR, "d-1", approve=True)).resulting_state is HealthState.CONDEMNED


async def test_reinstating_starts_the_score_again_and_keeps_the_counts(place: Place):
    async with place.running() as core:
        await core.report_probes(AGENT, batch(*failures(2, 4)))
        await core.issue(JANE, asking(R))

        health = await core.gpu_health(gpu().uuid, with_sms=True)
        assert (health.state, health.alpha, health.beta) == (HealthState.HEALTHY, 100.0, 1.0)
        assert (health.probe_fail_count, health.sm_health[0].probe_fail_count) == (2, 2)
        assert health.sm_health[0].reliability_score == 100 / 101
        await core.report_probes(AGENT, batch(execution(100), sequence=1))
        assert await state(core) is HealthState.HEALTHY


async def test_pages_run_from_the_newest_to_the_oldest(either: Place):
    async with either.running() as core:
        await knowing(core)
        for number in range(5):
            await core.issue(JANE, asking(Q if number % 2 == 0 else R, f"d-{number}"))
        first = await core.directives(DirectiveFilter(gpu().uuid), 2)
        second = await core.directives(DirectiveFilter(gpu().uuid), 10, first.next_page_token)

        ids = [record.directive_id for record in first.directives + second.directives]
        assert ids == ["d-4", "d-3", "d-2", "d-1", "d-0"]
        assert second.next_page_token == ""


async def test_pages_can_be_of_one_gpu_and_of_some_statuses(either: Place):
    async with either.running() as core:
        await knowing(core)
        await core.report_probes(AGENT, batch(execution(on=gpu(1)), sequence=1))
        await core.issue(JANE, asking(Q, "d-1"))
        await core.issue(JANE, asking(C, "d-2"))
        await core.issue(JANE, asking(Q, "d-3", on=gpu(1)))

        waiting = await core.directives(DirectiveFilter(statuses=(WAITING, DirectiveStatus.DENIED)))
        assert [record.directive_id for record in waiting.directives] == ["d-2"]
        mine = await core.directives(DirectiveFilter(gpu(1).uuid, (EXECUTED,)))
        assert [record.directive_id for record in mine.directives] == ["d-3"]


async def test_a_token_of_another_query_is_refused(place: Place):
    async with place.running() as core:
        await knowing(core)
        for number, action in enumerate((Q, R)):
            await core.issue(JANE, asking(action, f"d-{number}"))
        page = await core.directives(DirectiveFilter(), 1)

        for token in (page.next_page_token, "x", page.next_page_token[:-2]):
            with pytest.raises(Invalid):
                await core.directives(DirectiveFilter(gpu().uuid), 1, token)


INVALID = {
    "no uuid": {"gpu_uuid": ""},
    "an action of the gateway's own": {"action": Action.MARK_SUSPECT},
    "a long reason": {"reason": "x" * 4097},
    "a NUL": {"reason": "a\0b"},
    "half a character": {"reason": "\ud800"},
    "a long id": {"directive_id": "x" * 257},
    "much evidence": {"evidence": ("x",) * (MAX_EVIDENCE + 1)},
    "a time after all": {"time_ns": 1 << 63},
}


@pytest.mark.parametrize("name", INVALID)
def test_what_cannot_be_stored_is_invalid(name: str):
    with pytest.raises(Invalid):
        checked(replace(asking(Q), **INVALID[name]))  # type: ignore[arg-type]


async def test_a_gpu_nobody_reported_about_is_not_known(place: Place):
    async with place.running() as core:
        with pytest.raises(NotKnown):
            await core.issue(JANE, asking(Q))
        with pytest.raises(NotKnown):
            await core.decide(JANE, "d-1", approve=True)
        with pytest.raises(NotKnown):
            await core.directive("d-1")


def test_an_unknown_action_is_named():
    assert action_of(4) is D
    with pytest.raises(Invalid, match="action 7"):
        action_of(7)


async def test_too_long_a_stay_is_recorded_and_asked_about_once_and_changes_nothing(place: Place):
    place.settings = replace(ALONE, history=replace(ALONE.history, summary_interval=timedelta(days=9)))
    async with place.running() as core:
        await knowing(core)
        await core.issue(JANE, asking(Q))
        await core.issue(JANE, asking(D))
        place.clock.sleep(14_400)
        before = core.counters.entries
        await core.upkeep()
        await core.upkeep()

        assert core.counters.entries == before + 3
        assert await state(core) is HealthState.DEEP_TEST
