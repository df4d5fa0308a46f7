"""What happened when: the moments that triggers and typed summaries of evidence speak of, in one order.

Used by web/report.py. Reads the shapes of domain/summaries/ by their keys, whatever tool filled them, and skips what
it does not know. Times are the sources' own; a moment keeps the id of the evidence that tells it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.trigger import Incident, TriggerStatus
from gcm_sentinel.web import reading
from gcm_sentinel.web.plain import one_line

MOST_MOMENTS = 120
_TEXT_CHARACTERS = 160


class Lane(StrEnum):
    """The rows of the drawn timeline, top to bottom."""

    TRIGGER = "Trigger"
    CONDITION = "Condition"
    KERNEL = "Kernel log"
    METRIC = "Metrics"
    WORKLOAD = "Workload"
    EVENT = "Events"
    ALERT = "Alerts"
    WORK = "Maintenance"


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened, or went on from `at` to `until`."""

    at: datetime
    lane: Lane
    text: str
    evidence: str = ""
    """Id of the evidence that tells it; empty for triggers."""
    until: datetime | None = None
    mild: bool = False
    """Context rather than trouble: boots, recoveries, ordinary events."""


def moments_of(publication: Publication) -> tuple[Moment, ...]:
    """All moments in order of time; two sources that tell the same thing count once."""
    found: dict[tuple[object, ...], Moment] = {}
    for moment in _all(publication):
        found.setdefault((moment.lane, moment.at, moment.until, moment.text), moment)
    return tuple(sorted(found.values(), key=lambda moment: (moment.at, moment.lane, moment.text)))


def _all(publication: Publication) -> Iterator[Moment]:
    yield from _triggers(publication.incident)
    for evidence in publication.evidence:
        summary = evidence.result.summary
        for reader in _READERS:
            yield from reader(summary, evidence)


def _triggers(incident: Incident) -> Iterator[Moment]:
    for trigger in incident.triggers:
        mild = trigger.status is TriggerStatus.RECOVERED
        text = f"{trigger.kind} {trigger.status} on {trigger.node}"
        changed = trigger.transition_at
        if changed and trigger.observed_at - changed > timedelta(seconds=1):
            yield Moment(changed, Lane.TRIGGER, f"{one_line(text)} (condition changed)", mild=mild)
            yield Moment(trigger.observed_at, Lane.TRIGGER, f"{one_line(text)} (seen)", mild=mild)
        else:
            yield Moment(trigger.observed_at, Lane.TRIGGER, one_line(text), mild=mild)


def _conditions(summary: JsonObject, evidence: Evidence) -> Iterator[Moment]:
    for item in reading.members(summary, "conditions"):
        at = reading.moment(item, "last_transition_at")
        state = reading.text(item, "state")
        if at and state in ("problem", "unknown"):
            reason = reading.text(item, "reason")
            words = f"{reading.text(item, 'type')}={reading.text(item, 'status')}" + (f" ({reason})" if reason else "")
            yield Moment(at, Lane.CONDITION, _short(words), evidence.id)


def _bursts(summary: JsonObject, evidence: Evidence) -> Iterator[Moment]:
    for item in reading.members(summary, "bursts"):
        at = reading.moment(item, "started_at")
        if at:
            lead, pci = reading.text(item, "lead_xid"), reading.text(item, "lead_pci")
            others = [str(xid) for xid in reading.values(item, "xids") if str(xid) != lead]
            words = f"first Xid {lead} on {pci}" if lead else "burst"
            words += f", then Xid {', '.join(others)}" if others else ""
            yield Moment(at, Lane.KERNEL, _short(words), evidence.id, _end(item, "ended_at", at))


def _records(summary: JsonObject, evidence: Evidence) -> Iterator[Moment]:
    for item in reading.members(summary, "records"):
        at = reading.moment(item, "first_at")
        if at and reading.text(item, "kind") != "other":
            parts = (reading.text(item, "kind"), reading.text(item, "device"), reading.text(item, "code"))
            yield Moment(
                at, Lane.KERNEL, _short(" ".join(filter(None, parts)), item), evidence.id, _end(item, "last_at", at)
            )


def _boots(summary: JsonObject, evidence: Evidence) -> Iterator[Moment]:
    for item in reading.members(summary, "boots"):
        at = reading.moment(item, "started_at")
        if at:
            words = "present boot" if reading.text(item, "number") == "0" else f"boot {reading.text(item, 'number')}"
            yield Moment(at, Lane.KERNEL, words, evidence.id, mild=True)


