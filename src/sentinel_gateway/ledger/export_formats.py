"""An export as JSON lines, as one JSON document, and as CSV; each in pieces, none of them ever whole in memory.

All three hold the same: header, entries, end. The JSON document is written one entry a line, so that it can be read
back that way. In CSV the first column says which record a line is; header and end stand in the column `record_json`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

from sentinel_gateway.ledger.export_cells import disarmed
from sentinel_gateway.ledger.export_header import Header, end_of
from sentinel_gateway.ledger.export_rows import GPU_FIELDS

_PIECE = 256


class ExportFormat(StrEnum):
    """How entries are written."""

    JSONL = "jsonl"
    CSV = "csv"
    JSON = "json"


PLAIN = ("entry_id", "entry_type", "entry_type_number", "timestamp", "timestamp_ns")
HASHED = ("data", "previous_hash", "entry_hash", "merkle_root")
COLUMNS = ("record", *PLAIN, *(f"gpu_{name}" for name in GPU_FIELDS), *HASHED, "decoded", "record_json")
HEADER_LINE, END_LINE, ENTRY_LINE = "header", "end", "entry"
Rows = Iterable[dict[str, Any]]


def written(form: ExportFormat, header: Header, rows: Rows) -> Iterator[bytes]:
    """The whole file."""
    return {ExportFormat.JSONL: _jsonl, ExportFormat.JSON: _json, ExportFormat.CSV: _csv}[form](header, rows)


def _jsonl(header: Header, rows: Rows) -> Iterator[bytes]:
    yield f"{_text(header.to_json())}\n".encode("ascii")
    count = last = 0
    for piece in _pieces(rows):
        count, last = count + len(piece), piece[-1]["entry_id"]
        yield "".join(f"{_text(row)}\n" for row in piece).encode("ascii")
    yield f"{_text(end_of(count, last))}\n".encode("ascii")


def _json(header: Header, rows: Rows) -> Iterator[bytes]:
    yield f'{{"header":{_text(header.to_json())},\n"entries":[\n'.encode("ascii")
    count = last = 0
    for piece in _pieces(rows):
        before = ",\n" if count else ""
        count, last = count + len(piece), piece[-1]["entry_id"]
        yield (before + ",\n".join(_text(row) for row in piece)).encode("ascii")
    line = "\n" if count else ""
    yield f'{line}],\n"end":{_text(end_of(count, last))}}}\n'.encode("ascii")


def _csv(header: Header, rows: Rows) -> Iterator[bytes]:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerow(_line(HEADER_LINE, record_json=_text(header.to_json())))
    count = last = 0
    for piece in _pieces(rows):
        count, last = count + len(piece), piece[-1]["entry_id"]
        writer.writerows(_cells(row) for row in piece)
        yield _taken(buffer)
    writer.writerow(_line(END_LINE, record_json=_text(end_of(count, last))))
    yield _taken(buffer)


def _cells(row: dict[str, Any]) -> list[str]:
    gpu = row["gpu"] or {}
    about = {f"gpu_{name}": gpu.get(name, "") for name in GPU_FIELDS}
    decoded = _text(row["decoded"]) if "decoded" in row else ""
    plain = {name: row[name] for name in (*PLAIN, *HASHED)}
    return _line(ENTRY_LINE, **plain, **about, decoded=decoded)


def _line(record: str, **cells: object) -> list[str]:
    given = {"record": record, **cells}
    return [disarmed(str(given.get(name, ""))) for name in COLUMNS]


def _pieces(rows: Rows) -> Iterator[list[dict[str, Any]]]:
    piece: list[dict[str, Any]] = []
    for row in rows:
        piece.append(row)
        if len(piece) == _PIECE:
            yield piece
            piece = []
    if piece:
        yield piece


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode("utf-8", "surrogateescape")


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
