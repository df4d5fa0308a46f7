"""The end of the ledger as the writer remembers it."""

from __future__ import annotations

from dataclasses import dataclass

from sentinel_sdk.ledger.checkpoint import SignedCheckpoint
from sentinel_sdk.ledger.entry import GENESIS_HASH
from sentinel_sdk.ledger.tree import Edge


@dataclass(frozen=True, slots=True)
class Head:
    """Where the next entry goes. `edge` is never changed in place."""

    edge: Edge
    last_hash: bytes
    """Hash of the newest entry."""
    batch_no: int
    signed: SignedCheckpoint | None
    """The tree head of the newest batch; None in an empty ledger."""

    @property
    def size(self) -> int:
        """How many entries there ever were."""
        return self.edge.size

    @property
    def signed_at_ns(self) -> int:
        """The time in the newest tree head; later ones are never earlier."""
        return self.signed.checkpoint.timestamp_ns if self.signed else 0


EMPTY = Head(Edge(), GENESIS_HASH, 0, None)
"""The head of a ledger without entries."""
