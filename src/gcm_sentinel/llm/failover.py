"""Several engines as one: a turn is tried again while that may help, then the next engine goes on.

A switch lasts for the rest of its investigation and for that one only, a later one of the same incident included; where
each stands is kept by investigation id, bounded, and read from the transcript when it is not known (after a restart). A
turn that followed a switch says so in its notes, which end in the assessment. Wrap a single model too: this is where
turns are retried.

An engine that declines to answer (`StopReason.REFUSAL`) is passed over like one that failed: an incident is not left
without an assessment because a provider dislikes its log lines. The last engine's refusal is returned as it is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from gcm_sentinel.domain.errors import BadConfiguration, Overloaded, Permanent, Retryable, SentinelError
from gcm_sentinel.domain.protocols import Model
from gcm_sentinel.domain.transcript import ModelTurn, StopReason, ToolSpec, Transcript
from gcm_sentinel.llm.retry import RetryPolicy, with_retries

log = structlog.get_logger(__name__)

_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Switch:
    """One engine handing over to the next."""

    incident_id: str
    from_engine: str
    to_engine: str
    reason: str

    def __str__(self) -> str:
        return f"{self.reason}; {self.to_engine} answered instead of {self.from_engine}"


OnSwitch = Callable[[Switch], None]


def unheard(switch: Switch) -> None:
    """An `OnSwitch` that does nothing; the log and the turn's notes tell anyway."""


class FailoverModel:
    """The engines of `models` in the order they are preferred."""

    def __init__(
        self, models: Sequence[Model], *, on_switch: OnSwitch = unheard, policy: RetryPolicy | None = None
    ) -> None:
        """`on_switch` is called when the next engine takes over, before it is asked."""
        if not models:
            raise BadConfiguration("no engine is configured: name at least one, 'playbook' needs no key")
        self._models = tuple(models)
        self._on_switch = on_switch
        self._policy = policy or RetryPolicy()
        self._places: OrderedDict[str, int] = OrderedDict()

    @property
    def name(self) -> str:
        """The engines' names in order; the turn tells which one answered."""
        return ", then ".join(model.name for model in self._models)

    async def turn(self, transcript: Transcript, tools: tuple[ToolSpec, ...]) -> ModelTurn:
        """The next turn from the engine whose turn it is, or from one after it.

        Raises:
            Retryable, Permanent: no engine could answer; the last one's kind of error, with the reasons of all.
        """
        switches: list[Switch] = []
        failures: list[SentinelError] = []
        for place in range(self._place(transcript), len(self._models)):
            model = self._models[place]
            try:
                turn = await self._tried(model, transcript, tools)
            except (Retryable, Permanent) as error:
                failures.append(error)
                reason = str(error)
            else:
                last = place == len(self._models) - 1
                if last or turn.stop is not StopReason.REFUSAL:
                    notes = (*turn.notes, *map(str, switches))
                    return replace(turn, engine=turn.engine or model.name, notes=notes)
                reason = f"{model.name} declined to answer"
            if place + 1 < len(self._models):
                switches.append(self._switch(transcript, place, reason))
        self._places.pop(transcript.incident.investigation_id, None)
        raise _together(failures, [switch.reason for switch in switches])

    async def aclose(self) -> None:
        """Close every engine that holds connections."""
        for model in self._models:
            close = getattr(model, "aclose", None)
            if close is not None:
                await close()

    async def _tried(self, model: Model, transcript: Transcript, tools: tuple[ToolSpec, ...]) -> ModelTurn:
        def again(error: Exception, wait_s: float) -> None:
            log.info("llm.turn_retried", engine=model.name, wait_s=round(wait_s, 2), reason=str(error))

        return await with_retries(lambda: model.turn(transcript, tools), self._policy, again)

    def _switch(self, transcript: Transcript, place: int, reason: str) -> Switch:
        investigation = transcript.incident.investigation_id
        switch = Switch(transcript.incident.id, self._models[place].name, self._models[place + 1].name, reason)
        self._places[investigation] = place + 1
        self._places.move_to_end(investigation)
        while len(self._places) > _REMEMBERED:
            self._places.popitem(last=False)
        log.warning("llm.engine_switched", from_engine=switch.from_engine, to_engine=switch.to_engine, reason=reason)
        self._on_switch(switch)
        return switch

    def _place(self, transcript: Transcript) -> int:
        """Where this investigation stands: as remembered, else as its last turn tells, else at the first engine."""
        known = self._places.get(transcript.incident.investigation_id)
        if known is not None:
            return known
        engines = [entry.engine for entry in transcript.entries if isinstance(entry, ModelTurn)]
        names = [model.name for model in self._models]
        return names.index(engines[-1]) if engines and engines[-1] in names else 0


def _together(failures: Sequence[SentinelError], reasons: Sequence[str]) -> SentinelError:
    """The last failure's kind, with what every engine said."""
    last = failures[-1]
    said = list(dict.fromkeys([*reasons, str(last)]))
    if len(said) == 1:
        return last
    message = f"no engine could answer: {'; '.join(said)}"
    if isinstance(last, Overloaded):
        return Overloaded(message, retry_after_s=last.retry_after_s)
    return type(last)(message)
