"""What the gateway recorded about itself: who was refused, which reports were refused, starts and stops, assessments.

A refusal's entry may stand for many (the gateway records the same one once a minute, with its count): `fields.count`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sentinel.ext.v1 import records_pb2
from sentinel_gateway.ledger.reports.counted import Counted, Row
from sentinel_gateway.ledger.reports.evidence import Evidence, Trail

AUTH_REFUSED = "auth.refused"
INGEST_REFUSED = "ingest.refused"
GATEWAY_STARTED = "gateway.started"
MANY_REFUSALS = 10
"""Refusals of one caller in a window that are worth a look."""
_MOST = 1_000_000_000
_TRUE = ("true", "1", "yes", "on")


@dataclass(frozen=True, slots=True)
class SystemEvents:
    """Counts inside the window."""

    events: tuple[Row, ...]
    """By name."""
    refused_by_reason: tuple[Row, ...]
    refused_by_caller: tuple[Row, ...]
    refused_by_method: tuple[Row, ...]
    ingest_refused: tuple[Row, ...]
    """By reason."""
    starts_told: Evidence
    """Starts whose entry says whether access was controlled."""
    insecure_starts: Evidence
    assessments: tuple[Row, ...]
    """By severity."""
    assessments_with_evidence: Evidence
    """Those that name digests of their evidence."""


class SystemTally:
    """Takes the SYSTEM_EVENT entries inside the window."""

    def __init__(self) -> None:
        self._events = Counted()
        self._reasons = Counted()
        self._callers = Counted()
        self._methods = Counted()
        self._ingest = Counted()
        self._assessments = Counted()
        self._told = Trail()
        self._insecure = Trail()
        self._digests = Trail()

    def record(self, entry_id: int, record: records_pb2.SystemRecord) -> None:
        """One event."""
        fields = record.fields
        count = _count(fields)
        self._events.add(record.event or "(no name)", entry_id)
        if record.event == AUTH_REFUSED:
            self._reasons.add(_first(fields, "why", "reason"), entry_id, count)
            self._callers.add(_first(fields, "who", "caller"), entry_id, count)
            self._methods.add(_first(fields, "what", "method"), entry_id, count)
        elif record.event == INGEST_REFUSED:
            self._ingest.add(_first(fields, "why", "reason"), entry_id, count)
        elif record.event == GATEWAY_STARTED and fields.get("insecure"):
            self._told.add(entry_id)
            if fields["insecure"].lower() in _TRUE:
                self._insecure.add(entry_id)
        if record.HasField("assessment"):
            self._assessments.add(record.assessment.severity or "(not recorded)", entry_id)
            if record.assessment.evidence:
                self._digests.add(entry_id)

    def finished(self) -> SystemEvents:
        """What was counted."""
        return SystemEvents(
            self._events.rows(),
            self._reasons.rows(),
            self._callers.rows(),
            self._methods.rows(),
            self._ingest.rows(),
            self._told.evidence(),
            self._insecure.evidence(),
            self._assessments.rows(),
            self._digests.evidence(),
        )


def _count(fields: Mapping[str, str]) -> int:
    text = fields.get("count", "1")
    return min(int(text), _MOST) if text.isascii() and text.isdigit() and len(text) <= 12 and int(text) else 1


def _first(fields: Mapping[str, str], *names: str) -> str:
    return next((fields[name] for name in names if fields.get(name)), "(not recorded)")
