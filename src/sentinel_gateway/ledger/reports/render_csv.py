"""A report as one CSV table: a line for each fact about the report, finding, figure and row of a table.

The first column says which; cells that a spreadsheet could run are disarmed (`export_cells`).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from sentinel_gateway.ledger.export_cells import disarmed
from sentinel_gateway.ledger.reports.document import Figure, Finding, Report, Section
from sentinel_gateway.ledger.reports.evidence import Evidence
from sentinel_gateway.ledger.reports.window import iso

COLUMNS = (
    "record",
    "control",
    "key",
    "title",
    "value",
    "unit",
    "n",
    "severity",
    "not_measurable",
    "definition",
    "query",
    "entries",
    "first_entry_id",
    "last_entry_id",
    "sample_entry_ids",
)
_LINES_AT_ONCE = 500


def as_csv(report: Report) -> Iterator[bytes]:
    """UTF-8 in pieces, lines ended by CR LF."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    for number, line in enumerate(_lines(report), 1):
        writer.writerow({name: disarmed("" if value is None else str(value)) for name, value in line.items()})
        if number % _LINES_AT_ONCE == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode("utf-8", "surrogateescape")


def _lines(report: Report) -> Iterator[dict[str, object]]:
    for key, value in _about(report):
        yield {"record": "report", "key": key, "value": value}
    for cut in report.cuts:
        yield {
            "record": "retention_cut",
            "value": cut.entries_removed,
            "unit": "entries",
            "first_entry_id": cut.entry_id,
            "title": f"first kept entry {cut.first_kept_entry_id}, recorded {iso(cut.timestamp_ns)}",
        }
    for finding in report.findings:
        yield _finding(finding)
    for section in report.sections:
        yield from _section(section)


def _about(report: Report) -> Iterable[tuple[str, object]]:
    return (
        ("kind", report.kind),
        ("title", report.title),
        ("criteria", report.criteria),
        ("disclaimer", report.disclaimer),
        ("start", iso(report.window.start_ns)),
        ("end", iso(report.window.end_ns)),
        ("requested_end", iso(report.requested_end_ns)),
        ("generated_at", iso(report.generated_ns)),
        ("generator", report.generator),
        ("source", report.source),
        ("entries_read", report.entries_read),
        ("ledger_is_complete", report.complete),
        *((f"integrity.{name}", value) for name, value in asdict(report.integrity).items()),
        ("notation", report.notation),
        *(("note", note) for note in report.notes),
    )


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "record": "finding",
        "control": finding.control,
        "key": finding.rule,
        "title": finding.text,
        "severity": finding.severity.value,
        "value": " ".join(finding.gpus),
        **_evidence(finding.evidence),
    }


def _section(section: Section) -> Iterator[dict[str, object]]:
    for figure in section.figures:
        yield {"record": "figure", "control": section.control, **_figure(figure)}
        for name, value in figure.parts:
            part = {"key": f"{figure.key}.{name}", "title": f"{figure.title}: {name}", "value": value}
            yield {"record": "figure", "control": section.control, **part, "unit": figure.unit}
    for table in section.tables:
        for row in table.rows:
            cells = json.dumps(dict(zip(table.columns, row, strict=True)))
            yield {"record": "row", "control": section.control, "key": table.key, "title": table.title, "value": cells}


def _figure(figure: Figure) -> dict[str, object]:
    return {
        "key": figure.key,
        "title": figure.title,
        "value": figure.value,
        "unit": figure.unit,
        "n": figure.n,
        "not_measurable": figure.missing,
        "definition": figure.definition,
        "query": figure.query,
        **_evidence(figure.evidence),
    }


def _evidence(evidence: Evidence) -> dict[str, object]:
    return {
        "entries": evidence.entries,
        "first_entry_id": evidence.first_entry_id or None,
        "last_entry_id": evidence.last_entry_id or None,
        "sample_entry_ids": " ".join(str(entry_id) for entry_id in evidence.sample_ids),
    }
