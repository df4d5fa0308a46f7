"""Evidence, incidents and a source of canned results for the loop's tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gcm_sentinel.domain.budget import Limits
from gcm_sentinel.domain.entity import Entity, gpu, node
from gcm_sentinel.domain.evidence import Evidence, ResultStatus, ToolResult, digest
from gcm_sentinel.domain.protocols import Availability, Model, Scope
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.transcript import SUBMIT_TOOL, ModelTurn, StopReason, ToolCall, ToolSpec, Usage
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from gcm_sentinel.engine.loop import Loop
from gcm_sentinel.engine.toolbox import Toolbox
from gcm_sentinel.llm.scripted import ScriptedModel
from gcm_sentinel.storage.memory import MemoryEvidenceStore

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
NODE = "gpu-r03-n05"
XID_LINE = "NVRM: Xid (PCI:0000:17:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus."


class FrozenClock:
    """A clock that only moves when told."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return self.elapsed_s


class CannedSource:
    """A data source whose tools answer with what they were given: a result, or an exception to raise."""

    name = "kernel_log"

    def __init__(self, answers: dict[str, ToolResult | Exception]) -> None:
        self.answers = answers
        self.seen: list[ToolCall] = []

    async def is_available(self) -> Availability:
        return Availability(usable=True)

    def get_tools(self) -> tuple[ToolSpec, ...]:
        return tuple(ToolSpec(name, name, {"type": "object", "properties": {}}) for name in self.answers)

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        self.seen.append(call)
        answer = self.answers[call.name]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def get_system_prompt_section(self) -> str:
        return ""


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def incident() -> Incident:
    trigger = Trigger("kubernetes", NODE, "GpuCount", TriggerStatus.PROBLEM, "GpuCountBad", "GPU count bad 7/8", NOW)
    return Incident("inc-1", (trigger,), NOW)


@pytest.fixture
def bus_result() -> ToolResult:
    return ToolResult(
        ResultStatus.OK,
        query=f"/api/v1/nodes/{NODE}/proxy/logs/kern.log",
        summary={"xids": [{"xid": 79, "pci": "0000:17:00", "count": 1}], "lines_total": 1200},
        raw=f"{XID_LINE}\nNVRM: GPU 0000:17:00.0: GPU has fallen off the bus.",
        entities=(node(NODE), gpu(NODE, pci="0000:17:00")),
    )


@pytest.fixture
def evidence() -> Callable[..., Evidence]:
    def make(result: ToolResult, *, number: int = 1, source: str = "kernel_log") -> Evidence:
        mark = digest(source, "read_kernel_log", {}, result)
        return Evidence(f"E{number}", source, "read_kernel_log", {}, result, NOW, mark)

    return make


@pytest.fixture
def submission() -> dict[str, Any]:
    return {
        "severity": "critical",
        "fault_class": "gpu_off_bus",
        "summary": f"GPU 0000:17:00 of {NODE} fell off the bus",
        "root_cause": "The PCIe path of one GPU failed.",
        "confidence": 0.9,
        "entities": [{"kind": "gpu", "name": "gpu1", "node": NODE, "index": None, "uuid": None, "pci": "0000:17:00"}],
        "causal_chain": [],
        "actions": [{"action": "cordon", "target": {"kind": "node", "name": NODE, "node": NODE}, "reason": "Xid 79"}],
        "claims": [
            {
                "text": "Xid 79 was logged",
                "cites": [{"evidence": "E1", "quote": "GPU has fallen off the bus"}],
                "absence": False,
            }
        ],
        "ruled_out": [],
        "not_checked": [],
    }


@pytest.fixture
def calling() -> Callable[..., ModelTurn]:
    """A turn that calls tools: names, or (name, arguments)."""

    def make(*calls: str | tuple[str, dict[str, Any]], tokens: int = 100) -> ModelTurn:
        pairs = [(call, {}) if isinstance(call, str) else call for call in calls]
        made = tuple(ToolCall(f"c{number}", name, given) for number, (name, given) in enumerate(pairs))
        return ModelTurn("looking", made, StopReason.TOOL_USE, Usage(input_tokens=tokens), "scripted", "script-1")

    return make


@pytest.fixture
def submitting(calling: Callable[..., ModelTurn]) -> Callable[[dict[str, Any]], ModelTurn]:
    def make(arguments: dict[str, Any]) -> ModelTurn:
        return calling((SUBMIT_TOOL, arguments))

    return make


@pytest.fixture
def make_loop(clock: FrozenClock) -> Callable[..., Loop]:
    def make(
        turns: list[Any] | Model, source: CannedSource, limits: Limits | None = None, price: float | None = 0.0
    ) -> Loop:
        toolbox = Toolbox([source], MemoryEvidenceStore(), clock, redactor=Redactor(), max_output=4000)
        model: Model = ScriptedModel(turns) if isinstance(turns, list) else turns
        return Loop(model, toolbox, clock, system="s", limits=limits or Limits(), price=lambda _turn: price)

    return make


@pytest.fixture
def canned(bus_result: ToolResult) -> CannedSource:
    return CannedSource({"read_kernel_log": bus_result})


@pytest.fixture
def source_of() -> Callable[..., CannedSource]:
    def make(answers: dict[str, ToolResult | Exception]) -> CannedSource:
        return CannedSource(answers)

    return make


@pytest.fixture
def known_gpu() -> Entity:
    return gpu(NODE, pci="0000:17:00")
