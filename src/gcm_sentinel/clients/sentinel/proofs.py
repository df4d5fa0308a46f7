"""Inclusion and consistency, judged here from what the gateway sent. Pure but for reading the key file.

Nothing the gateway says of itself counts: not the hash an entry bears, not the public key beside a tree head. What does
is the key file: lines ``origin+id+key`` as `sentinel-gateway ledger key` prints them, obtained from the operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from gcm_sentinel.clients.sentinel import entries
from gcm_sentinel.domain.audit import Checkpoint, EntryProof
from gcm_sentinel.domain.errors import BadConfiguration, BadResponse

if TYPE_CHECKING:
    from sentinel_sdk import types as sdk
    from sentinel_sdk.ledger.checkpoint import Note, VerifierKey

_SETTING = "GCM_SENTINEL_SENTINEL_LEDGER_PUBLIC_KEY"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = timedelta(days=365 * 5000)
"""Since the epoch; a time after it is told as none."""


@dataclass(frozen=True, slots=True)
class Head:
    """A tree head as its signed text has it."""

    note: Note
    text: str

    @property
    def origin(self) -> str:
        return self.note.checkpoint.origin

    @property
    def size(self) -> int:
        return self.note.checkpoint.tree_size

    @property
    def root(self) -> bytes:
        return self.note.checkpoint.root_hash

    @property
    def value(self) -> Checkpoint:
        """The head as a value of ours."""
        moment = timedelta(microseconds=self.note.checkpoint.timestamp_ns // 1000)
        at = _EPOCH + moment if moment < _LATEST else None
        return Checkpoint(self.origin, self.size, self.root.hex(), at, self.text)


def read_keys(path: Path) -> tuple[VerifierKey, ...]:
    """The ledger's keys in a file, one a line; several while a key is being changed.

    Raises:
        BadConfiguration: it cannot be read, or holds no key.
    """
    from sentinel_sdk.ledger.checkpoint import BadNote, VerifierKey

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        keys = tuple(VerifierKey.from_text(line) for line in lines if line.strip() and not line.startswith("#"))
    except (OSError, UnicodeDecodeError, BadNote) as error:
        raise BadConfiguration(f"{_SETTING} {str(path)!r} cannot be used: {error}") from error
    if not keys:
        raise BadConfiguration(f"{_SETTING} {str(path)!r} holds no key; expected a line origin+id+key")
    return keys


def head(message: sdk.Checkpoint) -> Head:
    """A tree head as it was sent, nothing of it checked.

    Raises:
        BadResponse: it is none.
    """
    from sentinel_sdk.ledger.checkpoint import BadNote, read_note

    try:
        return Head(read_note(message.note), message.note)
    except BadNote as error:
        raise BadResponse(f"the gateway's tree head cannot be read: {error}") from error


def signed(found: Head, keys: Sequence[VerifierKey] | None) -> bool | None:
    """Whether one of the pinned keys signed a tree head of its own ledger; None where none is pinned."""
    if keys is None:
        return None
    key = found.note.signed_by(keys)
    return key is not None and key.origin == found.origin


def head_of(answer: sdk.InclusionProof) -> Head:
    """The tree head of a proof.

    Raises:
        BadResponse: there is none, or it is of another size than the proof.
    """
    if answer.checkpoint is None or answer.entry is None:
        raise BadResponse("the gateway's proof has no entry or no signed tree head")
    found = head(answer.checkpoint)
    if found.size != answer.tree_size:
        raise BadResponse(f"the gateway's proof is for {answer.tree_size} entries, its tree head for {found.size}")
    return found


def judge(
    answer: sdk.InclusionProof,
    entry_id: int,
    found: Head,
    keys: Sequence[VerifierKey] | None,
    *,
    consistent: bool | None,
) -> EntryProof:
    """What of a proof for `entry_id` holds; `keys` None where none is pinned.

    Raises:
        BadResponse: the entry holds what no entry can hold.
    """
    from sentinel_sdk.ledger.encoding import entry_hash
    from sentinel_sdk.ledger.proofs import is_included

    model = answer.entry
    if model is None:
        raise BadResponse("the gateway's proof has no entry")
    try:
        own = entry_hash(model.as_ledger_entry())
    except ValueError as error:
        raise BadResponse(f"the gateway's entry {entry_id} cannot be hashed: {error}") from error
    included = model.entry_id == entry_id and is_included(own, entry_id - 1, found.size, answer.hashes, found.root)
    return EntryProof(
        entry=entries.entry(model),
        hash_matches=own == model.entry_hash,
        included=included,
        pinned=keys is not None,
        signed=signed(found, keys),
        checkpoint=found.value,
        consistent=consistent,
    )


def extends(seen: Head, found: Head, answer: sdk.ConsistencyProof) -> bool:
    """Whether `answer` shows that the tree of `found` begins with that of `seen`."""
    from sentinel_sdk.ledger.proofs import is_consistent

    return is_consistent(seen.size, found.size, seen.root, found.root, answer.hashes)
