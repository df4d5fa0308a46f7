"""Refusing what was not begun, with what became of the question about it.

Whoever ends such an order, and for whatever reason: what a person said, or that nobody did in time, is kept with it,
because a later order for the same has to respect it (domain/gate.py). And a question about what is over is taken back.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from gcm_sentinel.app.stores import Stores
from gcm_sentinel.domain.action_record import NOT_BEGUN, ActionRecord, ActionState, Approval, ApprovalState, Refusal
from gcm_sentinel.storage.actions import Step


def refusal_of(asked: Approval | None, now: datetime) -> tuple[str, Refusal] | None:
    """In words what ended the order that a question is about, and whose refusal that is; None where it may go on, or
    nobody was asked."""
    if asked is None:
        return None
    if asked.state is ApprovalState.REFUSED:
        words = f": {asked.reason}" if asked.reason else ""
        return f"{asked.decided_by} refused by {asked.channel}{words}", Refusal.PERSON
    if asked.withdrawn:
        return asked.reason, Refusal.RULED
    if asked.state is ApprovalState.WAITING and asked.expires_at <= now:
        return f"nobody decided until {asked.expires_at.isoformat()}", Refusal.EXPIRED
    words = grown_old(asked, asked.expires_at - asked.requested_at, now)
    return (words, Refusal.EXPIRED) if words else None


def grown_old(asked: Approval, lasts: timedelta, now: datetime) -> str:
    """Why an approval does not count any more, `lasts` after it was given; empty for any other, and for no approval."""
    if asked.state is not ApprovalState.APPROVED or asked.decided_at is None or now - asked.decided_at <= lasts:
        return ""
    given = f"{asked.decided_by} approved it at {asked.decided_at.isoformat()}"
    return f"{given}, and an approval holds for {lasts.total_seconds() / 60:.0f} min"


async def refuse(stores: Stores, record: ActionRecord, step: Step) -> bool:
    """Have `record` refused as `step` says, or as the question about it ended, which is withdrawn where people could
    still answer it; whether this call did.

    Raises:
        Retryable: the database is away.
    """
    found = await stores.actions.get(record.id)
    if found is None or found.state not in (step.leaves or NOT_BEGUN):
        return False  # it has gone on since it was read, and so has the question
    asked = await stores.approvals.of_action(record.id)
    said = refusal_of(asked, step.at)
    waits = said is None and asked is not None and asked.state is ApprovalState.WAITING
    if asked is not None and waits and not await stores.approvals.withdraw(asked, step.at, step.note):
        said = refusal_of(await stores.approvals.of_action(record.id), step.at)  # it was decided just now
    words, whose = said or (step.note, step.refusal)
    ended = Step(ActionState.REFUSED, step.at, note=words, ruling=step.ruling, leaves=step.leaves, refusal=whose)
    return await stores.actions.advance(record.id, ended)


async def leave_no_question(stores: Stores, record: ActionRecord, now: datetime) -> None:
    """Withdraw the question about what cannot begin any more: nobody would follow an answer.

    Raises:
        Retryable: the database is away.
    """
    asked = await stores.approvals.of_action(record.id)
    if asked is None or asked.state is not ApprovalState.WAITING or asked.expires_at <= now:
        return
    found = await stores.actions.get(record.id)
    if found is not None and found.state not in NOT_BEGUN:
        await stores.approvals.withdraw(asked, now, found.note or f"it is {found.state} already")
