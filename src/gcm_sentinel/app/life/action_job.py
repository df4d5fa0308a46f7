"""The job of the acting queue: a proposed or approved order is ruled on, begun, carried out and seen through.

    (capture what it destroys, where it destroys evidence)
    proposed -> rule -> refused | waiting (a person is asked; the job ends) | approved
    approved -> rule again -> begin (limits hold in one transaction) -> carry out -> check -> done | undone | failed
                              put off (something else is under way on the node; the job ends) -> approved

It runs once for the proposal, once more for each approval, and again each time it was put off. After a crash it runs
again from its first line, and recorded steps answer from the record.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256

import structlog

from gcm_sentinel.app.life.limits import Limits
from gcm_sentinel.app.life.patience import patiently
from gcm_sentinel.app.life.pulse import Pulse
from gcm_sentinel.app.stores import Stores
from gcm_sentinel.domain.acting_policy import ActingPolicy, Capacity
from gcm_sentinel.domain.action_record import UNDER_WAY, ActionRecord, ActionState, Approval, ApprovalState
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.gate import Ruling, Verdict
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.operations import DECLARED
from gcm_sentinel.domain.protocols import Clock, Scope
from gcm_sentinel.domain.remediation import Carried
from gcm_sentinel.domain.steps import Codec, Steps
from gcm_sentinel.remediation.capture import Capture
from gcm_sentinel.remediation.execute import Executor, Outcome
from gcm_sentinel.remediation.judge import Ground, Judge
from gcm_sentinel.remediation.survey import Surveyor
from gcm_sentinel.storage.actions import Step

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
_TO_BE_RULED_ON = frozenset({ActionState.PROPOSED, ActionState.WAITING, ActionState.APPROVED})


_AGAIN = "+"


def job_key(record: ActionRecord, approval: Approval | None = None) -> str:
    """What the queue knows a piece of work by: the proposal, or one approval of it, and which try that is."""
    again = f"{_AGAIN}{record.put_off}" if record.put_off else ""
    return f"{record.id}@{approval.id if approval else PROPOSAL}{again}"


def _follows(key: str) -> str:
    """What the job of `key` follows: the id of an approval, or `PROPOSAL`."""
    return key.rpartition("@")[2].partition(_AGAIN)[0]


def _try_of(key: str) -> int:
    """How often the order was put off before the job of `key`."""
    return int(key.rpartition("@")[2].partition(_AGAIN)[2] or 0)


def job_of(record: ActionRecord) -> str:
    """Key of the job that began it; empty where none has."""
    return record.executor.rpartition(" ")[2]


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
    capture: Capture | None = None
    """None where no source can read: what destroys evidence is refused then."""


def _is_approved(record: ActionRecord, asked: Approval | None, key: str) -> bool:
    """Whether the job of `key` follows a person's approval of exactly this order."""
    if asked is None or asked.state is not ApprovalState.APPROVED:
        return False
    return _follows(key) == asked.id and asked.digest == record.order.digest


