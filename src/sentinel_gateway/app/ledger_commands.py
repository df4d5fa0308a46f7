"""What the `ledger` commands do; `ledger_cli` has them as they stand on the command line."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from sentinel_gateway.app.ledger_place import Place, read_keys, read_text
from sentinel_gateway.app.ledger_words import BROKEN, OK, Plain, progress, told
from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.ledger.export import export
from sentinel_gateway.ledger.export_file import write_whole
from sentinel_gateway.ledger.export_formats import ExportFormat
from sentinel_gateway.ledger.export_proofs import check_proof, consistency_file, inclusion_file
from sentinel_gateway.ledger.export_source import Selection
from sentinel_gateway.ledger.export_verify import ExportVerification, verify_export
from sentinel_gateway.ledger.reader import LedgerReader
from sentinel_gateway.ledger.scope import Scope
from sentinel_gateway.ledger.verify import verify_ledger
from sentinel_gateway.ledger.wording import counted

_NO_KEY = "signatures were checked with the key that {} itself names; give the operator's with --public-key"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `verify` shall verify."""

    first: int = 0
    last: int = 0
    with_roots: bool = True
    checkpoint: Path | None = None
    public_key: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is about the whole ledger."""
        return not self.first and not self.last


def verify(place: Place, wanted: Wanted, output: Plain) -> int:
    """Verify the stored ledger, against the checkpoint outside of it where there is one."""
    keys, notes = read_keys(wanted.public_key), list[str]()
    note = _expected(place, wanted, notes)
    if not keys and wanted.with_roots:
        notes.append(_NO_KEY.format("the database"))
    scope = Scope(wanted.first, wanted.last, wanted.with_roots, keys, note)
    with place.reading() as database:
        outcome = verify_ledger(database, scope, progress())
        return told(outcome, {"database": database.name, "notes": notes}, output)


def verify_file(path: Path, public_key: str | None, output: Plain) -> int:
    """Verify an exported file; no database is needed."""
    keys = read_keys(public_key)
    found = verify_export(path, keys)
    return told(found.outcome, _about(path, found, trusted=bool(keys)), output)


def write_export(place: Place, selection: Selection, form: ExportFormat, out: str, *, readable: bool) -> int:
    """Export to a file, or to standard output for ``-``."""
    with place.reading() as database:
        return emit(export(database, form, time.time_ns, selection, readable=readable), out)


def prove_inclusion(place: Place, entry_id: int, size: int, out: str) -> int:
    """Write the proof that an entry is in the ledger."""
    with place.reading() as database:
        return emit(iter([inclusion_file(LedgerReader(database).inclusion(entry_id, size))]), out)


def prove_consistency(place: Place, first: int, second: int, out: str) -> int:
    """Write the proof that a later ledger begins with an earlier one."""
    with place.reading() as database:
        reader = LedgerReader(database)
        proof = reader.consistency(first, second)
        head = reader.inclusion(first, first).head if first else None
        return emit(iter([consistency_file(proof, head.note if head else "")]), out)


def check(path: Path, public_key: str, checkpoint: Path | None, output: Plain) -> int:
    """Check a proof; only the key is believed."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Invalid(f"the proof {str(path)!r} cannot be read: {error.strerror}") from error
    note = read_text(checkpoint, "checkpoint") if checkpoint else ""
    found = check_proof(content, read_keys(public_key), note)
    if output is Plain.JSON:
        typer.echo(json.dumps({"valid": found.valid, "words": found.words}, indent=1))
    else:
        typer.echo(f"{'valid' if found.valid else 'NOT VALID'}: {found.words}")
    return OK if found.valid else BROKEN


def checkpoint(place: Place) -> int:
    """Print the newest signed tree head."""
    with place.reading() as database:
        head = LedgerReader(database).checkpoint()
    if head is None:
        raise Invalid("the ledger has no entries yet, so no checkpoint was signed")
    sys.stdout.write(head.note)
    return OK


def key(place: Place) -> int:
    """Print the public key of the newest tree head, as `--public-key` files hold it."""
    with place.reading() as database:
        head = LedgerReader(database).checkpoint()
    if head is None:
        raise Invalid("the ledger has no entries yet, so nothing was signed")
    typer.echo(head.key.text)
    return OK


def emit(pieces: Iterator[bytes], out: str) -> int:
    """Write to a file, whole or not at all, or to standard output."""
    if out == "-":
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return OK
    size = write_whole(Path(out), pieces)
    sys.stderr.write(f"wrote {out} ({counted(size, 'bytes')})\n")
    return OK


def _expected(place: Place, wanted: Wanted, notes: list[str]) -> str | None:
    """The checkpoint the ledger is held against: the one that was named, or the one the gateway keeps."""
    if wanted.checkpoint is not None:
        notes.append(f"held against the checkpoint in {wanted.checkpoint}, which was named")
        return read_text(wanted.checkpoint, "checkpoint")
    if not wanted.is_whole:
        return None
    anchor = place.anchor()
    notes.append(anchor.words)
    return anchor.note


def _about(path: Path, found: ExportVerification, *, trusted: bool) -> dict[str, Any]:
    header, notes = found.header, list[str]()
    if not header.is_whole:
        notes.append(
            "this is a selection: each entry's own hash was checked, not whether all entries are there;"
            " `ledger prove inclusion` shows of a single one that it is in the ledger"
        )
    if not trusted and header.checkpoint:
        notes.append(_NO_KEY.format("the file"))
    if found.signed_by is not None:
        notes.append(
            f"the checkpoint over {counted(header.tree_size, 'entries')} is signed by {found.signed_by.origin!r}"
        )
    return {"export": str(path), "source": header.source, "is_whole": header.is_whole, "notes": notes}
