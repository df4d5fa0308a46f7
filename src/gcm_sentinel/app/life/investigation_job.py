"""The job of the investigation queue: from a stored incident to a stored assessment, each outside step recorded once.

After a crash it runs again from its first line; the recorded steps answer from the record, so the engine loop arrives
where it was without asking the model or a tool again. Its last step stores the assessment and what is owed to the
sinks in one transaction; handing that over is not its business.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import structlog

from gcm_sentinel.app.life.budget import EngineChoice
from gcm_sentinel.app.life.patience import patiently
from gcm_sentinel.app.life.pulse import Pulse
from gcm_sentinel.app.observation import Observer
from gcm_sentinel.app.stores import Stores
from gcm_sentinel.domain.action_record import ActionRecord
from gcm_sentinel.domain.incident_json import incident_from_json, incident_to_json
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.protocols import Model
from gcm_sentinel.domain.steps import Codec, Steps
from gcm_sentinel.domain.transcript import ModelTurn
from gcm_sentinel.domain.trigger import Incident
from gcm_sentinel.engine.investigation import Investigation, OnStep, silent
from gcm_sentinel.engine.loop import Loop
from gcm_sentinel.remediation.proposals import proposals
from gcm_sentinel.storage.finishing import Finished
from gcm_sentinel.triage.budget import EngineRuling

log = structlog.get_logger(__name__)

NOTHING: Codec[None] = Codec(encode=lambda _none: None, decode=lambda _json: None)


def _ruling_from_json(data: Json) -> EngineRuling:
    found = data if isinstance(data, dict) else {}
    return EngineRuling(llm=bool(found.get("llm")), reason=str(found.get("reason", "")))


INCIDENT: Codec[Incident | None] = Codec(
    encode=lambda incident: None if incident is None else incident_to_json(incident),
    decode=lambda data: None if data is None else incident_from_json(data),
)
RULING: Codec[EngineRuling] = Codec(
    encode=lambda ruling: {"llm": ruling.llm, "reason": ruling.reason}, decode=_ruling_from_json
)

OnInvestigated = Callable[[Incident, Investigation], None]


@dataclass(frozen=True, slots=True)
class Engines:
    """Who may answer, and by whose leave."""

    loop: Loop
    wanted: Model
    """The engine of the settings, with its fail-overs."""
    playbook: Model
    """Answers when the budget is dry."""
    choice: EngineChoice


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is told of an investigation."""

    notifiers: tuple[str, ...]
    """The sinks an assessment is owed to."""
    on_step: OnStep = silent
    on_investigated: OnInvestigated = lambda _incident, _investigation: None
    mode: Mode = Mode.RECOMMEND
    observer: Observer | None = None
    """Traces and metrics; None for a demo or a test."""


class _First:
    """Work of a job's first step that knows whether it was done now, or the record answered in its place."""

    def __init__(self, work: Callable[[], Awaitable[Incident | None]]) -> None:
        self._work = work
        self.ran = False

    async def __call__(self) -> Incident | None:
        self.ran = True
        return await self._work()


class InvestigationJob:
    """Investigates one incident revision per key (its investigation id)."""

    def __init__(self, stores: Stores, engines: Engines, audience: Audience, pulse: Pulse, *, executor: str) -> None:
        """`executor` is this process in the records."""
        self._stores = stores
        self._engines = engines
        self._audience = audience
        self._pulse = pulse
        self._executor = executor

    async def __call__(self, key: str, steps: Steps) -> None:
        """Investigate `key`; nothing to do when it was dropped meanwhile.

        Raises:
            SentinelError: storage is damaged; while it is only away, the job waits.
        """
        first = _First(partial(self._stores.investigations.start, key, self._executor))
        incident = await steps.run("start", partial(patiently, "start", first), INCIDENT)
        if incident is None:
            log.info("investigation.dropped", investigation=key)
            return
        with structlog.contextvars.bound_contextvars(incident=incident.id, investigation=key, node=incident.node):
            self._trace(incident, resumed=not first.ran)
            done = await self._observed(incident, steps)
        self._audience.on_investigated(incident, done)
        self._pulse.dispatch.ring()
        self._pulse.triage.ring()
        self._pulse.acting.ring()

    def _trace(self, incident: Incident, *, resumed: bool) -> None:
        event = "investigation.resumed" if resumed else "investigation.started"
        fields = {"engine": self._engines.wanted.name, "triggers": len(incident.triggers)}
        log.info(event, investigation=incident.investigation_id, **fields)

    async def _observed(self, incident: Incident, steps: Steps) -> Investigation:
        observer = self._audience.observer
        if observer is None:
            return await self._through(incident, steps)
        with observer.investigation(incident) as span:
            done = await self._through(incident, observer.steps(steps))
            observer.ended(span, done.assessment)
        return done

    async def _through(self, incident: Incident, steps: Steps) -> Investigation:
        ruling = await steps.run(
            "budget", partial(patiently, "budget", partial(self._engines.choice.rule, incident)), RULING
        )
        done = await self._investigate(incident, ruling, steps)
        finished = Finished(
            done.assessment,
            done.transcript,
            self._audience.notifiers,
            stand_in=done.stood_in,
            actions=self._proposed(done),
        )
        key = incident.investigation_id
        store = partial(self._stores.investigations.finish, key, finished)
        await steps.run("finish", partial(patiently, "finish", store), NOTHING)
        return done

    def _proposed(self, done: Investigation) -> tuple[ActionRecord, ...]:
        """The orders that were noted on the way, asked for by whoever answered."""
        at, mode, by = done.assessment.created_at, str(self._audience.mode), done.assessment.engine
        return tuple(
            ActionRecord(replace(order, asked_by=by), mode, at) for order in proposals(done.transcript.evidence)
        )

    async def _investigate(self, incident: Incident, ruling: EngineRuling, steps: Steps) -> Investigation:
        engines = self._engines
        if not ruling.llm:
            log.warning("budget.dry", reason=ruling.reason, using=engines.playbook.name)
        return await engines.loop.investigate(
            incident,
            self._audience.on_step,
            steps=steps,
            model=engines.wanted if ruling.llm else engines.playbook,
            stand_in_for=ruling.reason,
            on_turn=self._account,
        )

    async def _account(self, investigation_id: str, number: int, turn: ModelTurn, cost_usd: float | None) -> None:
        """Write a turn's cost down, in the step that records the turn: a replay does not count it again.

        A turn whose record was lost was paid for and is asked again; its second bill has a moment of its own.
        """
        at = self._engines.choice.clock.now()
        bill = (investigation_id, number, at, turn.usage, cost_usd, turn.engine, turn.model)
        await patiently("spending", partial(self._stores.spending.record, *bill))


RETRY_FAILED = timedelta(minutes=10)
"""Soonest another try after a failed investigation."""
