"""What investigations under observation are made of: a turn, a tool's answer, and `Steps` with a memory."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from gcm_sentinel.domain.errors import SentinelError, Unreachable
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.protocols import Availability, Datasource, Scope
from gcm_sentinel.domain.steps import Codec
from gcm_sentinel.domain.transcript import ModelTurn, StopReason, ToolCall, ToolSpec, Usage
from gcm_sentinel.domain.trigger import Incident
from gcm_sentinel.engine.recorded import Asked, Gathered

T = TypeVar("T")
AS_IS: Codec[Any] = Codec(encode=lambda value: value, decode=lambda value: value)

SECRET = "the prompt of this incident"
TURN = ModelTurn(
    text=SECRET,
    tool_calls=(),
    stop=StopReason.TOOL_USE,
    usage=Usage(input_tokens=900, cached_tokens=700, output_tokens=50, cache_write_tokens=100),
    engine="anthropic",
    model="claude-sonnet-5-5",
    latency_s=1.5,
)
ASKED = Asked(TURN, datetime(2026, 11, 20, tzinfo=UTC), 1.5, cost_usd=0.01)
GATHERED = Gathered(1, "0" * 64)
CALL = ToolCall("call-1", "get_node_info", {"node": "gpu-7"})


class Source:
    """A data source that answers with one status, or fails."""

    name = "kubernetes"

    def __init__(self, status: ResultStatus | None) -> None:
        self._status = status

    async def is_available(self) -> Availability:
        return Availability(usable=True)

    def get_tools(self) -> tuple[ToolSpec, ...]:
        return ()

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        if self._status is None:
            raise Unreachable(SECRET)
        return ToolResult(self._status, "GET /", raw=SECRET)

    def get_system_prompt_section(self) -> str:
        return ""


def asking(source: Datasource, incident: Incident) -> Callable[[], Awaitable[Gathered]]:
    """The work of a tool step as the toolbox does it: a failure of the source is an error result."""

    async def work() -> Gathered:
        with contextlib.suppress(Unreachable):
            await source.execute(CALL, Scope(incident))
        return GATHERED

    return work


async def answer(value):
    """A step's work."""
    return value


async def fail(error):
    """A step's work that comes to nothing."""
    raise error


class RecordedSteps:
    """Answers steps from `record`, one after the other, and does the rest."""

    def __init__(self, record: list[Any]) -> None:
        self._record = record
        self._next = 0

    async def run(self, name: str, work: Callable[[], Awaitable[T]], codec: Codec[T]) -> T:
        place, self._next = self._next, self._next + 1
        if place == len(self._record):
            try:
                self._record.append(await work())
            except SentinelError as error:
                self._record.append(error)
        kept = self._record[place]
        if isinstance(kept, SentinelError):
            raise kept
        result: T = kept
        return result
