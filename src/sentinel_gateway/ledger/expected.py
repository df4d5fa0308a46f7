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
    of_another_key: bool = False
    """No key that ever signed this ledger signed the checkpoint."""

    @classmethod
    def from_note(cls, note: str | None, keys: Iterable[VerifierKey], *, are_trusted: bool = False) -> Expected:
        """The checkpoint in `note`; None expects nothing. `are_trusted`: somebody named the keys; else they are those
        that the ledger itself knows.

        Where there are no keys nothing was ever signed here, so that the ledger lacks whatever the note tells of. Where
        the ledger's own keys did not sign it, another ledger has taken the place of the one that it saw.

        Raises:
            Invalid: the note cannot be read, or none of the keys that were named signed it.
        """
        if note is None:
            return cls(None)
        known = tuple(keys)
        try:
            if not are_trusted:
                seen = read_note(note)
                return cls(seen.checkpoint, of_another_key=bool(known) and seen.signed_by(known) is None)
            return cls(opened(note, known))
        except BadNote as error:
            raise Invalid(
                f"the checkpoint cannot be used: {error}; give the key of the ledger that it is about"
            ) from error

    def fault_of_size(self, size: int) -> Fault | None:
        """Whether a ledger of `size` entries is too short."""
        if self.checkpoint is None or (self.checkpoint.tree_size <= size and not self.of_another_key):
            return None
        if self.of_another_key:
            return faults.of_another_ledger(self.checkpoint)
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
