"""Exports hold what the ledger holds, and are verified without it."""

from __future__ import annotations

import csv
import json

import pytest
from tests.sentinel_reports.book import at

from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.ledger.export import export
from sentinel_gateway.ledger.export_cells import as_written, disarmed
from sentinel_gateway.ledger.export_formats import ExportFormat
from sentinel_gateway.ledger.export_reading import reading
from sentinel_gateway.ledger.export_rows import entry_of
from sentinel_gateway.ledger.export_source import Selection
from sentinel_gateway.ledger.export_verify import verify_export
from sentinel_gateway.ledger.reader import LedgerReader
from sentinel_sdk.ledger.checkpoint import VerifierKey
from sentinel_sdk.ledger.verification import FaultKind

FORMATS = list(ExportFormat)


def exported(ledger, path, form=ExportFormat.JSONL, selection=None, *, readable=True):
    pieces = export(ledger.database, form, ledger.now_ns, selection or Selection(), readable=readable)
    path.write_bytes(b"".join(pieces))
    return path


def test_an_export_reads_back_as_the_ledger(anywhere, tmp_path):
    assert_reads_back(anywhere, exported(anywhere, tmp_path / "export"))


@pytest.mark.parametrize("form", FORMATS)
def test_so_does_one_in_every_format(told, tmp_path, form):
    assert_reads_back(told, exported(told, tmp_path / "export", form))


def assert_reads_back(ledger, path):
    with reading(path) as file:
        found = [entry_of(row) for _, row in file.rows()]
    assert found == list(LedgerReader(ledger.database).entries())


@pytest.mark.parametrize("readable", [True, False])
@pytest.mark.parametrize("form", FORMATS)
def test_a_whole_export_verifies_with_the_operators_key_alone(told, tmp_path, form, readable):
    path = exported(told, tmp_path / "export", form, readable=readable)

    found = verify_export(path, [told.key])
    assert found.outcome.valid
    assert found.signed_by == told.key
    assert found.outcome.entries_verified == told.writer.size


def test_another_ledgers_key_does_not_verify_it(told, tmp_path):
    path = exported(told, tmp_path / "export")

    found = verify_export(path, [VerifierKey("sentinel.test/reports", bytes(32))])
    assert found.outcome.kind is FaultKind.SIGNATURE_INVALID


def changed(path, line, change):
    """The JSON lines with the object in one line changed."""
    lines = path.read_text().splitlines()
    row = json.loads(lines[line])
    change(row)
    lines[line] = json.dumps(row)
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timestamp_ns", 1),
        ("timestamp", "2026-01-01T00:00:00Z"),
        ("entry_type", "PROBE_RESULT"),
        ("entry_type_number", 6),
        ("data", "AAAA"),
        ("decoded", None),
        ("gpu", None),
        ("entry_hash", "00" * 32),
    ],
)
def test_changing_any_field_of_an_entry_is_found(told, tmp_path, field, value):
    path = exported(told, tmp_path / "export")
    changed(path, 9, lambda row: row.update({field: value}))

    found = verify_export(path, [told.key])
    assert (found.outcome.kind, found.outcome.first_invalid_entry_id) == (FaultKind.CHANGED, 9)


def lines_of(path):
    return path.read_text().splitlines(keepends=True)


@pytest.mark.parametrize(
    ("edit", "kind", "entry_id"),
    [
        (lambda lines: lines[:7] + lines[8:], FaultKind.DROPPED, 7),
        (lambda lines: lines[:7] + [lines[8], lines[7]] + lines[9:], FaultKind.SWAPPED, 7),
        (lambda lines: lines[:8] + lines[7:], FaultKind.INSERTED, 7),
        (lambda lines: lines[:-3] + lines[-1:], FaultKind.TRUNCATED, 21),
        (lambda lines: lines[:-1], FaultKind.TRUNCATED, 23),
    ],
    ids=["dropped", "swapped", "inserted", "cut off", "end missing"],
)
def test_rows_that_are_moved_or_missing_are_found(told, tmp_path, edit, kind, entry_id):
    path = exported(told, tmp_path / "export")
    path.write_text("".join(edit(lines_of(path))))

    found = verify_export(path, [told.key])
    assert (found.outcome.kind, found.outcome.first_invalid_entry_id) == (kind, entry_id)


def test_a_selection_holds_what_was_asked_for_and_says_that_it_is_one(told, tmp_path):
    selection = Selection(at(2), at(9), (3,), "GPU-a")
    path = exported(told, tmp_path / "export", selection=selection)

    found = verify_export(path, [told.key])
    assert found.outcome.valid
    assert not found.header.is_whole
    assert [json.loads(line)["timestamp_ns"] for line in lines_of(path)[1:-1]] == [at(3), at(4), at(6)]


def test_a_changed_entry_of_a_selection_is_found(told, tmp_path):
    path = exported(told, tmp_path / "export", selection=Selection(entry_types=(3,)))
    changed(path, 2, lambda row: row.update(timestamp_ns=1))

    assert verify_export(path, [told.key]).outcome.kind is FaultKind.CHANGED


def test_no_cell_of_a_csv_export_begins_like_a_formula(told, tmp_path):
    path = exported(told, tmp_path / "export", ExportFormat.CSV)

    with path.open(newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\n")]


@pytest.mark.parametrize("cell", ["", "a", "'", "''a", "=1", "-1", "'=1", "\tx", "＝1", "@", "a=b"])
def test_disarming_a_cell_can_be_undone(cell):
    assert as_written(disarmed(cell)) == cell


def test_an_export_of_an_empty_ledger_verifies(tmp_path):
    from tests.sentinel_reports.book import Book
    from tests.sentinel_reports.stored import stored

    with stored(f"sqlite:///{tmp_path}/g.db", tmp_path, Book()) as empty:
        path = exported(empty, tmp_path / "export", ExportFormat.JSON)
        assert verify_export(path, [empty.key]).outcome.valid


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\xff\xfe\x00", b"record,x\r\n", b'{"header":{}}', b"[" * 100_000])
def test_what_is_no_export_is_refused(tmp_path, content):
    path = tmp_path / "export"
    path.write_bytes(content)

    with pytest.raises(Invalid):
        verify_export(path)
