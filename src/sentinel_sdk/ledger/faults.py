"""The faults of tree heads and of the ledger's end, in words; those of the chain are in `diagnosis`."""

from __future__ import annotations

from sentinel_sdk.ledger.checkpoint import Checkpoint
from sentinel_sdk.ledger.verification import Fault, FaultKind

_KEEP = "Keep the database as evidence, find out who could write to it, and restore a backup that verifies"


def otherwise_rooted(first: int, last: int, found: bytes, expected: bytes, *, is_signed: bool = True) -> Fault:
    """Entries that chain, but hash to another root than the tree head of `last` says, which is signed or is not."""
    rewritten = f"Entries between {first} and {last} were rewritten together with all their hashes"
    return Fault(
        FaultKind.ROOT_CHANGED,
        first,
        f"the tree of {last} entries to have the root {expected.hex()}",
        f"the root {found.hex()}",
        rewritten
        if is_signed
        else f"The tree head over entry {last} was changed: its signature does not fit it either",
        _KEEP,
    )


def shorter_than_checkpoint(size: int, checkpoint: Checkpoint) -> Fault:
    """A ledger that ends before what a checkpoint saw."""
    return Fault(
        FaultKind.TRUNCATED,
        size + 1,
        f"at least {checkpoint.tree_size} entries, which the checkpoint signed as {checkpoint.origin!r} saw",
        f"{size} entries",
        "The newest entries were deleted, or an older copy of the database was put in its place",
        _KEEP,
    )


def shorter_than_head(size: int, last: int) -> Fault:
    """A ledger that ends before its own newest tree head."""
    return Fault(
        FaultKind.TRUNCATED,
        size + 1,
        f"{last} entries, which the newest tree head covers",
        f"{size} entries",
        "The newest entries were deleted, or the storage lost them",
        _KEEP,
    )


def unsealed(size: int, sealed: int) -> Fault:
    """Entries after the newest tree head."""
    return Fault(
        FaultKind.TORN_TAIL,
        sealed + 1,
        f"a tree head over entries {sealed + 1} to {size}",
        "none; the entries themselves fit the chain",
        "A crash of the storage tore a batch apart, or somebody without the signing key appended these",
        "Look at these entries; the gateway seals them when it starts next, and records that it did",
    )


def badly_signed(first: int, last: int, found: str) -> Fault:
    """A tree head whose signature is not that of a trusted key."""
    return Fault(
        FaultKind.SIGNATURE_INVALID,
        first,
        f"the tree head of {last} entries to be signed by a trusted key",
        found,
        "The tree head was changed, or made by somebody who has not the ledger's key",
        _KEEP,
    )


def head_missing(first: int, expected: str, found: str) -> Fault:
    """Tree heads that do not follow each other."""
    return Fault(FaultKind.ROOT_CHANGED, first, expected, found, "A tree head was deleted, added or renumbered", _KEEP)


def other_node(first: int, last: int) -> Fault:
    """A stored hash of a subtree that is not that of its entries."""
    return Fault(
        FaultKind.ROOT_CHANGED,
        first,
        f"the stored hash of the subtree over entries {first} to {last} to be theirs",
        "another one, or none",
        "Entries and tree heads are sound; only a hash kept for quick proofs was changed, so proofs would not verify",
        "Find out who could write to the database; the stored hashes can be computed again from the entries",
    )


def cut_not_recorded(entry_id: int, expected: str, found: str) -> Fault:
    """A beginning that retention did not make."""
    return Fault(
        FaultKind.DROPPED,
        entry_id,
        expected,
        found,
        "Entries were deleted in the guise of retention, or the record of the cut was changed",
        _KEEP,
    )


def nodes_left_over(first: int, expected: int, found: int) -> Fault:
    """Stored hashes of subtrees that belong to none, or that are missing."""
    return Fault(
        FaultKind.ROOT_CHANGED,
        first,
        f"{expected} stored hashes of subtrees",
        str(found),
        "Entries and tree heads are sound; hashes kept for quick proofs were added or deleted",
        "Find out who could write to the database; the stored hashes can be computed again from the entries",
    )


def no_beginning(first: int, found: str) -> Fault:
    """A range before which something that is needed is missing."""
    return Fault(
        FaultKind.DROPPED,
        first,
        f"everything that entry {first} follows",
        found,
        "Entries, or hashes kept of them, were deleted without retention recording it",
        "Verify from the beginning, which says what is missing first",
    )


def appended(entry_id: int, sealed: int) -> Fault:
    """Something after the newest tree head that does not even chain."""
    return Fault(
        FaultKind.INSERTED,
        entry_id,
        f"nothing after entry {sealed}, or entries that continue the chain",
        "an entry that does not",
        "Somebody added it without recording it",
        _KEEP,
    )


def other_past(first: int, root: bytes, checkpoint: Checkpoint) -> Fault:
    """A ledger sound by itself that is not the one a checkpoint saw."""
    return Fault(
        FaultKind.ROOT_CHANGED,
        first,
        f"the root {checkpoint.root_hash.hex()} over the first {checkpoint.tree_size} entries, as the checkpoint says",
        f"the root {root.hex()}",
        "The ledger was made anew by somebody who has its key, or this checkpoint is of another ledger",
        _KEEP,
    )


def of_another_ledger(checkpoint: Checkpoint) -> Fault:
    """A ledger that no key signed which signed the checkpoint."""
    return Fault(
        FaultKind.TRUNCATED,
        1,
        f"the {checkpoint.tree_size} entries that the checkpoint signed as {checkpoint.origin!r} saw",
        "entries that were never signed with its key",
        "The database was made anew with another signing key while the checkpoint of the one before stayed, or the"
        " checkpoint is of another ledger",
        "Restore the database that the checkpoint is of; where the new one was meant to take its place, say so on"
        " record with `sentinel-gateway ledger accept-loss`",
    )
