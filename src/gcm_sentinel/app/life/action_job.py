"""The job of the acting queue: a proposed or approved order is ruled on, begun, carried out and seen through.

    proposed -> rule -> refused | waiting (a person is asked; the job ends) | approved
    approved -> rule again -> begin (limits hold in one transaction) -> carry out -> check -> done | undone | failed

It runs once for the proposal and once more for each approval. After a crash it runs again from its first line, and
recorded steps answer from the record.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256

import structlog

from gcm_sentinel.app.life.patience import patiently
from gcm_sentinel.app.life.pulse import Pulse
from gcm_sentinel.app.stores import Stores
from gcm_sentinel.domain.acting_policy import ActingPolicy, Capacity
from gcm_sentinel.domain.action_record import ActionRecord, ActionState, Approval, ApprovalState
from gcm_sentinel.domain.errors import Retryable, SentinelError
from gcm_sentinel.domain.gate import Ruling, Verdict, over_capacity
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.domain.remediation import Carried
from gcm_sentinel.domain.steps import Codec, Steps
from gcm_sentinel.remediation.execute import Executor, Outcome
from gcm_sentinel.remediation.judge import Ground, Judge
from gcm_sentinel.remediation.survey import Surveyor
from gcm_sentinel.storage.actions import Abroad, Step

log = structlog.get_logger(__name__)

_HOUR = timedelta(hours=1)
_PATIENCE = timedelta(minutes=10)
"""How long the API server may be away before an order is refused for it."""


def _ruling_from_json(data: Json) -> Ruling:
    reader = JsonReader.of(data, "ruling")
    return Ruling(reader.member("verdict", Verdict), reader.texts("reasons"))


RULING: Codec[Ruling] = Codec(
    encode=lambda ruling: {"verdict": str(ruling.verdict), "reasons": list(ruling.reasons)}, decode=_ruling_from_json
)
TEXT: Codec[str] = Codec(encode=lambda text: text, decode=str)
NOTHING: Codec[None] = Codec(encode=lambda _none: None, decode=lambda _json: None)


PROPOSAL = "proposed"


def job_key(record: ActionRecord, approval: Approval | None = None) -> str:
    """What the queue knows a piece of work by: the proposal, or one approval of it."""
    return f"{record.id}@{approval.id if approval else PROPOSAL}"


def approval_id(record: ActionRecord) -> str:
    """Of the question about an order of one investigation: short enough to type."""
    return f"ap-{sha256(f'{record.id} {record.order.digest}'.encode()).hexdigest()[:10]}"


@dataclass(frozen=True, slots=True)
class Acting:
    """What acts, and within which limits."""

    judge: Judge
    executor: Executor
    surveyor: Surveyor
    policy: ActingPolicy


class ActionJob:
    """Sees one order through per key (`job_key`)."""

    def __init__(self, stores: Stores, acting: Acting, clock: Clock, pulse: Pulse, *, executor: str) -> None:
        """`executor` is this process in the records."""
        self._stores = stores
        self._acting = acting
        self._clock = clock
        self._pulse = pulse
        self._executor = executor

    async def __call__(self, key: str, steps: Steps) -> None:
        """Take the order `key` names as far as it goes now.

        Raises:
            SentinelError: storage is damaged; while it is only away, the job waits.
        """
        action_id, _, question = key.rpartition("@")
        record = await patiently("action", partial(self._stores.actions.get, action_id))
        if record is None:
            log.warning("action.unknown", action=action_id)
            return
        fields = {"action": action_id, "incident": record.order.incident_id}
        with structlog.contextvars.bound_contextvars(**fields):
            ruling = await steps.run("rule", partial(self._rule, record, question), RULING)
            if ruling.verdict is Verdict.ALLOWED:
                ruling = await steps.run("begin", partial(self._begin, record, key, question), RULING)
            log.info("action.ruled", verdict=str(ruling.verdict), reason=ruling.reason)
            if ruling.verdict is Verdict.ALLOWED:
                await self._carry_out(record, steps)
        self._pulse.acting.ring()

    async def _rule(self, record: ActionRecord, question: str) -> Ruling:
        """The ruling on an order, with its state moved accordingly; a repeated call comes to the same."""
        approved = await patiently("approval", partial(self._approved, record, question))
        ruling = await self._ruled(record, approved=approved)
        await patiently("ruling", partial(self._settle, record, ruling))
        return ruling

    async def _approved(self, record: ActionRecord, question: str) -> bool:
        approval = await self._stores.approvals.get(question)
        if approval is None or approval.action_id != record.id:
            return False
        return approval.state is ApprovalState.APPROVED and approval.digest == record.order.digest

    async def _ruled(self, record: ActionRecord, *, approved: bool) -> Ruling:
        stored = await patiently("ground", partial(self._stores.investigations.get, record.order.investigation_id))
        if stored is None or stored.incident is None or stored.assessment is None:
            return Ruling(Verdict.REFUSED, ("the assessment it rests on is not stored any more",))
        ground = Ground(stored.incident, stored.assessment, stored.evidence)
        rule = partial(self._acting.judge.rule, record.order, ground, approved=approved)
        try:
            return await patiently("rule", rule, at_most=_PATIENCE)
        except Retryable as error:
            return Ruling(Verdict.REFUSED, (f"the world could not be read: {error}",))

    async def _begin(self, record: ActionRecord, key: str, question: str) -> Ruling:
        """Begin it where the limits allow, as nobody else begins anything at that moment."""
        try:
            capacity = await patiently("capacity", self._acting.surveyor.capacity, at_most=_PATIENCE)
        except SentinelError as error:
            return await self._refused(record, f"the fleet could not be counted: {error}")
        asked = question != PROPOSAL

        def objects(abroad: Abroad) -> str:
            return self._objection(record, capacity, abroad, approved=asked)

        now = self._clock.now()
        step = Step(ActionState.RUNNING, now, executor=f"{self._executor} {key}")
        reason = await patiently("begin", partial(self._stores.actions.begin, record.id, step, now - _HOUR, objects))
        if not reason:
            return Ruling(Verdict.ALLOWED, ("begun",))
        return await self._refused(record, reason)

    async def _refused(self, record: ActionRecord, reason: str) -> Ruling:
        ruling = Ruling(Verdict.REFUSED, (reason,))
        await patiently("ruling", partial(self._settle, record, ruling))
        return ruling

    def _objection(self, record: ActionRecord, capacity: Capacity, abroad: Abroad, *, approved: bool) -> str:
        policy = self._acting.policy
        if len(abroad.begun) >= policy.max_per_hour and not approved:
            return f"{len(abroad.begun)} actions began within the last hour meanwhile, {policy.max_per_hour} may"
        if not record.takes_out:
            return ""
        if abroad.breaker.is_open:
            return f"the circuit breaker is open ({abroad.breaker.reason}): a person has to reset it"
        return over_capacity(replace(capacity, reserved=abroad.reserved), record.takes_out, policy) or ""

    async def _settle(self, record: ActionRecord, ruling: Ruling) -> None:
        """Write a ruling down; what has gone further meanwhile is left alone."""
        now, actions = self._clock.now(), self._stores.actions
        match ruling.verdict:
            case Verdict.REFUSED:
                step = Step(ActionState.REFUSED, now, ruling=ruling.reason, note=ruling.reason)
                await actions.advance(record.id, step)
            case Verdict.ASK:
                await self._stores.approvals.ask(self._question(record, now))
                await actions.advance(record.id, Step(ActionState.WAITING, now, ruling=ruling.reason))
            case Verdict.ALLOWED:
                await actions.advance(record.id, Step(ActionState.APPROVED, now, ruling=ruling.reason))

    def _question(self, record: ActionRecord, now: datetime) -> Approval:
        return Approval(
            id=approval_id(record),
            incident_id=record.order.incident_id,
            action_id=record.id,
            digest=record.order.digest,
            requested_at=now,
            expires_at=now + self._acting.policy.approval_lasts,
        )

    async def _carry_out(self, record: ActionRecord, steps: Steps) -> None:
        async def on_carried(carried: Carried) -> None:
            result: JsonObject = {"sent": carried.sent, "left": list(carried.left), **carried.facts}
            step = Step(ActionState.CARRIED, self._clock.now(), result=result)
            await steps.run("carried", partial(self._advance, record, step), NOTHING)

        outcome = await self._acting.executor.run(record.order, steps, on_carried)
        await steps.run("ended", partial(self._ended, record, outcome), NOTHING)
        log.info("action.ended", state=str(outcome.state), note=outcome.note)

    async def _advance(self, record: ActionRecord, step: Step) -> None:
        await patiently("action", partial(self._stores.actions.advance, record.id, step))

    async def _ended(self, record: ActionRecord, outcome: Outcome) -> None:
        step = Step(outcome.state, self._clock.now(), result=outcome.result, note=outcome.note)
        if outcome.state is ActionState.UNDONE:  # it was carried out, and did not do what it should
            await self._advance(record, replace(step, to=ActionState.FAILED))
        await self._advance(record, step)
