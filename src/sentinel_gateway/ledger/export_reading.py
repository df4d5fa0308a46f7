"""An exported file read back, line by line: header, then rows, then the end that shows that nothing is cut off."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any

from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.ledger.export_cells import as_written
from sentinel_gateway.ledger.export_formats import COLUMNS, END_LINE, ENTRY_LINE, HEADER_LINE
from sentinel_gateway.ledger.export_header import Header
from sentinel_gateway.ledger.export_rows import GPU_FIELDS

_LARGEST_CELL = 1 << 30
_BEFORE, _AFTER = '{"header":', '"end":'


class ExportFile:
    """A file that is being read."""

    def __init__(self, header: Header, records: Iterator[tuple[int, dict[str, Any]]]) -> None:
        self.header = header
        self.end: dict[str, Any] | None = None
        """Known once all rows were read; None where the file ends before its end."""
        self._records = records

    def rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Line number and object of every entry.

        Raises:
            Invalid: a line that is no entry, or something after the end.
        """
        for line, record in self._records:
            if self.end is not None:
                raise Invalid(f"line {line}: something stands after the end of the export")
            if record.get("end") is True:
                self.end = record
            else:
                yield line, record


@contextmanager
def reading(path: Path) -> Iterator[ExportFile]:
    """The export in `path`, in whichever of the three formats.

    Raises:
        Invalid: it cannot be read, or is no export.
    """
    try:
        file = path.open(encoding="utf-8", errors="surrogateescape", newline="")
    except OSError as error:
        raise Invalid(f"the export {str(path)!r} cannot be read: {error.strerror}") from error
    with file:
        first = file.readline(1 << 24)
        if first.startswith("record,"):
            records = _csv_records(chain([first], file))
        elif first.startswith(_BEFORE):
            records = _json_records(first, file)
        else:
            records = _jsonl_records(chain([first], file))
        _, header = next(records, (0, {}))
        yield ExportFile(Header.from_json(header), records)


def _jsonl_records(lines: Iterator[str] | chain[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, _object(line, number)


def _json_records(first: str, file: IO[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    yield 1, _object(first.removeprefix(_BEFORE).rstrip().removesuffix(","), 1)
    for number, line in enumerate(file, 2):
        text = line.strip()
        if text.startswith(_AFTER):
            yield number, _object(text.removeprefix(_AFTER).removesuffix("}"), number)
        elif text not in ("", '"entries":[', "],"):
            yield number, _object(text.removesuffix(","), number)


def _csv_records(lines: Iterator[str] | chain[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    csv.field_size_limit(min(_LARGEST_CELL, sys.maxsize))
    reader = csv.reader(lines, strict=True)
    try:
        for cells in reader:
            if cells and cells[0] != COLUMNS[0]:
                yield reader.line_num, _record(cells, reader.line_num)
            elif tuple(cells) != COLUMNS:
                raise Invalid(f"line {reader.line_num}: these are not the columns of an export")
    except csv.Error as error:
        raise Invalid(f"line {reader.line_num} is not CSV: {error}") from error


def _record(cells: list[str], number: int) -> dict[str, Any]:
    if len(cells) != len(COLUMNS):
        raise Invalid(f"line {number} has {len(cells)} cells, not {len(COLUMNS)}")
    row: dict[str, Any] = {name: as_written(cell) for name, cell in zip(COLUMNS, cells, strict=True)}
    kind = row.pop("record")
    if kind in (HEADER_LINE, END_LINE):
        return _object(row["record_json"], number)
    if kind != ENTRY_LINE:
        raise Invalid(f"line {number} is a {kind!r:.40}, which is no record of an export")
    for name in ("entry_id", "entry_type_number", "timestamp_ns"):
        row[name] = _whole(row[name], number)
    gpu = {name: row.pop(f"gpu_{name}") for name in GPU_FIELDS}
    row["gpu"] = {**gpu, "device_index": _whole(gpu["device_index"], number)} if gpu["device_index"] else None
    if decoded := row.pop("decoded"):
        row["decoded"] = _value(decoded, number)
    return row


def _whole(text: str, number: int) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise Invalid(f"line {number}: {text!r:.40} is no whole number") from error


def _object(text: str, number: int) -> dict[str, Any]:
    value = _value(text, number)
    if not isinstance(value, dict):
        raise Invalid(f"line {number} is no JSON object")
    return value


def _value(text: str, number: int) -> Any:  # noqa: ANN401  whatever the JSON holds
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"line {number} is not JSON; read the file as the export wrote it") from error
