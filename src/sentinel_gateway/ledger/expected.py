"""A checkpoint kept outside, against the ledger: nothing that it saw may be missing or rewritten."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from sentinel_gateway.domain.errors import Invalid, NotKnown
from sentinel_gateway.ledger.beginning import Beginning
from sentinel_gateway.ledger.nodes import Nodes
from sentinel_sdk.ledger import faults
from sentinel_sdk.ledger.checkpoint import BadNote, Checkpoint, VerifierKey, opened, read_note
from sentinel_sdk.ledger.verification import Fault


@dataclass(frozen=True, slots=True)
class Expected:
    """What the ledger must still contain."""

    checkpoint: Checkpoint | None

    @classmethod
    def from_note(cls, note: str | None, keys: Iterable[VerifierKey]) -> Expected:
        """The checkpoint in `note`, signed by one of `keys`; None expects nothing.

        Where there are no keys nothing was ever signed here, so that the ledger lacks whatever the note tells of.

        Raises:
            Invalid: the note cannot be read, or none of the keys signed it.
        """
        if note is None:
            return cls(None)
        known = tuple(keys)
        try:
            return cls(opened(note, known) if known else read_note(note).checkpoint)
        except BadNote as error:
            raise Invalid(
                f"the checkpoint cannot be used: {error}; give the key of the ledger that it is about"
            ) from error

    def fault_of_size(self, size: int) -> Fault | None:
        """Whether a ledger of `size` entries is too short."""
        if self.checkpoint is None or self.checkpoint.tree_size <= size:
            return None
        return faults.shorter_than_checkpoint(size, self.checkpoint)

    def fault(self, connection: Connection, beginning: Beginning) -> Fault | None:
        """Whether a ledger that is sound by itself has another past; what retention removed cannot be compared."""
        if self.checkpoint is None or not beginning.removed <= self.checkpoint.tree_size:
            return None
        size = self.checkpoint.tree_size
        try:
            root = Nodes(connection, beginning.cut).edge(size).root()
        except NotKnown as error:
            return faults.no_beginning(size, str(error))
        if root == self.checkpoint.root_hash:
            return None
        return faults.other_past(beginning.first_kept, root, self.checkpoint)
