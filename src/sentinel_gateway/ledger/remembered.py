"""The checkpoint file against the ledger's end: what the file remembers must still be there.

The ledger may be ahead of the file, for a crash can come between commit and file. It can never be behind, unless the
database lost what was committed, was truncated, or is an older copy. A file that belongs to another database says
nothing about this one; but this one may have been put in the other's place to hide what that held, so a person must say
that it was meant so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection

from sentinel_gateway.domain.errors import BadConfiguration, NotKnown
from sentinel_gateway.ledger.checkpoint_file import CheckpointFile
from sentinel_gateway.ledger.cuts import newest_cut
from sentinel_gateway.ledger.head import Head
from sentinel_gateway.ledger.identity import Identity
from sentinel_gateway.ledger.nodes import Nodes
from sentinel_sdk.ledger.checkpoint import BadNote, Checkpoint, VerifierKey, opened, read_note

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Loss:
    """What a ledger lacks of what its checkpoint file saw."""

    path: str
    remembered_size: int
    remembered_root: bytes
    size: int
    root: bytes

    @property
    def gone(self) -> str:
        """Which entries."""
        if self.size < self.remembered_size:
            return f"entries {self.size + 1} to {self.remembered_size} are missing"
        return f"the first {self.remembered_size} entries are not those it saw"

    @property
    def refusal(self) -> str:
        """Why the ledger is not continued, and what to do."""
        return (
            f"the checkpoint file {self.path!r} saw {self.remembered_size} entries and the ledger has {self.size}: "
            f"{self.gone}; restore the newest database, or accept the loss for good, on record, with "
            "`sentinel-gateway ledger accept-loss`"
        )

    @property
    def fields(self) -> dict[str, object]:
        """For log and record."""
        return {
            "remembered_entries": self.remembered_size,
            "remembered_root": self.remembered_root.hex(),
            "entries": self.size,
            "root": self.root.hex(),
        }


@dataclass(frozen=True, slots=True)
class Replacement:
    """Another database in the place of the one that a checkpoint file belongs to."""

    path: str
    owner: Identity
    present: Identity
    remembered_size: int
    remembered_root: bytes
    size: int
    root: bytes

    @property
    def gone(self) -> str:
        """Which entries."""
        return f"all {self.remembered_size} entries of another database, {self.owner}, whose place this one takes"

    @property
    def refusal(self) -> str:
        """Why the ledger is not begun, and what to do."""
        return (
            f"the checkpoint file {self.path!r} belongs to the database {self.owner}, whose ledger had "
            f"{self.remembered_size} entries, and this is {self.present}: give this database a state folder of its own "
            "(database.state_dir), or, where it takes the other's place for good, say so on record with "
            "`sentinel-gateway ledger accept-loss`"
        )

    @property
    def fields(self) -> dict[str, object]:
        """For log and record."""
        return {
            "remembered_entries": self.remembered_size,
            "remembered_root": self.remembered_root.hex(),
            "remembered_database": self.owner.name,
            "remembered_database_id": self.owner.database_id,
            "entries": self.size,
            "root": self.root.hex(),
        }


@dataclass(frozen=True, slots=True)
class Ledger:
    """The one that is opened: where it ends, in which database, and the keys that signed it."""

    connection: Connection
    head: Head
    identity: Identity
    keys: tuple[VerifierKey, ...]


def compared(file: CheckpointFile, ledger: Ledger) -> Loss | Replacement | None:
    """What the file remembers and the ledger lacks; None where that is nothing, or there is no file to tell.

    Raises:
        BadConfiguration: the file cannot be read, or is signed by nobody who signed this ledger.
    """
    note = file.read()
    if note is None:
        return None
    owner, head = file.owner(), ledger.head
    if owner is not None and not owner.is_same(ledger.identity):
        seen = _seen(file, note, None)
        path, root = str(file.path), head.edge.root()
        return Replacement(path, owner, ledger.identity, seen.tree_size, seen.root_hash, head.size, root)
    seen = _seen(file, note, ledger.keys)
    if seen.tree_size < head.size:
        log.info("ledger.checkpoint_behind", checkpoint_entries=seen.tree_size, entries=head.size)
    if _root_then(seen, head, ledger.connection) == seen.root_hash:
        return None
    return Loss(str(file.path), seen.tree_size, seen.root_hash, head.size, head.edge.root())


def _seen(file: CheckpointFile, note: str, keys: Iterable[VerifierKey] | None) -> Checkpoint:
    """What a note says; signed by one of `keys`, unless they are None."""
    try:
        return read_note(note).checkpoint if keys is None else opened(note, keys)
    except BadNote as error:
        raise BadConfiguration(
            f"the checkpoint file {str(file.path)!r} is not of this ledger ({error}): name the right one, or move it "
            f"away if it is damaged"
        ) from error


def _root_then(seen: Checkpoint, head: Head, connection: Connection) -> bytes | None:
    """The root at the size that was seen; None where the ledger is shorter. Trusted where retention removed it."""
    if seen.tree_size > head.size:
        return None
    try:
        return Nodes(connection, newest_cut(connection)).edge(seen.tree_size).root()
    except NotKnown:
        # A cut after the file was written: the head that covers the cut is signed, and was checked.
        return seen.root_hash
