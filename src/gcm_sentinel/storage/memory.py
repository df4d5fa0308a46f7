"""Evidence in memory: for one process, tests and the demo. Nothing survives it.

An investigation gathers megabytes, so whoever runs investigations without end says `forget` when one is over; its
evidence goes on in the `Investigation` it left.
"""

from __future__ import annotations

from gcm_sentinel.domain.errors import Bug
from gcm_sentinel.domain.evidence import Evidence


class MemoryEvidenceStore:
    """An `EvidenceStore` that keeps everything in a dictionary per incident."""

    def __init__(self) -> None:
        self._by_incident: dict[str, dict[str, Evidence]] = {}

    async def put(self, incident_id: str, evidence: Evidence) -> None:
        """Store one piece; the same id again must be the same content.

        Raises:
            Bug: another content is already stored under that id.
        """
        kept = self._by_incident.setdefault(incident_id, {})
        known = kept.setdefault(evidence.id, evidence)
        if known.digest != evidence.digest:
            raise Bug(f"evidence {evidence.id!r} of incident {incident_id!r} was stored with another content")

    async def get(self, incident_id: str, evidence_id: str) -> Evidence | None:
        """One piece, None when there is none of that id."""
        return self._by_incident.get(incident_id, {}).get(evidence_id)

    def forget(self, incident_id: str) -> None:
        """Drop everything of one incident; fine when there is nothing."""
        self._by_incident.pop(incident_id, None)

    async def all(self, incident_id: str) -> tuple[Evidence, ...]:
        """Everything of one incident in the order it was stored."""
        return tuple(self._by_incident.get(incident_id, {}).values())