def _events(summary: JsonObject, evidence: Evidence) -> Iterator[Moment]:
    for item in reading.members(summary, "events"):
        at = reading.moment(item, "first_at") or reading.moment(item, "last_at")
        if at:
            words = f"{reading.text(item, 'reason')}: {reading.text(item, 'message')}"
            mild = reading.text(item, "type") == "Normal"
            yield Moment(at, Lane.EVENT, _short(words, item), evidence.id, _end(item, "last_at", at), mild)


def _alerts(summary: JsonObject, evidence: Evidence) -> Iterator[Moment]:
    for item in reading.members(summary, "alerts"):
        at = reading.moment(item, "starts_at")
        if at:
            severity = reading.text(item, "severity")
            words = reading.text(item, "name") + (f" ({severity})" if severity else "")
            yield Moment(at, Lane.ALERT, _short(words), evidence.id)


def _pods(summary: JsonObject, evidence: Evidence) -> Iterator[Moment]:
    for pod in reading.members(summary, "pods"):
        at = reading.moment(pod, "finished_at")
        if at and reading.text(pod, "phase") == "Failed":
            yield Moment(at, Lane.WORKLOAD, _short(f"pod {reading.text(pod, 'name')} failed"), evidence.id)
        for item in reading.members(pod, "containers"):
            ended, reason = reading.moment(item, "last_finished_at"), reading.text(item, "last_reason")
            if ended and reason != "Completed":
                code = reading.text(item, "last_exit_code")
                words = f"{reading.text(pod, 'name')}/{reading.text(item, 'name')} ended: {reason} (exit {code})"
                yield Moment(ended, Lane.WORKLOAD, _short(words), evidence.id)


def _patterns(summary: JsonObject, evidence: Evidence) -> Iterator[Moment]:
    sources = [summary, *reading.members(summary, "logs")]
    for source in sources:
        place = reading.text(source, "pod") or reading.text(source, "unit")
        for item in reading.members(source, "patterns"):
            at = reading.moment(item, "first_at")
            if at:
                words = f"{place} logs {reading.text(item, 'kind')}"
                yield Moment(at, Lane.WORKLOAD, _short(words, item), evidence.id, _end(item, "last_at", at))


def _metrics(summary: JsonObject, evidence: Evidence) -> Iterator[Moment]:
    down = reading.moment(summary, "exporter_down_since")
    if down:
        yield Moment(down, Lane.METRIC, "GPU exporter is down since", evidence.id)
    ended: dict[str, list[datetime]] = {}
    for metric in reading.members(summary, "metrics"):
        by_gpu = reading.child(metric, "by_gpu")
        for gpu in map(_index, reading.values(metric, "ended")):
            at = reading.moment(reading.child(by_gpu, gpu), "last_at")
            if at:
                ended.setdefault(gpu, []).append(at)
    for gpu, times in ended.items():
        yield Moment(min(times), Lane.METRIC, f"GPU {gpu}: {len(times)} series end", evidence.id)


def _maintenance(summary: JsonObject, evidence: Evidence) -> Iterator[Moment]:
    for item in reading.members(summary, "maintenance"):
        at = reading.moment(item, "starts_at")
        if at:
            words = f"announced: {reading.text(item, 'value')} ({reading.text(item, 'state')})"
            yield Moment(at, Lane.WORK, _short(words), evidence.id, _end(item, "ends_at", at), mild=True)
    cordoned = reading.moment(summary, "cordoned_at")
    if cordoned:
        by = reading.text(summary, "cordoned_by") or "somebody"
        yield Moment(cordoned, Lane.WORK, _short(f"cordoned by {by}"), evidence.id, mild=True)


_READERS = (_conditions, _bursts, _records, _boots, _events, _alerts, _pods, _patterns, _metrics, _maintenance)


def _index(value: Json) -> str:
    return str(value)


def _end(item: JsonObject, key: str, start: datetime) -> datetime | None:
    end = reading.moment(item, key)
    return end if end and end > start else None


def _short(words: str, counted: JsonObject | None = None) -> str:
    count = reading.number(counted.get("count")) if counted else None
    text = one_line(words).strip(" :")
    text = text if len(text) <= _TEXT_CHARACTERS else text[: _TEXT_CHARACTERS - 1].rstrip() + "…"
    return f"{text} ×{count:g}" if count and count > 1 else text
