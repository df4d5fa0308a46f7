"""Evidence that is read back with patience.

A replay reads what its recorded steps gathered. Were storage away at that moment, the evidence would count as lost, and
the investigation would take another path than the one that is recorded.
"""

from __future__ import annotations

from functools import partial

from gcm_sentinel.app.life.patience import patiently
from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.protocols import EvidenceStore


class PatientEvidence:
    """An `EvidenceStore` over another one."""

    def __init__(self, store: EvidenceStore) -> None:
        self._store = store

    async def put(self, investigation_id: str, evidence: Evidence) -> None:
        """Store one piece. Raises as the other store does: the call it belongs to has a deadline."""
        await self._store.put(investigation_id, evidence)

    async def get(self, investigation_id: str, evidence_id: str) -> Evidence | None:
        """One piece, None when there is none of that id; however long storage is away.

        Raises:
            SentinelError: anything that waiting does not mend.
        """
        return await patiently("evidence", partial(self._store.get, investigation_id, evidence_id))

    async def all(self, investigation_id: str) -> tuple[Evidence, ...]:
        """Everything of one investigation, in the order of the calls; waits and raises as `get` does."""
        return await patiently("evidence", partial(self._store.all, investigation_id))
