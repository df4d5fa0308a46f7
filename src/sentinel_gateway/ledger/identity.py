"""Whose a checkpoint file is. Every database has an identity, made with it, which is kept beside its checkpoint file.

Without it, the state folder of one database used with another would look like a ledger that lost everything. The name
is for people alone: a database that was moved or restored is the same one.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from sentinel_gateway.domain.errors import BadConfiguration

_DATABASE_ID = text("SELECT database_id FROM ledger_identity WHERE only_row = 1")


@dataclass(frozen=True, slots=True)
class Identity:
    """A database."""

    database_id: str
    """32 random hexadecimal digits."""
    name: str
    """Where it was when this was written: a path, or server and database; without the password."""

    def __str__(self) -> str:
        """For messages."""
        return f"{self.name} (identity {self.database_id[:8]})"

    def is_same(self, other: Identity) -> bool:
        """Whether it is this database, wherever it was moved."""
        return self.database_id == other.database_id


def identity_of(connection: Connection, name: str) -> Identity:
    """The identity of a database that is reached as `name`.

    Raises:
        BadConfiguration: the row for it is gone.
    """
    database_id = connection.scalar(_DATABASE_ID)
    if database_id is None:
        raise BadConfiguration("the table of the database's identity is empty: restore a backup")
    return Identity(str(database_id), name)
