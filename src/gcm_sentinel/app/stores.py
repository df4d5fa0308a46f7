"""Everything that is stored, opened together: one database, one repository per kind of row."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.storage.actions import Actions
from gcm_sentinel.storage.approvals import Approvals
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.deliveries import Deliveries
from gcm_sentinel.storage.evidence import StoredEvidence
from gcm_sentinel.storage.executors import Executors
from gcm_sentinel.storage.history import StoredHistory
from gcm_sentinel.storage.incidents import Incidents
from gcm_sentinel.storage.investigations import Investigations
from gcm_sentinel.storage.spending import Spending
from gcm_sentinel.storage.threads import Threads
from gcm_sentinel.storage.triage import TriageStore
from gcm_sentinel.storage.triggers import Triggers

IN_MEMORY = "sqlite://"
"""For the demo, evaluation and tests: nothing survives."""


@dataclass(frozen=True, slots=True)
class Stores:
    """The repositories over one database."""

    database: Database
    triggers: Triggers
    triage: TriageStore
    incidents: Incidents
    investigations: Investigations
    evidence: StoredEvidence
    spending: Spending
    deliveries: Deliveries
    threads: Threads
    history: StoredHistory
    executors: Executors
    actions: Actions
    approvals: Approvals


@asynccontextmanager
async def open_stores(url: str, clock: Clock) -> AsyncIterator[Stores]:
    """The repositories over the database at `url`, brought to this version's schema; closed on leaving.

    Raises:
        Unreachable: the database is away.
        BadConfiguration: its schema is of a newer version, or it is damaged.
    """
    async with Database.open(url, clock=clock) as database:
        yield Stores(
            database=database,
            triggers=Triggers(database),
            triage=TriageStore(database),
            incidents=Incidents(database),
            investigations=Investigations(database),
            evidence=StoredEvidence(database),
            spending=Spending(database),
            deliveries=Deliveries(database),
            threads=Threads(database),
            history=StoredHistory(database),
            executors=Executors(database),
            actions=Actions(database),
            approvals=Approvals(database),
        )
