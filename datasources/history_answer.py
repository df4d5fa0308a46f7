"""The answer of the `history` source: earlier incidents as a typed summary and as lines. Pure.

What it tells was concluded then; it shows nothing of now. So only nodes become entities of this investigation: a GPU
that an old incident blamed may be gone, and what is blamed now must be shown by a source that looks at the present.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gcm_sentinel.datasources.cluster_reads import age_s, iso
from gcm_sentinel.datasources.tool_calls import as_json
from gcm_sentinel.domain.entity import Entity
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.evidence import ResultStatus, TimeRange, ToolResult
from gcm_sentinel.domain.history import HistoryQuery, PastIncident
from gcm_sentinel.domain.recurrence import FaultOnPart, by_fault_class, mended, on_parts, repairs, same_slot, xids_named
from gcm_sentinel.domain.summaries import FaultOnPartSummary, HistorySummary, PartSummary, PastIncidentSummary

MAX_READ = 200
MAX_SHOWN = 30
_SENTENCE_MAX = 400


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call asks for."""

    node: str
    """Empty for the whole fleet."""
    gpu: tuple[str, ...]
    """UUID and serial number of one GPU, as far as they are known."""
    fault_class: str
    since: datetime
    now: datetime
    own_incident: str

    @property
    def words(self) -> str:
        where = f"node {self.node}" if self.node else "all nodes"
        part = f" and GPU {' = '.join(self.gpu)}" if self.gpu else ""
        kind = f", only {self.fault_class}" if self.fault_class else ""
        return f"earlier incidents of {where}{part}{kind} since {iso(self.since)}"

    @property
    def queries(self) -> tuple[HistoryQuery, ...]:
        """The node's incidents, and those of the part wherever it was: apart, because a query narrows."""
        every = HistoryQuery(self.since, fault_class=self.fault_class, excluding=self.own_incident, limit=MAX_READ)
        return (replace(every, node=self.node), *(replace(every, part=mark) for mark in self.gpu))


def answer(asked: Asked, found: Sequence[PastIncident], kept_since: datetime | None, window: TimeRange) -> ToolResult:
    """What was found, newest first, as a result."""
    groups = on_parts(found)
    summary = HistorySummary(
        node=asked.node or None,
        gpu=list(asked.gpu),
        fault_class=asked.fault_class or None,
        since=str(iso(asked.since)),
        kept_since=iso(kept_since),
        incidents_total=len(found),
        by_fault_class=by_fault_class(found),
        by_part=[_on_part(item, groups) for item in groups[:MAX_SHOWN]],
        incidents=[_incident(item, asked.now) for item in found[:MAX_SHOWN]],
    )
    nodes = dict.fromkeys(name for incident in found for name in _nodes(incident))
    return ToolResult(
        ResultStatus.OK if found else ResultStatus.NO_DATA,
        asked.words,
        as_json(summary),
        "\n".join(_line(incident) for incident in found),
        time_range=window,
        entities=tuple(node_entity(name) for name in nodes),
        note=_note(asked, found, kept_since),
    )


def _note(asked: Asked, found: Sequence[PastIncident], kept_since: datetime | None) -> str:
    if len(found) >= MAX_READ:
        return f"Only the newest {MAX_READ} were read; ask for one node, one class or fewer days."
    if kept_since is None:
        return "The store holds no earlier incident at all: that none is known says nothing about the part."
    reach = f"incidents are kept since {iso(kept_since)}"
    if not found:
        since = f" since {iso(asked.since)}" if asked.since > kept_since else ""
        return f"No earlier incident is stored{since} ({reach}); what nobody reported is not here."
    return f"I{reach[1:]}." if kept_since > asked.since else ""


def _incident(item: PastIncident, now: datetime) -> PastIncidentSummary:
    return PastIncidentSummary(
        id=item.incident_id,
        node=item.node,
        opened_at=str(iso(item.opened_at)),
        age_s=age_s(now, item.opened_at) or 0.0,
        closed_at=iso(item.closed_at),
        fault_class=item.fault_class,
        severity=str(item.severity),
        confidence=item.confidence,
        kinds=list(item.kinds),
        xids=list(xids_named(item.summary)),
        parts=[_part(entity) for entity in item.entities],
        summary=_sentence(item.summary),
        recommended=item.action,
        taken=list(item.actions_taken),
        closed_as=_sentence(item.close_reason),
        mended=mended(item),
    )


def _part(entity: Entity) -> PartSummary:
    return PartSummary(
        kind=str(entity.kind),
        name=entity.name,
        node=entity.node,
        index=entity.index,
        uuid=entity.uuid,
        pci=entity.pci,
        serial=entity.serial,
    )


def _on_part(item: FaultOnPart, every: Sequence[FaultOnPart]) -> FaultOnPartSummary:
    same_place = [other for other in every if other is not item and other.fault == item.fault]
    return FaultOnPartSummary(
        part=_part(item.part),
        fault=item.fault,
        fault_classes=list(dict.fromkeys(incident.fault_class for incident in item.incidents)),
        times=len(item.incidents),
        first_at=str(iso(item.incidents[-1].opened_at)),
        last_at=str(iso(item.incidents[0].opened_at)),
        incidents=[incident.incident_id for incident in item.incidents],
        repairs=[taken for incident in item.incidents for taken in reversed(repairs(incident))],
        mended=item.mended,
        came_back=item.came_back,
        nodes=list(dict.fromkeys(incident.node for incident in item.incidents)),
        others_at_place=sum(same_slot(other.part, item.part) for other in same_place),
    )


def _nodes(incident: PastIncident) -> tuple[str, ...]:
    return (incident.node, *(entity.node for entity in incident.entities if entity.node))


def _sentence(words: str) -> str:
    """One line of bounded length: what is stored was written by a model that had read logs."""
    plain = " ".join(words.split())
    return plain if len(plain) <= _SENTENCE_MAX else f"{plain[:_SENTENCE_MAX]} [cut]"


def _line(incident: PastIncident) -> str:
    """One incident as a line a person can read and a claim can quote."""
    blamed = ", ".join(_label(entity) for entity in incident.entities) or "no part named"
    end = f"closed {iso(incident.closed_at)} ({incident.close_reason})" if incident.closed_at else "still open"
    done = "; ".join(incident.actions_taken) or "nothing recorded"
    words = (
        f"{iso(incident.opened_at)} {incident.incident_id} {incident.fault_class} {incident.severity} on"
        f" {incident.node}: {blamed}; {incident.summary}; recommended {incident.action or 'nothing'}; done: {done};"
        f" {end}"
    )
    return " ".join(words.split())


def _label(entity: Entity) -> str:
    marks = [f"{entity.kind} {entity.index if entity.index is not None else entity.name}"]
    marks += [mark for mark in (entity.pci, entity.uuid, entity.serial and f"serial {entity.serial}") if mark]
    return " ".join(dict.fromkeys(marks))
