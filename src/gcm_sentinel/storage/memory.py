"""Evidence and threads in memory: for one process, tests and the demo. Nothing survives it.

An investigation gathers megabytes, so whoever runs investigations without end says `forget` when one is over; its
evidence goes on in the `Investigation` it left.
"""

from __future__ import annotations

from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.threads import Thread


class MemoryEvidenceStore:
    """An `EvidenceStore` that keeps everything in a dictionary per investigation."""

    def __init__(self) -> None:
        self._by_investigation: dict[str, dict[str, Evidence]] = {}

    async def put(self, investigation_id: str, evidence: Evidence) -> None:
        """Store one piece; the same id again replaces it."""
        self._by_investigation.setdefault(investigation_id, {})[evidence.id] = evidence

    async def get(self, investigation_id: str, evidence_id: str) -> Evidence | None:
        """One piece, None when there is none of that id."""
        return self._by_investigation.get(investigation_id, {}).get(evidence_id)

    def forget(self, investigation_id: str) -> None:
        """Drop everything of one investigation; fine when there is nothing."""
        self._by_investigation.pop(investigation_id, None)

    async def all(self, investigation_id: str) -> tuple[Evidence, ...]:
        """Everything of one investigation in the order it was first stored."""
        return tuple(self._by_investigation.get(investigation_id, {}).values())


class MemoryThreads:
    """A `ThreadBook` for an investigation by hand, which tells a sink once."""

    def __init__(self) -> None:
        self._threads: dict[tuple[str, str], Thread] = {}

    async def get(self, sink: str, incident_id: str) -> Thread | None:
        """What `sink` has shown of an incident."""
        return self._threads.get((sink, incident_id))

    async def put(self, sink: str, thread: Thread) -> None:
        """Keep it."""
        self._threads[sink, thread.incident_id] = thread
