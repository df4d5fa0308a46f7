"""Our own time per investigation step, no model and no network: wrapping, redacting, storing, rendering, checking."""

from __future__ import annotations

import asyncio
import statistics
import time
from datetime import UTC, datetime

from gcm_sentinel.domain.budget import Limits
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.protocols import Availability, Scope
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.transcript import ModelTurn, StopReason, ToolCall, ToolSpec, Transcript
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from gcm_sentinel.engine.loop import Loop
from gcm_sentinel.engine.toolbox import Toolbox
from gcm_sentinel.evals.bench.figure import Figure
from gcm_sentinel.storage.memory import MemoryEvidenceStore

_STEPS = 200
_RAW = "\n".join(
    f"2026-11-20T03:00:{n % 60:02d}Z gpu-1 kernel: [{n}.0] NVRM: Xid (PCI:0000:17:00): 31" for n in range(300)
)
_NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)


class _Clock:
    def now(self) -> datetime:
        return _NOW

    def monotonic(self) -> float:
        return time.monotonic()


class _Source:
    name = "kernel_log"

    async def is_available(self) -> Availability:
        return Availability(usable=True)

    def get_tools(self) -> tuple[ToolSpec, ...]:
        return (ToolSpec("read_kernel_log", "", {"type": "object", "properties": {}}),)

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        return ToolResult(ResultStatus.OK, call.name, {"lines_total": 300, "node": scope.node}, _RAW)

    def get_system_prompt_section(self) -> str:
        return ""


class _Timed:
    """A model that asks for one tool each turn and notes when it was asked."""

    name = "timed"

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def turn(self, transcript: Transcript, tools: tuple[ToolSpec, ...]) -> ModelTurn:
        self.asked.append(time.perf_counter())
        return ModelTurn("", (ToolCall(f"c{len(self.asked)}", "read_kernel_log", {}),), StopReason.TOOL_USE)


def overhead() -> tuple[Figure, ...]:
    """Median and slowest time between two turns, over 200 steps of a 25 KiB result each."""
    model = _Timed()
    toolbox = Toolbox([_Source()], MemoryEvidenceStore(), _Clock(), redactor=Redactor())
    loop = Loop(model, toolbox, _Clock(), system="", limits=Limits(rounds=_STEPS), price=lambda _turn: 0.0)
    trigger = Trigger("bench", "gpu-1", "GpuXid", TriggerStatus.PROBLEM, "", "", _NOW)
    asyncio.run(loop.investigate(Incident("bench", (trigger,), _NOW)))
    steps = [after - before for before, after in zip(model.asked, model.asked[1:], strict=False)]
    return (
        Figure("own overhead per step, median", statistics.median(steps) * 1000, "ms", "< 20"),
        Figure("own overhead per step, slowest of 200", max(steps) * 1000, "ms", "-"),
    )
