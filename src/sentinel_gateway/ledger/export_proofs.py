"""Proofs as JSON files, and checking them with nothing but the file and a key.

An inclusion proof shows that one entry is in the ledger that a checkpoint signed; a consistency proof shows that a
later ledger begins with an earlier one, so that nothing in between was rewritten.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.ledger.export_rows import altered, entry_of, row_of
from sentinel_gateway.ledger.proofs import Consistency, Inclusion
from sentinel_gateway.ledger.wording import counted
from sentinel_sdk.ledger.checkpoint import BadNote, Checkpoint, VerifierKey, opened
from sentinel_sdk.ledger.encoding import entry_hash
from sentinel_sdk.ledger.proofs import is_consistent, is_included

INCLUSION = "sentinel-inclusion-proof/1"
CONSISTENCY = "sentinel-consistency-proof/1"


@dataclass(frozen=True, slots=True)
class ProofCheck:
    """What checking a proof said."""

    valid: bool
    words: str


def inclusion_file(proof: Inclusion) -> bytes:
    """The file for an inclusion proof."""
    return _file(
        {
            "format": INCLUSION,
            "entry": row_of(proof.entry),
            "leaf_index": proof.leaf_index,
            "tree_size": proof.tree_size,
            "hashes": [one.hex() for one in proof.hashes],
            "checkpoint": proof.head.note if proof.head else "",
        }
    )


def consistency_file(proof: Consistency, first_note: str) -> bytes:
    """The file for a consistency proof; `first_note` is the first size's checkpoint, empty where none was signed."""
    return _file(
        {
            "format": CONSISTENCY,
            "first_tree_size": proof.first_tree_size,
            "second_tree_size": proof.second_tree_size,
            "hashes": [one.hex() for one in proof.hashes],
            "first_checkpoint": first_note,
            "second_checkpoint": proof.head.note if proof.head else "",
        }
    )


def check_proof(content: bytes, keys: Sequence[VerifierKey], note: str = "") -> ProofCheck:
    """Check the file with this `content`, believing only `keys`.

    `note` is a checkpoint of one's own: the earlier one of a consistency proof, the tree head of an inclusion proof.

    Raises:
        Invalid: it is no proof, or a checkpoint it needs is missing or not signed by one of `keys`.
    """
    value = _value(content)
    try:
        hashes = [bytes.fromhex(one) for one in value.get("hashes", [])]
    except (TypeError, ValueError) as error:
        raise Invalid("the proof's hashes are not hexadecimal") from error
    match value.get("format"):
        case kind if kind == INCLUSION:
            return _included(value, hashes, _head(note or value.get("checkpoint"), keys, "checkpoint"))
        case kind if kind == CONSISTENCY:
            first = _head(note or value.get("first_checkpoint"), keys, "first_checkpoint")
            return _consistent(value, hashes, first, _head(value.get("second_checkpoint"), keys, "second_checkpoint"))
        case other:
            raise Invalid(f"this is no proof of a ledger: its format is {other!r:.60}")


def _included(value: dict[str, Any], hashes: list[bytes], head: Checkpoint) -> ProofCheck:
    row = value.get("entry")
    if not isinstance(row, dict):
        raise Invalid("the proof holds no entry")
    entry = entry_of(row)
    if value.get("tree_size") != head.tree_size:
        raise Invalid(f"the proof is for {value.get('tree_size')!r:.30} entries, the checkpoint for {head.tree_size}")
    try:
        found = entry_hash(entry)
    except ValueError as error:
        return _wrong(f"entry {entry.entry_id} cannot be hashed: {error}")
    if found != entry.entry_hash:
        return ProofCheck(
            valid=False, words=f"entry {entry.entry_id} was changed: its content does not hash to entry_hash"
        )
    if names := altered(row, entry):
        return ProofCheck(
            valid=False, words=f"entry {entry.entry_id} was changed: {', '.join(names)} is not what is hashed"
        )
    if not is_included(found, entry.entry_id - 1, head.tree_size, hashes, head.root_hash):
        return _wrong(f"the hashes do not lead from entry {entry.entry_id} to the signed root")
    return ProofCheck(
        valid=True,
        words=f"entry {entry.entry_id} is in the ledger {head.origin!r} of {counted(head.tree_size, 'entries')}",
    )


def _consistent(value: dict[str, Any], hashes: list[bytes], first: Checkpoint, second: Checkpoint) -> ProofCheck:
    sizes = (value.get("first_tree_size"), value.get("second_tree_size"))
    if sizes != (first.tree_size, second.tree_size):
        found = f"the checkpoints for {first.tree_size} and {second.tree_size}"
        raise Invalid(f"the proof is for {sizes[0]!r:.30} and {sizes[1]!r:.30} entries, {found}")
    if first.origin != second.origin:
        return ProofCheck(
            valid=False, words=f"the checkpoints are of two ledgers, {first.origin!r} and {second.origin!r}"
        )
    size = counted(second.tree_size, "entries")
    if not is_consistent(first.tree_size, second.tree_size, first.root_hash, second.root_hash, hashes):
        words = f"the ledger of {size} does not begin with the one of {first.tree_size}"
        return _wrong(f"{words}, or the proof was damaged")
    words = f"the ledger {second.origin!r} of {size} begins with the one of {first.tree_size}"
    return _right(words)


def _head(note: object, keys: Sequence[VerifierKey], name: str) -> Checkpoint:
    if not isinstance(note, str) or not note:
        raise Invalid(f"the proof holds no {name}, because none of this size was signed; give one with --checkpoint")
    try:
        return opened(note, keys)
    except BadNote as error:
        raise Invalid(f"{name}: {error}") from error


def _value(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Invalid("this is no proof: it is not JSON") from error
    if not isinstance(value, dict):
        raise Invalid("this is no proof: it is no JSON object")
    return value


def _file(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode("ascii")


def _right(words: str) -> ProofCheck:
    return ProofCheck(valid=True, words=words)


def _wrong(words: str) -> ProofCheck:
    return ProofCheck(valid=False, words=words)
