"""What had happened before a command runs: incidents opened, investigated by the real loop, delivered, closed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.domain.action_record import ActionRecord, ActionState, Approval, Decision
from gcm_sentinel.domain.budget import Limits
from gcm_sentinel.domain.entity import gpu, node
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.incident_record import Urgency, Why
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ActionTarget, ApiCall, Order
from gcm_sentinel.domain.protocols import Availability, Scope
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.transcript import SUBMIT_TOOL, ModelTurn, StopReason, ToolCall, ToolSpec, Usage
from gcm_sentinel.domain.triage_changes import Investigate, OpenIncident
from gcm_sentinel.domain.trigger import FaultScope, Trigger, TriggerStatus
from gcm_sentinel.engine.loop import Loop
from gcm_sentinel.engine.toolbox import Toolbox
from gcm_sentinel.llm.scripted import Line, ScriptedModel, calling
from gcm_sentinel.storage.actions import Actions, Step
from gcm_sentinel.storage.approvals import Approvals
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.deliveries import Deliveries
from gcm_sentinel.storage.evidence import StoredEvidence
from gcm_sentinel.storage.incidents import Incidents
from gcm_sentinel.storage.investigations import Finished, Investigations
from gcm_sentinel.storage.triage import TriageStore
from gcm_sentinel.storage.triggers import Triggers

NODE = "gpu-r03-n05"
XID_LINE = "NVRM: Xid (PCI:0000:17:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus."
DONE = (ActionState.APPROVED, ActionState.RUNNING, ActionState.CARRIED, ActionState.DONE)
"""The states of an order that was carried out and checked."""
TAINT: JsonObject = {"key": "gcm-sentinel/unfit", "value": "", "effect": "NoSchedule"}
SUBMISSION: dict[str, Any] = {
    "severity": "critical",
    "fault_class": "gpu_off_bus",
    "summary": f"GPU 0000:17:00 of {NODE} fell off the bus",
    "root_cause": "The PCIe path of one GPU failed.",
    "confidence": 0.9,
    "entities": [{"kind": "gpu", "name": "gpu1", "node": NODE, "index": None, "uuid": None, "pci": "0000:17:00"}],
    "causal_chain": [],
    "actions": [{"action": "cordon", "target": {"kind": "node", "name": NODE, "node": NODE}, "reason": "Xid 79"}],
    "claims": [
        {"text": "Xid 79 was logged", "cites": [{"evidence": "E1", "quote": "fallen off the bus"}], "absence": False}
    ],
    "ruled_out": [],
    "not_checked": [],
}
LOOK: Line = calling(("read_kernel_log", {"node": NODE}), text="the kernel log first")
SUBMIT: Line = calling((SUBMIT_TOOL, SUBMISSION))


def spending(tokens: int, *calls: tuple[str, dict[str, Any]]) -> ModelTurn:
    """A turn that calls tools and used so many tokens."""
    made = tuple(ToolCall(f"c{place}", name, arguments) for place, (name, arguments) in enumerate(calls))
    return ModelTurn("", made, StopReason.TOOL_USE, Usage(input_tokens=tokens), "scripted", "script-1")


class KernelLog:
    """A kernel log with one line in it."""

    name = "kernel_log"

    async def is_available(self) -> Availability:
        return Availability(usable=True)

    def get_tools(self) -> tuple[ToolSpec, ...]:
        return (ToolSpec("read_kernel_log", "the kernel log", {"type": "object", "properties": {}}),)

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        seen = (node(NODE), gpu(NODE, pci="0000:17:00"))
        return ToolResult(ResultStatus.OK, "kern.log", {"xids": [79]}, f"{XID_LINE}\n\x1b[31mred", entities=seen)

    def get_system_prompt_section(self) -> str:
        return ""


class Past:
    """Writes one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._clock = SystemClock()
        self._investigations = Investigations(database)

    @classmethod
    async def write(cls, url: str, happen: Callable[[Past], Awaitable[None]]) -> None:
        """Open the database at `url` and let things happen."""
        async with Database.open(url, clock=SystemClock()) as database:
            await happen(cls(database))

    async def opened(
        self, incident_id: str = "inc-abc123", *, node: str = NODE, ago: timedelta = timedelta(hours=2)
    ) -> None:
        """An incident of one trigger whose investigation is wanted."""
        at = self._clock.now() - ago
        await Triggers(self.database).store([_trigger(node, at)])
        async with TriageStore(self.database).session(at, burst=timedelta(0), cooldown=timedelta(0)) as session:
            ids = tuple(stored.id for stored in session.snapshot.pending)
            scope = FaultScope("node", node)
            opened = OpenIncident(incident_id, scope, Urgency.CRITICAL, at, ids)
            await session.apply([opened, Investigate(incident_id, 1, Why.OPENED, Urgency.CRITICAL, at)])

    async def investigated(
        self,
        incident_id: str = "inc-abc123",
        *,
        turns: Sequence[Line] = (LOOK, SUBMIT),
        limits: Limits | None = None,
        revision: int = 1,
    ) -> None:
        """The incident was opened, if it was not yet, and investigated to its end."""
        if revision == 1:
            await self.opened(incident_id)
        investigation_id = f"{incident_id}.{revision}"
        incident = await self._investigations.start(investigation_id, "replica-1")
        assert incident is not None
        toolbox = Toolbox([KernelLog()], StoredEvidence(self.database), self._clock, redactor=Redactor())
        model = ScriptedModel(turns)
        loop = Loop(model, toolbox, self._clock, system="s", limits=limits or Limits(), price=lambda _turn: 0.25)
        done = await loop.investigate(incident)
        finished = Finished(done.assessment, done.transcript, ("webhook",), stand_in=False)
        await self._investigations.finish(investigation_id, finished)

    async def running(self) -> None:
        """The incident was opened, and its investigation began and did not end."""
        await self.opened()
        assert await self._investigations.start("inc-abc123.1", "replica-1") is not None

    async def again(self, incident_id: str = "inc-abc123") -> None:
        """Somebody asked for another investigation, which came to the same."""
        revision = await Incidents(self.database).request_reinvestigate(incident_id, "ada")
        await self.investigated(incident_id, revision=revision)

    async def ordered(
        self, *states: ActionState, operation: Operation = Operation.CORDON_NODE, note: str = "", revision: int = 1
    ) -> ActionRecord:
        """An investigation ordered this, and it went through `states`."""
        target = ActionTarget("node", NODE, f"uid-{operation}")
        call = ApiCall("PATCH", f"/api/v1/nodes/{NODE}", {"spec": {"unschedulable": True}})
        reason = "unfit for work"
        order = Order(
            operation,
            target,
            "inc-abc123",
            f"inc-abc123.{revision}",
            TAINT,
            (call,),
            reason=reason,
            asked_by="playbook",
        )
        record = ActionRecord(order, "approve", self._clock.now())
        actions = Actions(self.database)
        await actions.propose([record])
        for state in states:
            await actions.advance(record.id, Step(state, self._clock.now(), note=note))
        return record

    async def asked(
        self, record: ActionRecord, question_id: str = "ap-1", *, left: timedelta = timedelta(minutes=50)
    ) -> Approval:
        """A person was asked about an order."""
        now = self._clock.now()
        digest = record.order.digest
        question = Approval(question_id, "inc-abc123", record.id, digest, now - timedelta(hours=1), now + left)
        return await Approvals(self.database).ask(question)

    async def answered(self, question: Approval, *, approve: bool, reason: str = "seen") -> None:
        """Ada decided it."""
        decision = Decision(approve, question.digest, "ada", "cli", self._clock.now(), reason)
        await Approvals(self.database).decide(question.id, decision)

    async def withdrawn(self, question: Approval, reason: str) -> None:
        """The agent took it back."""
        await Approvals(self.database).withdraw(question, self._clock.now(), reason)

    async def delivered(self, investigation_id: str = "inc-abc123.1") -> None:
        """Its assessment reached the webhook."""
        await Deliveries(self.database).delivered(investigation_id, "webhook", self._clock.now())


def _trigger(node: str, at: datetime) -> Trigger:
    return Trigger("kubernetes", node, "GpuXid", TriggerStatus.PROBLEM, "Xid79", "GPU has fallen off", at, at)
