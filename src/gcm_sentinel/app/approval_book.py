"""What whoever decides about a question is shown, gathered from the database: on the command line and over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from gcm_sentinel.app.exits import Exit
from gcm_sentinel.app.incident_store import with_database
from gcm_sentinel.app.settings import Settings
from gcm_sentinel.domain.action_record import ActionRecord, Approval
from gcm_sentinel.domain.assessment import Assessment
from gcm_sentinel.domain.evidence import DESK
from gcm_sentinel.domain.foreseen import Foreseen, foreseen
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.storage.actions import Actions
from gcm_sentinel.storage.approvals import Approvals
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.evidence import StoredEvidence
from gcm_sentinel.storage.investigations import Investigations


@dataclass(frozen=True, slots=True)
class Whole:
    """A question with everything that whoever decides is shown."""

    question: Approval
    record: ActionRecord
    effect: Foreseen | None
    because: Assessment | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Book:
    """What people's decisions read and write."""

    actions: Actions
    approvals: Approvals
    evidence: StoredEvidence
    investigations: Investigations
    clock: Clock

    async def foreseen(self, record: ActionRecord | None) -> Foreseen | None:
        """What the order would do to others; None where that, or the order, is not stored any more.

        Raises:
            Retryable: the database is away.
        """
        if record is None:
            return None
        noted = await self.evidence.of_source(record.order.investigation_id, DESK)
        return foreseen(record.order.digest, noted)

    async def whole(self, question: Approval, record: ActionRecord) -> Whole:
        """The question, what the order would do, and what it rests on.

        Raises:
            Retryable: the database is away.
        """
        found = await self.investigations.get(record.order.investigation_id)
        because = found.assessment if found else None
        return Whole(question, record, await self.foreseen(record), because, self.clock.now())


def book_of(database: Database) -> Book:
    """The book of an open database."""
    stored = StoredEvidence(database)
    return Book(Actions(database), Approvals(database), stored, Investigations(database), database.clock)


async def with_book(settings: Settings, work: Callable[[Book], Awaitable[Exit]]) -> Exit:
    """Do `work` with the database of `settings`.

    Raises:
        BadConfiguration: there is no database yet, or it is of a newer version.
        Unreachable: the database is away.
    """
    return await with_database(settings, lambda database: work(book_of(database)))
