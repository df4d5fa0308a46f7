"""What is already stored when a test begins: incidents, triggers and investigations, written as triage writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, insert, select

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import Assessment, Draft, Outcome, RecommendedAction, Severity, Spend
from gcm_sentinel.domain.entity import Entity
from gcm_sentinel.domain.evidence import Evidence, ResultStatus, ToolResult, digest
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.transcript import ModelTurn, StopReason, ToolCall, ToolReplies, ToolReply, Transcript
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from gcm_sentinel.storage.codecs import micros
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.investigations import Finished
from gcm_sentinel.storage.schema import incident_nodes, incidents, investigations, triggers

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
XID, READY = "GcmXidErrorsProblem", "Ready"


def at(minutes: float) -> datetime:
    """So many minutes after the clock's first moment."""
    return NOW + timedelta(minutes=minutes)


def trigger(node: str = "gpu-7", kind: str = XID, minute: float = 0, gpu_uuid: str | None = None) -> Trigger:
    """A problem that began at `minute`."""
    return Trigger(
        "kubernetes",
        node,
        kind,
        TriggerStatus.PROBLEM,
        "Bad",
        f"{kind} on {node}",
        at(minute),
        at(minute),
        None,
        gpu_uuid,
    )


@dataclass(frozen=True, slots=True)
class Closing:
    """When and why an incident was closed."""

    at: datetime
    reason: str = "recovered"
    merged_into: str | None = None


class Given:
    """Writes the rows that are there before."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def incident(
        self, incident_id: str = "inc-1", seen: Iterable[Trigger] = (), *, closed: Closing | None = None
    ) -> str:
        """An incident of the triggers `seen`, the first of which leads; one on gpu-7 where there are none."""
        seen = tuple(seen) or (trigger(),)
        row = {
            "id": incident_id,
            "scope_kind": "node",
            "scope_key": seen[0].node,
            "state": "closed" if closed else "open",
            "urgency": 2,
            "opened_at": micros(seen[0].observed_at),
            "last_trigger_at": micros(seen[-1].observed_at),
            "revision": 0,
            "nodes": "[]",
            "kinds": json.dumps(sorted({item.kind for item in seen})),
            "flaps": 0,
            "stand_in": 0,
            "revisits": 0,
            "failures": 0,
            "closed_at": micros(closed.at) if closed else None,
            "close_reason": closed.reason if closed else "",
            "merged_into": closed.merged_into if closed else None,
        }
        nodes = [{"incident_id": incident_id, "node": node} for node in {item.node for item in seen}]
        async with self._database.writing() as connection:
            await connection.execute(insert(incidents), row)
            await connection.execute(insert(incident_nodes), nodes)
        await self.triggers(seen, incident_id=incident_id)
        return incident_id

    async def triggers(self, seen: Iterable[Trigger], *, incident_id: str | None, state: str = "folded") -> None:
        """Stored triggers; of an incident, or of none."""
        rows = [_trigger_row(item, f"{incident_id}-{place}", state) for place, item in enumerate(seen)]
        async with self._database.writing() as connection:
            await connection.execute(insert(triggers), [{**row, "incident_id": incident_id} for row in rows])

    async def take_triggers(self, incident_id: str) -> None:
        """An incident loses its triggers, which must not happen."""
        async with self._database.writing() as connection:
            await connection.execute(delete(triggers).where(triggers.c.incident_id == incident_id))

    async def investigation(self, incident_id: str = "inc-1", revision: int = 1, state: str = "wanted") -> str:
        """An investigation of an incident that is there."""
        investigation_id = f"{incident_id}.{revision}"
        row = {"id": investigation_id, "incident_id": incident_id, "revision": revision, "state": state}
        texts = dict.fromkeys(("requested_by", "executor", "engine", "model"), "")
        told = dict.fromkeys(("fault_class", "summary", "action", "note"), "")
        asked = {"why": "opened", "urgency": 2, "requested_at": micros(self._database.clock.now())}
        async with self._database.writing() as connection:
            await connection.execute(insert(investigations), {**row, **texts, **told, **asked})
        return investigation_id

    async def incident_row(self, incident_id: str = "inc-1") -> dict[str, object]:
        """The row of an incident as it is now."""
        async with self._database.reading() as connection:
            found = await connection.execute(select(incidents).where(incidents.c.id == incident_id))
            return dict(found.one()._mapping)


def _trigger_row(item: Trigger, fingerprint: str, state: str) -> dict[str, object]:
    return {
        "fingerprint": f"{fingerprint}-{item.fingerprint}",
        "source": item.source,
        "node": item.node,
        "node_uid": item.node_uid,
        "gpu_uuid": item.gpu_uuid,
        "kind": item.kind,
        "status": str(item.status),
        "reason": item.reason,
        "message": item.message,
        "observed_at": micros(item.observed_at),
        "transition_at": micros(item.transition_at),
        "onset_at": micros(item.transition_at or item.observed_at),
        "stored_at": micros(item.observed_at),
        "state": state,
        "ruling": "",
    }


def evidence(evidence_id: str = "E1", raw: str = "Xid 79\n") -> Evidence:
    """One piece of evidence."""
    result = ToolResult(ResultStatus.OK, "journalctl -k", {"xids": [79], "first": True}, raw)
    return Evidence(
        evidence_id, "kernel_log", "get_kernel_log", {"lines": 9}, result, at(1), digest("k", "g", {}, result)
    )


DRAFT = Draft(
    Severity.CRITICAL,
    FaultClass.GPU_OFF_BUS,
    "GPU 3 fell off the bus",
    "PCIe",
    0.9,
    actions=(RecommendedAction(Action.CAPTURE_EVIDENCE), RecommendedAction(Action.DRAIN)),
)
SPEND = Spend(rounds=3, tool_calls=5, input_tokens=900, output_tokens=90, cost_usd=None)


def assessment(*entities: Entity, fault_class: FaultClass = FaultClass.GPU_OFF_BUS) -> Assessment:
    """A critical one that names `entities`."""
    draft = replace(DRAFT, entities=entities, fault_class=fault_class)
    notes = ("the playbook engine stood in",)
    return Assessment("inc-1", "gpu-7", XID, Outcome.CONCLUDED, draft, (), "playbook", "p-1", at(3), SPEND, notes)


def transcript(*pieces: Evidence) -> Transcript:
    """One turn that called a tool for each of `pieces`."""
    call = ToolCall("c1", "get_kernel_log", {})
    turn = ModelTurn("look", (call,), StopReason.TOOL_USE)
    replies = ToolReplies(tuple(ToolReply(call, "shown", piece) for piece in pieces))
    return Transcript("system", Incident("inc-1", (trigger(),), NOW), "brief", (turn, replies))


def finished(*entities: Entity, pieces: tuple[Evidence, ...] = (), notifiers: tuple[str, ...] = ("log",)) -> Finished:
    """How an investigation ended well."""
    return Finished(assessment(*entities), transcript(*pieces), notifiers, stand_in=False)


def failed() -> Finished:
    """How an investigation ended that no model could finish."""
    return replace(finished(), assessment=replace(assessment(), outcome=Outcome.FAILED))
