"""How an order is ruled on and begun: the gate's words, people's, and the limits, each turned into the order's state.

Both are work of recorded steps (action_job.py). Each may be done again after a crash, by this process or another, in
another mode even, and comes to the same unless the world or the mode is another by then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from gcm_sentinel.app.life.action_keys import approval_id, follows, job_of, try_of
from gcm_sentinel.app.life.limits import Limits
from gcm_sentinel.app.life.patience import patiently
from gcm_sentinel.app.life.refusing import grown_old, leave_no_question, refusal_of
from gcm_sentinel.app.life.still_wanted import StillWanted
from gcm_sentinel.app.stores import Stores
from gcm_sentinel.domain.acting_policy import ActingPolicy, Capacity
from gcm_sentinel.domain.action_record import (
    NOT_BEGUN,
    UNDER_WAY,
    ActionRecord,
    ActionState,
    Approval,
    ApprovalState,
    Refusal,
)
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.gate import Ruling, Verdict, asks_about_everything
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.remediation.capture import Capture
from gcm_sentinel.remediation.execute import Executor
from gcm_sentinel.remediation.judge import Ground, Judge
from gcm_sentinel.remediation.survey import Surveyor
from gcm_sentinel.storage.actions import Step

log = structlog.get_logger(__name__)

_HOUR = timedelta(hours=1)
_PATIENCE = timedelta(minutes=10)
"""How long the API server may be away before an order is refused for it."""


_LED_ELSEWHERE = frozenset({ApprovalState.APPROVED, ApprovalState.WITHDRAWN})
"""Questions whose answer others follow; what a person refused is refused by whoever finds it."""


@dataclass(frozen=True, slots=True)
class Acting:
    """What acts, and within which limits."""

    judge: Judge
    executor: Executor
    surveyor: Surveyor
    policy: ActingPolicy
    capture: Capture | None = None
    """None where no source can read: what destroys evidence is refused then."""


class Rulings:
    """Rules on the orders of one process, and begins them."""

    def __init__(self, stores: Stores, acting: Acting, clock: Clock, *, executor: str) -> None:
        """`executor` is this process in the records."""
        self._stores = stores
        self._acting = acting
        self._clock = clock
        self._executor = executor

    async def rule(self, record: ActionRecord, key: str, *, captured: bool) -> Ruling:
        """The ruling on an order, with its state moved accordingly; a repeated call comes to the same."""
        found = await patiently("action", partial(self._stores.actions.get, record.id))
        if found is None or found.state not in NOT_BEGUN:
            return await self._too_late(record, found, key)
        return await self._rule(record, key, captured=captured)

    async def begin(self, record: ActionRecord, key: str, *, rule_again: bool, captured: bool) -> Ruling:
        """Begin it where the limits allow, as nobody else begins anything at that moment; a repeated call comes to the
        same.

        `rule_again`: the ruling that allowed it was given by a process that is no more, nobody knows how long ago.
        """
        found = await patiently("action", partial(self._stores.actions.get, record.id))
        if found is not None and found.state is ActionState.RUNNING and job_of(found) == key:
            return Ruling(Verdict.ALLOWED, ("begun",))  # by this job: the answer was lost
        if rule_again and found is not None and found.state in NOT_BEGUN:
            ruling = await self._rule(record, key, captured=captured)
            if ruling.verdict is not Verdict.ALLOWED:
                return ruling
        return await self._begin(record, key)

    async def goes_on(self, record: ActionRecord, key: str, *, resumed: bool) -> StillWanted:
        """This process sees the order through by the job of `key`; what tells whether that is still wanted.

        `resumed`: another process may have begun it, which is to leave it to this one.
        """
        step = Step(ActionState.RUNNING, self._clock.now(), executor=self._executor, job=key)
        if resumed:
            await patiently("action", partial(self._stores.actions.take_over, record.id, step))
        mine = f"{self._executor} {key}"
        return StillWanted(self._stores, record, self._clock, lasts=self._acting.policy.order_lasts, mine=mine)

    async def _rule(self, record: ActionRecord, key: str, *, captured: bool) -> Ruling:
        """The ruling on what was not begun when it was looked at, settled."""
        asked = await patiently("approval", partial(self._stores.approvals.of_action, record.id))
        if asked is not None and asked.state in _LED_ELSEWHERE and follows(key) != asked.id:
            words = "the question was withdrawn" if asked.withdrawn else f"{asked.decided_by} decided about it"
            return Ruling(Verdict.ASK, (f"{words} meanwhile, and that is followed",))
        approved = _is_approved(record, asked, key)
        ruling = self._answered(asked) or await self._ruled(record, approved=approved, captured=captured)
        await patiently("ruling", partial(self._settle, record, ruling))
        return ruling

    async def _begin(self, record: ActionRecord, key: str) -> Ruling:
        ruling, limits = await patiently("begin", partial(self._try_to_begin, record, key))
        if limits is not None and limits.overload:
            surveyor = self._acting.surveyor
            await patiently("breaker", partial(surveyor.open_breaker, self._clock.now(), limits.overload))
        if limits is not None and limits.busy:
            await patiently("put off", partial(self._stores.actions.put_off, record.id, try_of(key), ruling.reason))
        elif ruling.verdict is not Verdict.ALLOWED:
            await patiently("ruling", partial(self._settle, record, ruling))
        else:
            await patiently("question", partial(leave_no_question, self._stores, record, self._clock.now()))
        return ruling

    def _answered(self, asked: Approval | None) -> Ruling | None:
        """The refusal of an order that a person has refused, or approved too long ago; None for any other."""
        if asked is None:
            return None
        now = self._clock.now()
        if asked.state is ApprovalState.REFUSED and (said := refusal_of(asked, now)):
            return Ruling(Verdict.REFUSED, said[:1], said[1])
        words = grown_old(asked, self._acting.policy.approval_lasts, now)
        return Ruling(Verdict.REFUSED, (words,), Refusal.EXPIRED) if words else None

    async def _too_late(self, record: ActionRecord, found: ActionRecord | None, key: str) -> Ruling:
        """Nothing is to be ruled on any more. What this job itself has begun has lost its recorded steps: nobody knows
        how far it came, so nothing more is sent."""
        if found is None:
            return Ruling(Verdict.REFUSED, ("it is not stored any more",))
        await patiently("question", partial(leave_no_question, self._stores, record, self._clock.now()))
        if found.state in UNDER_WAY and job_of(found) == key:
            log.error("action.steps_lost", state=str(found.state))
            note = "it was begun, and the record of how far it came is lost: a person must look"
            step = Step(ActionState.FAILED, self._clock.now(), note=note)
            await patiently("action", partial(self._stores.actions.advance, record.id, step))
        return Ruling(Verdict.REFUSED, (f"it is {found.state} already",))

    async def _ruled(self, record: ActionRecord, *, approved: bool, captured: bool) -> Ruling:
        stored = await patiently("ground", partial(self._stores.investigations.get, record.order.investigation_id))
        if stored is None or stored.incident is None or stored.assessment is None:
            return Ruling(Verdict.REFUSED, ("the assessment it rests on is not stored any more",))
        ground = Ground(stored.incident, stored.assessment, stored.evidence, captured)
        rule = partial(self._acting.judge.rule, record.order, ground, approved=approved)
        try:
            return await patiently("rule", rule, at_most=_PATIENCE)
        except SentinelError as error:
            return Ruling(Verdict.REFUSED, (f"the world could not be read: {error}",))

    async def _try_to_begin(self, record: ActionRecord, key: str) -> tuple[Ruling, Limits | None]:
        """The ruling, and the limits as they were asked; None where they were not."""
        now = self._clock.now()
        asked = await self._stores.approvals.of_action(record.id)
        approved = _is_approved(record, asked, key)
        before = self._answered(asked) or self._must_ask(approved=approved)
        if before is not None:
            return before, None
        try:
            counted = await patiently("capacity", self._count, at_most=_PATIENCE)
        except SentinelError as error:
            return Ruling(Verdict.REFUSED, (f"the fleet could not be counted: {error}",)), None
        limits = Limits(record, counted, self._acting.policy, approved=approved)
        step = Step(ActionState.RUNNING, self._clock.now(), executor=self._executor, job=key)
        reason = await self._stores.actions.begin(record.id, step, now - _HOUR, limits, counted_at=now)
        if not reason:
            return Ruling(Verdict.ALLOWED, ("begun",)), None
        return limits.ruling or Ruling(Verdict.REFUSED, (reason,)), limits

    def _must_ask(self, *, approved: bool) -> Ruling | None:
        """The question about an order that was allowed in another mode than this process has; None where none is."""
        words = "" if approved else asks_about_everything(self._acting.judge.mode)
        return Ruling(Verdict.ASK, (words,)) if words else None

    async def _count(self) -> Capacity:
        return await self._acting.surveyor.capacity(newest=True)

    async def _settle(self, record: ActionRecord, ruling: Ruling) -> None:
        """Write a ruling down; what has gone further meanwhile is left alone."""
        now, actions, reason = self._clock.now(), self._stores.actions, ruling.reason
        match ruling.verdict:
            case Verdict.REFUSED:
                step = Step(ActionState.REFUSED, now, ruling=reason, note=reason, leaves=NOT_BEGUN)
                await actions.advance(record.id, replace(step, refusal=ruling.refusal))
            case Verdict.ASK:
                await self._stores.approvals.ask(self._question(record, now))
                await actions.advance(record.id, Step(ActionState.WAITING, now, ruling=reason))
            case Verdict.ALLOWED:
                await actions.advance(record.id, Step(ActionState.APPROVED, now, ruling=reason))
                return
        await leave_no_question(self._stores, record, now)

    def _question(self, record: ActionRecord, now: datetime) -> Approval:
        return Approval(
            id=approval_id(record),
            incident_id=record.order.incident_id,
            action_id=record.id,
            digest=record.order.digest,
            requested_at=now,
            expires_at=now + self._acting.policy.approval_lasts,
        )


def _is_approved(record: ActionRecord, asked: Approval | None, key: str) -> bool:
    """Whether the job of `key` follows a person's approval of exactly this order."""
    if asked is None or asked.state is not ApprovalState.APPROVED:
        return False
    return follows(key) == asked.id and asked.digest == record.order.digest
