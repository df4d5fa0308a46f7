"""An approval is decided once, in time, and only for what was shown."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import update
from tests.storage.given import at

from gcm_sentinel.domain.action_record import Approval, ApprovalState, Decision
from gcm_sentinel.domain.errors import NotFound, Refused
from gcm_sentinel.storage.approvals import Approvals
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.migrate import released
from gcm_sentinel.storage.schema import approvals as table

ASKED = Approval("ap-1", "inc-1", "inc-1/cordon_node/uid-7", "d1", at(0), at(30))
YES = Decision(approve=True, digest="d1", by="ada", channel="slack", at=at(5), reason="seen the log")
NO = replace(YES, approve=False, by="bob", channel="cli")


@pytest.fixture
async def approvals(database) -> Approvals:
    """One approval that waits."""
    stored = Approvals(database)
    await stored.ask(ASKED)
    return stored


async def test_it_waits_until_it_expires(approvals):
    assert await approvals.waiting(at(29)) == (ASKED,)
    assert await approvals.waiting(at(30)) == ()


async def test_a_decision_says_who_where_and_when(approvals):
    decided = await approvals.decide("ap-1", YES)

    assert decided.won
    assert decided.approval == replace(
        ASKED,
        state=ApprovalState.APPROVED,
        decided_at=at(5),
        decided_by="ada",
        channel="slack",
        reason="seen the log",
    )
    assert await approvals.waiting(at(6)) == ()


async def test_who_comes_second_is_told_who_was_first(approvals):
    await approvals.decide("ap-1", NO)

    late = await approvals.decide("ap-1", replace(YES, at=at(40)))

    assert not late.won
    assert (late.approval.state, late.approval.decided_by) == (ApprovalState.REFUSED, "bob")


async def test_of_many_who_decide_at_once_one_wins(approvals):
    people = [replace(YES if number % 2 else NO, by=f"person-{number}") for number in range(16)]

    answers = await asyncio.gather(*(approvals.decide("ap-1", decision) for decision in people))

    winners = [decision for decision, answer in zip(people, answers, strict=True) if answer.won]
    assert len(winners) == 1
    assert {answer.approval.decided_by for answer in answers} == {winners[0].by}


async def test_it_is_too_late_once_it_has_expired(approvals):
    with pytest.raises(Refused, match="'ap-1' expired at 2026-11-21T03:30:00"):
        await approvals.decide("ap-1", replace(YES, at=at(30)))

    assert await approvals.get("ap-1") == ASKED


async def test_a_decision_about_something_else_does_not_count(approvals):
    with pytest.raises(Refused, match="look at it again"):
        await approvals.decide("ap-1", replace(YES, digest="d2"))

    assert await approvals.get("ap-1") == ASKED


async def test_asking_again_finds_what_was_decided(approvals):
    await approvals.decide("ap-1", YES)

    again = await approvals.ask(replace(ASKED, expires_at=at(99)))

    assert (again.state, again.expires_at) == (ApprovalState.APPROVED, at(30))


async def test_an_unknown_approval_cannot_be_decided(approvals):
    with pytest.raises(NotFound, match="no approval 'ap-9'"):
        await approvals.decide("ap-9", YES)


async def test_a_question_that_was_withdrawn_was_decided_by_nobody(approvals):
    assert await approvals.withdraw(ASKED, at(5), "a newer investigation does not advise it")
    assert not await approvals.withdraw(ASKED, at(6), "again")

    found = await approvals.get("ap-1")
    said = (found.decided_by, found.channel, found.decided_at, found.reason)
    assert found.withdrawn
    assert said == ("", "", at(5), "a newer investigation does not advise it")
    with pytest.raises(Refused, match="was withdrawn: a newer investigation"):
        await approvals.decide("ap-1", YES)


async def test_a_question_that_an_older_version_took_back_reads_as_withdrawn(database_url, clock):
    old_form = {"state": "refused", "decided_by": "withdrawn", "channel": "withdrawn", "reason": "over"}
    async with Database.open(database_url, clock=clock, steps=released()[:6]) as old:
        await Approvals(old).ask(ASKED)
        async with old.writing() as connection:
            await connection.execute(update(table).values(old_form))

    async with Database.open(database_url, clock=clock) as database:
        found = await Approvals(database).get("ap-1")

    assert found is not None
    assert (found.withdrawn, found.decided_by, found.reason) == (True, "", "over")


async def test_so_does_one_that_it_takes_back_beside_this_version(approvals, database):
    old_form = {"state": "refused", "decided_by": "withdrawn", "channel": "withdrawn", "reason": "over"}
    async with database.writing() as connection:
        await connection.execute(update(table).values(old_form))

    found = await approvals.get("ap-1")

    assert (found.withdrawn, found.decided_by, found.channel, found.reason) == (True, "", "", "over")
    with pytest.raises(Refused, match="was withdrawn: over"):
        await approvals.decide("ap-1", YES)
