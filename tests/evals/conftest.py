"""Cases as results files have them, made by hand, and an investigation that a script has led."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gcm_sentinel.domain.budget import Limits
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.protocols import Availability, Scope
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.transcript import SUBMIT_TOOL, ToolCall, ToolSpec
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from gcm_sentinel.engine.investigation import Investigation
from gcm_sentinel.engine.loop import Loop
from gcm_sentinel.engine.toolbox import Toolbox
from gcm_sentinel.evals.case_record import CaseRecord
from gcm_sentinel.evals.measures import Measures
from gcm_sentinel.evals.score import Score
from gcm_sentinel.llm.scripted import ScriptedModel, calling
from gcm_sentinel.storage.memory import MemoryEvidenceStore

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
NODE = "gpu-r03-n05"


@pytest.fixture
def case() -> Callable[..., CaseRecord]:
    """A case that passed, but for what is said: fields of the case, of its measures (`m_…`) and its points (`p_…`)."""

    def make(scenario: str = "s", seed: int = 1, **said) -> CaseRecord:
        points: dict[str, Any] = {
            "root_cause": 30,
            "entities": 20,
            "severity": 10,
            "actions": 20,
            "evidence": 15,
            "confidence": 5,
        }
        measures: dict[str, Any] = {
            "outcome": "concluded", "fault_class": "gpu_off_bus", "severity": "critical", "confidence": 0.9,
            "right": True, "evidence_wanted": 2, "evidence_cited": 2, "claims": 4, "claims_founded": 4, "struck": 0,
            "accuses": True, "gaps_untold": (), "answered_by": "playbook", "tokens": 0, "cost_usd": 0.0, "turns": 3,
            "tool_calls": 9,
        }  # fmt: skip
        points |= {key[2:]: value for key, value in said.items() if key.startswith("p_")}
        measures |= {key[2:]: value for key, value in said.items() if key.startswith("m_")}
        plain: dict[str, Any] = {
            "variant": "", "without": (), "section": "A", "expected_class": "gpu_off_bus", "is_fault": True,
            "engine": "playbook", "score": Score(**{"forbidden": (), **points}), "measures": Measures(**measures),
            "wall_s": 1.0,
        }  # fmt: skip
        plain |= {key: value for key, value in said.items() if not key.startswith(("p_", "m_"))}
        return CaseRecord(scenario, seed=seed, **plain)

    return make


@pytest.fixture
def broken(case) -> Callable[..., CaseRecord]:
    """A case that could not be run."""
    return lambda *args, **said: case(*args, score=None, measures=None, error="it broke", **said)


class _Clock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


class _Log:
    name = "kernel_log"

    def __init__(self, line: str) -> None:
        self._line = line

    async def is_available(self) -> Availability:
        return Availability(usable=True)

    def get_tools(self) -> tuple[ToolSpec, ...]:
        return (ToolSpec("read_kernel_log", "", {"type": "object", "properties": {}}),)

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        return ToolResult(ResultStatus.OK, "kern.log", {"lines_total": 1}, self._line)

    def get_system_prompt_section(self) -> str:
        return ""


@pytest.fixture
def investigate() -> Callable[..., object]:
    """An investigation in which the kernel log holds `line`, and the model submits what it quotes of it."""

    async def run(line: str = "GPU has fallen off the bus") -> Investigation:
        answer: dict[str, Any] = {
            "severity": "critical", "fault_class": "gpu_off_bus", "summary": "a GPU is gone", "root_cause": "PCIe",
            "confidence": 0.9, "entities": [], "causal_chain": [], "ruled_out": [], "not_checked": [],
            "actions": [{"action": "capture-evidence", "target": None, "reason": "first"}],
            "claims": [{"text": "it is gone", "absence": False,
                        "cites": [{"evidence": "E1", "quote": "GPU has fallen off the bus"}]}],
        }  # fmt: skip
        model = ScriptedModel([calling(("read_kernel_log", {})), calling((SUBMIT_TOOL, answer))])
        toolbox = Toolbox([_Log(line)], MemoryEvidenceStore(), _Clock(), redactor=Redactor())
        loop = Loop(model, toolbox, _Clock(), system="", limits=Limits(), price=lambda turn: 0.0)
        trigger = Trigger("kubernetes", NODE, "GpuCount", TriggerStatus.PROBLEM, "GpuCountBad", "bad 7/8", NOW)
        return await loop.investigate(Incident("inc-1", (trigger,), NOW))

    return run
