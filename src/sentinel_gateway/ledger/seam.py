"""What the ledger needs of a database; `storage.database.Database` is one."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection


class LedgerDatabase(Protocol):
    """Transactions that are all or nothing, and a lock for the only writer."""

    @property
    def name(self) -> str:
        """For messages; without the password."""

    def reading(self) -> AbstractContextManager[Connection]:
        """One consistent moment."""

    def writing(self) -> AbstractContextManager[Connection]:
        """Commits on leaving; stores nothing when the body raises."""

    def writer_lock(self) -> AbstractContextManager[None]:
        """Be the only writer while inside; `BadConfiguration` where somebody else is."""
