"""`ledger report`: options to a window, options and a file."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from sentinel_gateway.app.ledger_commands import emit
from sentinel_gateway.app.ledger_place import Place, read_keys, read_text
from sentinel_gateway.app.ledger_words import BROKEN, OK, progress
from sentinel_gateway.ledger.reports.build import ReportFormat, ReportKind, written
from sentinel_gateway.ledger.reports.making import ReportOptions, report_of
from sentinel_gateway.ledger.reports.window import parse_ns, usual
from sentinel_gateway.storage.store import Store


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options say."""

    kind: ReportKind
    start: str | None
    end: str | None
    form: ReportFormat
    out: str
    public_key: str | None = None
    checkpoint: Path | None = None
    expected_gpus: Path | None = None


def report(place: Place, asked: Asked) -> int:
    """Write a report; exit code 1 where the ledger behind it does not verify."""
    start_ns, end_ns = (parse_ns(text) if text else None for text in (asked.start, asked.end))
    window = usual(start_ns, end_ns, time.time_ns())
    keys, note, expected = read_keys(asked.public_key), _note(place, asked), _expected(asked)
    with place.reading() as database:
        waiting = Store(database).unsummarised()
        options = ReportOptions(keys, note, expected, waiting, progress=progress())
        made = report_of(database, asked.kind, window, options)
    emit(written(made, asked.form), asked.out)
    if made.integrity.valid:
        return OK
    sys.stderr.write(f"sentinel-gateway: the ledger behind this report does not verify: {made.integrity.description}\n")
    return BROKEN


def _note(place: Place, asked: Asked) -> str | None:
    if asked.checkpoint is not None:
        return read_text(asked.checkpoint, "checkpoint")
    return place.anchor().note


def _expected(asked: Asked) -> tuple[str, ...]:
    if asked.expected_gpus is None:
        return ()
    lines = read_text(asked.expected_gpus, "list of GPUs").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))
