"""Evidence that is stored and read back with patience.

A replay reads what its recorded steps gathered. Were storage away at that moment, the evidence would count as lost, and
the investigation would take another path than the one that is recorded. So reading waits as long as it takes. Storing
waits for a moment only: the wait counts as time of its tool call, and a result that cannot be kept must cost that
result and not the whole investigation its time.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from gcm_sentinel.app.life.patience import patiently
from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.protocols import EvidenceStore

STORING_AT_MOST = timedelta(minutes=1)
"""Outlasts a database that restarts or hands over to its stand-by."""


class PatientEvidence:
    """An `EvidenceStore` over another one."""

    def __init__(self, store: EvidenceStore) -> None:
        self._store = store

    async def put(self, investigation_id: str, evidence: Evidence) -> None:
        """Store one piece, tried again for `STORING_AT_MOST` where storage is away.

        Raises:
            SentinelError: anything that this has not mended.
        """
        await patiently("evidence", partial(self._store.put, investigation_id, evidence), at_most=STORING_AT_MOST)

    async def get(self, investigation_id: str, evidence_id: str) -> Evidence | None:
        """One piece, None when there is none of that id; however long storage is away.

        Raises:
            SentinelError: anything that waiting does not mend.
        """
        return await patiently("evidence", partial(self._store.get, investigation_id, evidence_id))

    async def all(self, investigation_id: str) -> tuple[Evidence, ...]:
        """Everything of one investigation, in the order of the calls; waits and raises as `get` does."""
        return await patiently("evidence", partial(self._store.all, investigation_id))
