"""Signed tree heads and proofs over the audit ledger, which check themselves.

`verify` needs nothing of the server but the value itself; whom to trust is the caller's, as the text that
``sentinel-gateway ledger key`` prints (``origin+id+key``), obtained from the operator and not over the same connection.
"""

from __future__ import annotations

from sentinel.ext.v1 import ledger_pb2
from sentinel_sdk.errors import VerificationError
from sentinel_sdk.ledger import checkpoint as notes
from sentinel_sdk.ledger.encoding import entry_hash
from sentinel_sdk.ledger.proofs import is_consistent, is_included
from sentinel_sdk.types.audit import AuditEntry
from sentinel_sdk.types.message import Message
from sentinel_sdk.types.timestamps import UtcDatetime

TrustedKey = notes.VerifierKey | str


class Checkpoint(Message):
    """What the ledger says about itself at one size: the root of its tree, signed."""

    wire = ledger_pb2.Checkpoint
    tree_size: int = 0
    root_hash: bytes = b""
    timestamp: UtcDatetime | None = None
    note: str = ""
    """The signed text; all that counts when it is verified."""
    public_key: bytes = b""
    """For information only: whoever forges a note can send a key that fits."""

    def verify(self, trusted: TrustedKey) -> None:
        """Check the signature, and that size and root are those that were signed.

        Raises:
            VerificationError: they are not; says what is wrong.
        """
        try:
            key = notes.VerifierKey.from_text(trusted) if isinstance(trusted, str) else trusted
            signed = notes.opened(self.note, [key])
        except notes.BadNote as error:
            raise VerificationError(f"the checkpoint of size {self.tree_size} is not to be trusted: {error}") from error
        if (signed.tree_size, signed.root_hash) != (self.tree_size, self.root_hash):
            raise VerificationError(
                f"the checkpoint says size {self.tree_size} and root {self.root_hash.hex()}, "
                f"but size {signed.tree_size} and root {signed.root_hash.hex()} were signed"
            )


class InclusionProof(Message):
    """That an entry stands in the ledger."""

    wire = ledger_pb2.InclusionProof
    entry: AuditEntry | None = None
    leaf_index: int = 0
    tree_size: int = 0
    hashes: list[bytes] = []
    checkpoint: Checkpoint | None = None

    def verify(self, trusted: TrustedKey) -> AuditEntry:
        """Check the tree head's signature, and that the entry, hashed anew, leads to its root. The entry, if so.

        Raises:
            VerificationError: it does not; says what is wrong.
        """
        if self.entry is None:
            raise VerificationError("the proof holds no entry")
        head = _signed(self.checkpoint, self.tree_size, trusted)
        if self.leaf_index != self.entry.entry_id - 1:
            raise VerificationError(f"the proof is about leaf {self.leaf_index}, not about entry {self.entry.entry_id}")
        if not is_included(_hash(self.entry), self.leaf_index, self.tree_size, self.hashes, head.root_hash):
            raise VerificationError(f"entry {self.entry.entry_id} as it is here is not in the tree that was signed")
        return self.entry


class ConsistencyProof(Message):
    """That a ledger only grew."""

    wire = ledger_pb2.ConsistencyProof
    first_tree_size: int = 0
    second_tree_size: int = 0
    hashes: list[bytes] = []
    checkpoint: Checkpoint | None = None

    def verify(self, trusted: TrustedKey, older: Checkpoint) -> Checkpoint:
        """Check that the tree of `older`, a checkpoint kept from before, begins the later one. The later, if so.

        Raises:
            VerificationError: it does not: the ledger was rewritten, or this is the wrong proof; says which.
        """
        older.verify(trusted)
        if older.tree_size != self.first_tree_size:
            raise VerificationError(f"the proof begins at size {self.first_tree_size}, not at {older.tree_size}")
        head = _signed(self.checkpoint, self.second_tree_size, trusted)
        sizes = (self.first_tree_size, self.second_tree_size)
        if not is_consistent(*sizes, older.root_hash, head.root_hash, self.hashes):
            raise VerificationError(f"the ledger of size {sizes[1]} does not begin with the one of size {sizes[0]}")
        return head


def _signed(checkpoint: Checkpoint | None, tree_size: int, trusted: TrustedKey) -> Checkpoint:
    if checkpoint is None or checkpoint.tree_size != tree_size:
        raise VerificationError(f"the proof comes without a signed tree head of size {tree_size}")
    checkpoint.verify(trusted)
    return checkpoint


def _hash(entry: AuditEntry) -> bytes:
    try:
        return entry_hash(entry.as_ledger_entry())
    except ValueError as error:
        raise VerificationError(f"entry {entry.entry_id} cannot be hashed: {error}") from error
