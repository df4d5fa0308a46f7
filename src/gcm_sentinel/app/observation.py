"""Watches the steps of investigations: one trace each, and the metrics of turns, tool calls and steps.

Wrappers around `Steps` and around data sources, so that the loop knows nothing of it. What was recorded before a crash
is not done again, and so is not counted or traced again: a replayed step only counts as replayed. How a tool call ended
is seen where the source is asked, because its step records only where the evidence is. Spans carry the attributes of
the GenAI conventions of OpenTelemetry (https://opentelemetry.io/docs/specs/semconv/gen-ai/), copied as strings because
their module is still marked as incubating.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from gcm_sentinel.app.metrics import AgentMetrics
from gcm_sentinel.domain.assessment import Assessment, Outcome
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.evidence import ToolResult
from gcm_sentinel.domain.protocols import Availability, Clock, Datasource, Scope
from gcm_sentinel.domain.steps import Codec, Steps
from gcm_sentinel.domain.tracing import Attribute, Span, Tracer
from gcm_sentinel.domain.transcript import ModelTurn, ToolCall, ToolSpec
from gcm_sentinel.domain.trigger import Incident
from gcm_sentinel.engine.recorded import Asked, Cut, Gathered

T = TypeVar("T")

AGENT = "gcm-sentinel"
TURN = "turn"
TOOL = "tool"

_NOT_OBSERVED = frozenset({"error", "unavailable", "refused", "crashed"})


class _Call:
    """How the tool call of the running step ended, as its source saw it."""

    def __init__(self) -> None:
        self.status = ""


_call: ContextVar[_Call | None] = ContextVar("gcm_sentinel_observed_call", default=None)


@dataclass(frozen=True, slots=True)
class Observer:
    """Where what is observed goes."""

    tracer: Tracer
    metrics: AgentMetrics
    clock: Clock

    @contextmanager
    def investigation(self, incident: Incident) -> Iterator[Span]:
        """The whole of one investigation as a trace of its own; resumed after a crash, it goes on in the same one."""
        attributes: dict[str, Attribute] = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": AGENT,
            "gen_ai.conversation.id": incident.investigation_id,
            "gcm_sentinel.incident.id": incident.id,
            "gcm_sentinel.investigation.revision": incident.revision,
        }
        with self.tracer.span(f"invoke_agent {AGENT}", attributes, trace=incident.investigation_id) as span:
            yield span

    def ended(self, span: Span, assessment: Assessment) -> None:
        """The investigation of `span` came to this assessment."""
        self.metrics.investigations.ended(assessment)
        span.set(
            {
                "gcm_sentinel.outcome": str(assessment.outcome),
                "gcm_sentinel.severity": str(assessment.draft.severity),
                "gcm_sentinel.fault_class": str(assessment.draft.fault_class),
                "gen_ai.usage.input_tokens": assessment.spend.input_tokens,
                "gen_ai.usage.output_tokens": assessment.spend.output_tokens,
            }
        )
        if assessment.outcome is Outcome.FAILED:
            span.fail(str(assessment.outcome))

    def steps(self, inner: Steps) -> Steps:
        """`inner` with every step observed."""
        return ObservedSteps(inner, self)


class ObservedSteps:
    """`Steps` that count and trace what is really done."""

    def __init__(self, inner: Steps, observer: Observer) -> None:
        self._inner = inner
        self._observer = observer

    async def run(self, name: str, work: Callable[[], Awaitable[T]], codec: Codec[T]) -> T:
        """The result of the step, observed where it was not only replayed.

        Raises:
            SentinelError: what the step raised, now or when it was recorded.
        """
        kind, _, subject = name.partition(":")
        was_done = False

        async def observed() -> T:
            nonlocal was_done
            was_done = True
            return await self._observed(kind, subject, work)

        count = self._observer.metrics.investigations.step
        try:
            result = await self._inner.run(name, observed, codec)
        except SentinelError:
            count(kind, replayed=not was_done)
            raise
        count(kind, replayed=not was_done)
        return result

    async def _observed(self, kind: str, subject: str, work: Callable[[], Awaitable[T]]) -> T:
        if kind == TURN:
            return await self._turn(work)
        if kind == TOOL:
            return await self._tool(subject, work)
        return await work()

    async def _turn(self, work: Callable[[], Awaitable[T]]) -> T:
        engines = self._observer.metrics.engines
        with self._observer.tracer.span("chat", {"gen_ai.operation.name": "chat"}) as span:
            result = await work()
            match result:
                case Asked(answer=ModelTurn() as turn):
                    engines.turn(turn, result.cost_usd)
                    _describe_turn(span, turn)
                case Asked(answer=Cut() as cut):
                    engines.turn_failed(cut.outcome)
                    span.fail(str(cut.outcome))
            return result

    async def _tool(self, tool: str, work: Callable[[], Awaitable[T]]) -> T:
        clock, calls = self._observer.clock, self._observer.metrics.investigations
        started = clock.monotonic()
        call, status = _Call(), "crashed"
        token = _call.set(call)
        attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool}
        with self._observer.tracer.span(f"execute_tool {tool}", attributes) as span:
            try:
                result = await work()
                status = _status(result, call)
            finally:
                _call.reset(token)
                calls.tool_called(tool, status, timedelta(seconds=clock.monotonic() - started))
            span.set({"gcm_sentinel.tool.status": status})
            if status in _NOT_OBSERVED:
                span.fail(status)
            return result


class ObservedSource:
    """A `Datasource` whose calls tell the step they belong to how they ended; handed to the toolbox instead of it."""

    def __init__(self, inner: Datasource) -> None:
        self._inner = inner

    @property
    def name(self) -> str:
        """The source's own."""
        return self._inner.name

    async def is_available(self) -> Availability:
        """Whether it can be used now."""
        return await self._inner.is_available()

    def get_tools(self) -> tuple[ToolSpec, ...]:
        """Its tools."""
        return self._inner.get_tools()

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        """Run one of its tools; the toolbox makes an error result of one that raises or is cut off by its deadline."""
        noted = _call.get() or _Call()
        noted.status = "error"
        result = await self._inner.execute(call, scope)
        noted.status = str(result.status)
        return result

    def get_system_prompt_section(self) -> str:
        """Its words for the system prompt."""
        return self._inner.get_system_prompt_section()


def _status(result: object, call: _Call) -> str:
    """A `ResultStatus`; ``refused`` for a call that left no evidence, ``unknown`` for a source nobody observes."""
    if isinstance(result, Gathered) and result.refusal:
        return "refused"
    return call.status or "unknown"


def _describe_turn(span: Span, turn: ModelTurn) -> None:
    model = turn.model or turn.engine
    span.rename(f"chat {model}")
    span.set(
        {
            "gen_ai.provider.name": turn.engine,
            "gen_ai.request.model": model,
            "gen_ai.usage.input_tokens": turn.usage.input_tokens,
            "gen_ai.usage.output_tokens": turn.usage.output_tokens,
            "gen_ai.usage.cache_read.input_tokens": turn.usage.cached_tokens,
            "gen_ai.usage.cache_creation.input_tokens": turn.usage.cache_write_tokens,
        }
    )
