"""The checkpoint file against the ledger's end: what the file remembers must still be there.

The ledger may be ahead of the file, for a crash can come between commit and file. It can never be behind, unless the
database lost what was committed, was truncated, or is an older copy.
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
from sentinel_gateway.ledger.nodes import Nodes
from sentinel_sdk.ledger.checkpoint import BadNote, Checkpoint, VerifierKey, opened

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
    def refusal(self) -> str:
        """Why the ledger is not continued, and what to do."""
        what = (
            f"entries {self.size + 1} to {self.remembered_size} are missing"
            if self.size < self.remembered_size
            else f"the first {self.remembered_size} entries are not those it saw"
        )
        return (
            f"the checkpoint file {self.path!r} saw {self.remembered_size} entries and the ledger has {self.size}: "
            f"{what}; restore the newest database, or accept the loss for good, on record, with "
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


def compared(file: CheckpointFile, head: Head, connection: Connection, keys: Iterable[VerifierKey]) -> Loss | None:
    """What was lost; None where nothing was, or there is no file to tell.

    Raises:
        BadConfiguration: the file cannot be read, or belongs to another ledger.
    """
    note = file.read()
    if note is None:
        return None
    try:
        seen = opened(note, keys)
    except BadNote as error:
        raise BadConfiguration(
            f"the checkpoint file {str(file.path)!r} is not of this ledger ({error}): name the right one, or move it "
            f"away if it is damaged"
        ) from error
    if seen.tree_size < head.size:
        log.info("ledger.checkpoint_behind", checkpoint_entries=seen.tree_size, entries=head.size)
    root = _root_then(seen, head, connection)
    if root == seen.root_hash:
        return None
    return Loss(str(file.path), seen.tree_size, seen.root_hash, head.size, head.edge.root())


def _root_then(seen: Checkpoint, head: Head, connection: Connection) -> bytes | None:
    """The root at the size that was seen; None where the ledger is shorter. Trusted where retention removed it."""
    if seen.tree_size > head.size:
        return None
    try:
        return Nodes(connection, newest_cut(connection)).edge(seen.tree_size).root()
    except NotKnown:
        # A cut after the file was written: the head that covers the cut is signed, and was checked.
        return seen.root_hash
