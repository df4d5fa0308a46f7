"""Verifying an exported file with nothing but the file and, to be worth anything against a forger, the ledger's key.

A whole export is verified as the ledger itself is: every hash, the chain, the roots, the checkpoint. Of a selection
only each entry's own hash can be checked. In both, what is written for people must be what is hashed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.ledger.export_header import Header
from sentinel_gateway.ledger.export_reading import ExportFile, reading
from sentinel_gateway.ledger.export_rows import altered, entry_of
from sentinel_gateway.ledger.wording import counted
from sentinel_sdk.ledger.checkpoint import BadNote, Checkpoint, VerifierKey, read_note
from sentinel_sdk.ledger.encoding import entry_hash
from sentinel_sdk.ledger.entry import Entry
from sentinel_sdk.ledger.verification import Fault, FaultKind, Verification
from sentinel_sdk.ledger.verify import Start, verify_entries

_MEANING = "The file was changed after it was exported, or damaged on its way"
_TO_DO = "Export again from the ledger, and compare"


@dataclass(frozen=True, slots=True)
class ExportVerification:
    """What was found."""

    outcome: Verification
    header: Header
    signed_by: VerifierKey | None
    """The trusted key that signed the checkpoint; None where no key was given, or none fits."""
    last_entry_id: int


def verify_export(path: Path, trusted: Sequence[VerifierKey] = ()) -> ExportVerification:
    """Verify the file at `path`.

    Raises:
        Invalid: it is no export, or too damaged to be read.
    """
    with reading(path) as file:
        walk = _Walk(file)
        checkpoint, signer, fault = _head(file.header, trusted)
        if fault is None:
            outcome = _whole(walk, checkpoint) if file.header.is_whole else _selected(walk)
        else:
            outcome = Verification(fault, 0, 0, timedelta())
        if outcome.valid and (other := walk.fault or _at_end(walk, checkpoint)) is not None:
            outcome = Verification(other, outcome.entries_verified, outcome.batches_verified, outcome.elapsed)
        return ExportVerification(outcome, file.header, signer, walk.last_entry_id)


class _Walk:
    """Goes over the entries of a file and remembers the first whose readable part was altered."""

    def __init__(self, file: ExportFile) -> None:
        self.file = file
        self.fault: Fault | None = None
        self.count = 0
        self.last_entry_id = 0

    def entries(self) -> Iterator[Entry]:
        for line, row in self.file.rows():
            try:
                entry = entry_of(row)
            except Invalid as error:
                raise Invalid(f"line {line}: {error}") from error
            if self.fault is None and (names := altered(row, entry)):
                self.fault = _fault(
                    FaultKind.CHANGED, entry.entry_id, f"{names[0]} to say what is hashed", f"line {line}"
                )
            self.count += 1
            self.last_entry_id = entry.entry_id
            yield entry


def _head(header: Header, trusted: Sequence[VerifierKey]) -> tuple[Checkpoint | None, VerifierKey | None, Fault | None]:
    """The checkpoint, who signed it, and what is wrong with it."""
    if not header.checkpoint:
        return None, None, None
    try:
        note = read_note(header.checkpoint)
        keys = trusted or (VerifierKey.from_text(header.public_key),)
    except BadNote as error:
        return None, None, _fault(FaultKind.SIGNATURE_INVALID, 1, "a checkpoint that can be read", str(error))
    signer = note.signed_by(keys)
    if signer is None or note.checkpoint.origin != signer.origin:
        names = ", ".join(repr(key.origin) for key in keys)
        return (
            None,
            None,
            _fault(FaultKind.SIGNATURE_INVALID, 1, f"a checkpoint signed by {names}", "another signature"),
        )
    if note.checkpoint.tree_size != header.tree_size:
        found = f"{counted(header.tree_size, 'entries')} in the header"
        return None, None, _fault(FaultKind.ROOT_CHANGED, 1, counted(note.checkpoint.tree_size, "entries"), found)
    return note.checkpoint, signer if trusted else None, None


def _whole(walk: _Walk, checkpoint: Checkpoint | None) -> Verification:
    header = walk.file.header
    try:
        subtrees = tuple(bytes.fromhex(one) for one in header.subtree_hashes)
        start = Start(header.first_entry_id, bytes.fromhex(header.previous_hash), subtrees)
        return verify_entries(walk.entries(), start=start, checkpoint=checkpoint)
    except ValueError as error:
        raise Invalid("the export's first record is damaged: its hashes do not fit its first entry") from error


def _selected(walk: _Walk) -> Verification:
    good = 0
    for entry in walk.entries():
        try:
            is_sound = entry_hash(entry) == entry.entry_hash
        except ValueError:
            is_sound = False
        if not is_sound:
            fault = _fault(FaultKind.CHANGED, entry.entry_id, "content that hashes to entry_hash", "other content")
            return Verification(fault, good, 0, timedelta())
        good += 1
    return Verification(None, good, 0, timedelta())


def _at_end(walk: _Walk, checkpoint: Checkpoint | None) -> Fault | None:
    """Whether the file is complete, and goes exactly as far as its checkpoint."""
    end, last = walk.file.end, walk.last_entry_id
    if end is None:
        return _fault(FaultKind.TRUNCATED, last + 1, "the record that ends an export", "the end of the file")
    if end.get("entries") != walk.count:
        return _fault(
            FaultKind.DROPPED, last, f"{end.get('entries')} entries, as its end says", counted(walk.count, "entries")
        )
    if walk.file.header.is_whole and checkpoint is not None and last > checkpoint.tree_size:
        expected = f"no entry after {checkpoint.tree_size}, which the checkpoint covers"
        return _fault(FaultKind.INSERTED, checkpoint.tree_size + 1, expected, f"entries up to {last}")
    if walk.file.header.is_whole and checkpoint is None and walk.count:
        return _fault(FaultKind.SIGNATURE_INVALID, 1, "a checkpoint over these entries", "none")
    return None


def _fault(kind: FaultKind, entry_id: int, expected: str, found: str) -> Fault:
    return Fault(kind, max(entry_id, 1), expected, found, _MEANING, _TO_DO)
