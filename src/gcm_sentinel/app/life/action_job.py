"""The job of the acting queue: a proposed or approved order is ruled on, begun, carried out and seen through.

    (capture what it destroys, where it destroys evidence)
    proposed -> rule -> refused | waiting (a person is asked; the job ends) | approved
    approved -> rule again -> begin (limits hold in one transaction) -> carry out -> check -> done | undone | failed
                              (a drain that is done: what waited for it is asked for, next_step.py)
                              put off (something else is under way on the node; the job ends) -> approved

It runs once for the proposal, once more for each approval, and again each time it was put off (action_keys.py). After a
crash it runs again from its first line, and recorded steps answer from the record. What was ruled before the crash is
ruled on again before it is begun, and what was begun before it is looked at again before it is sent (resuming.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import structlog

from gcm_sentinel.app.life.action_keys import action_of
from gcm_sentinel.app.life.action_rulings import Acting, Rulings
from gcm_sentinel.app.life.next_step import NextStep
from gcm_sentinel.app.life.patience import patiently
from gcm_sentinel.app.life.pulse import Pulse
from gcm_sentinel.app.life.resuming import Resumed
from gcm_sentinel.app.stores import Stores
from gcm_sentinel.domain.action_record import UNDER_WAY, ActionRecord, ActionState
from gcm_sentinel.domain.gate import Ruling, Verdict
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.operations import DECLARED, Operation
from gcm_sentinel.domain.protocols import Clock, Scope
from gcm_sentinel.domain.remediation import Carried
from gcm_sentinel.domain.steps import Codec, Steps
from gcm_sentinel.remediation.execute import Outcome
from gcm_sentinel.storage.actions import Step

log = structlog.get_logger(__name__)


def _ruling_from_json(data: Json) -> Ruling:
    reader = JsonReader.of(data, "ruling")
    return Ruling(reader.member("verdict", Verdict), reader.texts("reasons"))


RULING: Codec[Ruling] = Codec(
    encode=lambda ruling: {"verdict": str(ruling.verdict), "reasons": list(ruling.reasons)}, decode=_ruling_from_json
)
NOTHING: Codec[None] = Codec(encode=lambda _none: None, decode=lambda _json: None)


class _Work:
    """Work of a step; knows whether it was done now, or the record answered in its place."""

    def __init__(self, work: Callable[[], Awaitable[Ruling]]) -> None:
        self._work = work
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
        self._next = NextStep(stores, acting.judge.offers)
        self._rulings = Rulings(stores, acting, clock, executor=executor)
        self._clock = clock
        self._pulse = pulse

    async def __call__(self, key: str, steps: Steps) -> None:
        """Take the order `key` names as far as it goes now.

        Raises:
            SentinelError: storage is damaged; while it is only away, the job waits.
        """
        action_id = action_of(key)
        record = await patiently("action", partial(self._stores.actions.get, action_id))
        if record is None:
            log.warning("action.unknown", action=action_id)
            return
        fields = {"action": action_id, "incident": record.order.incident_id}
        with structlog.contextvars.bound_contextvars(**fields):
            ruling, resumed = await self._begun(record, key, steps)
            log.info("action.ruled", verdict=str(ruling.verdict), reason=ruling.reason)
            if ruling.verdict is Verdict.ALLOWED:
                await self._carry_out(record, key, steps, resumed=resumed)
        self._pulse.acting.ring()
        self._pulse.dispatch.ring()  # the sinks are to be told

    async def _begun(self, record: ActionRecord, key: str, steps: Steps) -> tuple[Ruling, bool]:
        """The last ruling, after which the order has begun where it is allowed; and whether it had begun before."""
        captured = await self._captured(record, steps)
        rule = _Work(partial(self._rulings.rule, record, key, captured=captured))
        ruling = await steps.run("rule", rule, RULING)
        if ruling.verdict is not Verdict.ALLOWED:
            return ruling, False
        begin = _Work(partial(self._rulings.begin, record, key, rule_again=not rule.ran, captured=captured))
        ruling = await steps.run("begin", begin, RULING)
        return ruling, not begin.ran or record.state in UNDER_WAY

    async def _captured(self, record: ActionRecord, steps: Steps) -> bool:
        """Whether what the order destroys was captured; nothing is where it destroys nothing."""
        capture = self._acting.capture
        if capture is None or not DECLARED[record.order.operation].destroys_evidence:
            return False
        stored = await patiently("ground", partial(self._stores.investigations.get, record.order.investigation_id))
        if stored is None or stored.incident is None:
            return False
        return await capture.before(record.order, Scope(stored.incident, stored.evidence), steps)

    async def _carry_out(self, record: ActionRecord, key: str, steps: Steps, *, resumed: bool) -> None:
        async def on_carried(carried: Carried) -> None:
            result: JsonObject = {"sent": carried.sent, "left": list(carried.left), **carried.facts}
            step = Step(ActionState.CARRIED, self._clock.now(), result=result)
            await steps.run("carried", partial(self._advance, record, step), NOTHING)

        unwanted = await self._rulings.goes_on(record, key, resumed=resumed)
        carrying = Resumed(steps, partial(patiently, "order", unwanted)) if resumed else steps
        outcome = await self._acting.executor.run(
            record.order, carrying, on_carried, resumed=resumed, unwanted=unwanted
        )
        await steps.run("ended", partial(self._ended, record, outcome), NOTHING)
        if outcome.state is ActionState.DONE and record.order.operation is Operation.DRAIN_NODE:
            await steps.run("next", partial(self._next.ask, record), NOTHING)
        log.info("action.ended", state=str(outcome.state), note=outcome.note)

    async def _advance(self, record: ActionRecord, step: Step) -> None:
        await patiently("action", partial(self._stores.actions.advance, record.id, step))

    async def _ended(self, record: ActionRecord, outcome: Outcome) -> None:
        step = Step(outcome.state, self._clock.now(), result=outcome.result, note=outcome.note)
        if outcome.state is ActionState.UNDONE:  # it was carried out, and did not do what it should
            await self._advance(record, replace(step, to=ActionState.FAILED))
        await self._advance(record, step)