class _Begin:
    """Work of the step that begins an action; knows whether it was done now, or the record answered in its place."""

    def __init__(self, job: ActionJob, record: ActionRecord, key: str) -> None:
        self._work = partial(job.begin, record, key)
        self.ran = False

    async def __call__(self) -> Ruling:
        self.ran = True
        return await self._work()


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
        action_id = key.rpartition("@")[0]
        record = await patiently("action", partial(self._stores.actions.get, action_id))
        if record is None:
            log.warning("action.unknown", action=action_id)
            return
        fields = {"action": action_id, "incident": record.order.incident_id}
        with structlog.contextvars.bound_contextvars(**fields):
            begin = _Begin(self, record, key)
            captured = await self._captured(record, steps)
            ruling = await steps.run("rule", partial(self._rule, record, key, captured=captured), RULING)
            if ruling.verdict is Verdict.ALLOWED:
                ruling = await steps.run("begin", begin, RULING)
            log.info("action.ruled", verdict=str(ruling.verdict), reason=ruling.reason)
            if ruling.verdict is Verdict.ALLOWED:
                await self._carry_out(record, steps, resumed=not begin.ran)
        self._pulse.acting.ring()
        self._pulse.dispatch.ring()  # the sinks are to be told

    async def _captured(self, record: ActionRecord, steps: Steps) -> bool:
        """Whether what the order destroys was captured; nothing is where it destroys nothing."""
        capture = self._acting.capture
        if capture is None or not DECLARED[record.order.operation].destroys_evidence:
            return False
        stored = await patiently("ground", partial(self._stores.investigations.get, record.order.investigation_id))
        if stored is None or stored.incident is None:
            return False
        return await capture.before(record.order, Scope(stored.incident, stored.evidence), steps)

    async def _rule(self, record: ActionRecord, key: str, *, captured: bool) -> Ruling:
        """The ruling on an order, with its state moved accordingly; a repeated call comes to the same."""
        found = await patiently("action", partial(self._stores.actions.get, record.id))
        if found is None or found.state not in _TO_BE_RULED_ON:
            return await self._too_late(record, found, key)
        asked = await patiently("approval", partial(self._stores.approvals.of_action, record.id))
        if asked is not None and asked.state is not ApprovalState.WAITING and _follows(key) != asked.id:
            return Ruling(Verdict.ASK, (f"{asked.decided_by} decided about it meanwhile, and that is followed",))
        approved = _is_approved(record, asked, key)
        ruling = self._grown_old(asked) or await self._ruled(record, approved=approved, captured=captured)
        await patiently("ruling", partial(self._settle, record, ruling))
        return ruling

    def _grown_old(self, asked: Approval | None) -> Ruling | None:
        """The refusal of an order that a person approved too long ago; None where none did, or not so long ago."""
        if asked is None or asked.state is not ApprovalState.APPROVED or asked.decided_at is None:
            return None
        lasts = self._acting.policy.approval_lasts
        if self._clock.now() - asked.decided_at <= lasts:
            return None
        given = f"{asked.decided_by} approved it at {asked.decided_at.isoformat()}"
        return Ruling(Verdict.REFUSED, (f"{given}, and an approval holds for {lasts.total_seconds() / 60:.0f} min",))

    async def _too_late(self, record: ActionRecord, found: ActionRecord | None, key: str) -> Ruling:
        """Nothing is to be ruled on any more. What this job itself has begun has lost its recorded steps: nobody knows
        how far it came, so nothing more is sent."""
        if found is None:
            return Ruling(Verdict.REFUSED, ("it is not stored any more",))
        if found.state in UNDER_WAY and job_of(found) == key:
            log.error("action.steps_lost", state=str(found.state))
            note = "it was begun, and the record of how far it came is lost: a person must look"
            await self._advance(record, Step(ActionState.FAILED, self._clock.now(), note=note))
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

    async def begin(self, record: ActionRecord, key: str) -> Ruling:
        """Begin it where the limits allow, as nobody else begins anything at that moment; a repeated call comes to the
        same."""
        ruling, limits = await patiently("begin", partial(self._try_to_begin, record, key))
        if limits is not None and limits.overload:
            surveyor = self._acting.surveyor
            await patiently("breaker", partial(surveyor.open_breaker, self._clock.now(), limits.overload))
        if limits is not None and limits.busy:
            await patiently("put off", partial(self._stores.actions.put_off, record.id, _try_of(key), ruling.reason))
        elif ruling.verdict is not Verdict.ALLOWED:
            await patiently("ruling", partial(self._settle, record, ruling))
        return ruling

    async def _try_to_begin(self, record: ActionRecord, key: str) -> tuple[Ruling, Limits | None]:
        """The ruling, and the limits as they were asked; None where they were not."""
        now = self._clock.now()
        asked = None if _follows(key) == PROPOSAL else await self._stores.approvals.of_action(record.id)
        old = self._grown_old(asked)
        if old is not None:
            return old, None
        try:
            counted = await patiently("capacity", self._count, at_most=_PATIENCE)
        except SentinelError as error:
            return Ruling(Verdict.REFUSED, (f"the fleet could not be counted: {error}",)), None
        limits = Limits(record, counted, self._acting.policy, approved=asked is not None)
        step = Step(ActionState.RUNNING, self._clock.now(), executor=self._executor, job=key)
        reason = await self._stores.actions.begin(record.id, step, now - _HOUR, limits, counted_at=now)
        if not reason:
            return Ruling(Verdict.ALLOWED, ("begun",)), None
        return limits.ruling or Ruling(Verdict.REFUSED, (reason,)), limits

    async def _count(self) -> Capacity:
        return await self._acting.surveyor.capacity(newest=True)

    async def _settle(self, record: ActionRecord, ruling: Ruling) -> None:
        """Write a ruling down; what has gone further meanwhile is left alone."""
        now, actions = self._clock.now(), self._stores.actions
        match ruling.verdict:
            case Verdict.REFUSED:
                reason = ruling.reason
                step = Step(ActionState.REFUSED, now, ruling=reason, note=reason, leaves=_TO_BE_RULED_ON)
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

    async def _carry_out(self, record: ActionRecord, steps: Steps, *, resumed: bool) -> None:
        async def on_carried(carried: Carried) -> None:
            result: JsonObject = {"sent": carried.sent, "left": list(carried.left), **carried.facts}
            step = Step(ActionState.CARRIED, self._clock.now(), result=result)
            await steps.run("carried", partial(self._advance, record, step), NOTHING)

        outcome = await self._acting.executor.run(record.order, steps, on_carried, resumed=resumed)
        await steps.run("ended", partial(self._ended, record, outcome), NOTHING)
        log.info("action.ended", state=str(outcome.state), note=outcome.note)

    async def _advance(self, record: ActionRecord, step: Step) -> None:
        await patiently("action", partial(self._stores.actions.advance, record.id, step))

    async def _ended(self, record: ActionRecord, outcome: Outcome) -> None:
        step = Step(outcome.state, self._clock.now(), result=outcome.result, note=outcome.note)
        if outcome.state is ActionState.UNDONE:  # it was carried out, and did not do what it should
            await self._advance(record, replace(step, to=ActionState.FAILED))
        await self._advance(record, step)
