"""A report as JSON: everything in it, numbers as they were computed, times in RFC 3339."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from sentinel_gateway.ledger.reports.document import Figure, Finding, Report, Section, Table
from sentinel_gateway.ledger.reports.evidence import Evidence
from sentinel_gateway.ledger.reports.window import iso

FORMAT = "sentinel-ledger-report/1"
_CHUNK_CHARACTERS = 1 << 16


def as_json(report: Report) -> Iterator[bytes]:
    """UTF-8 in pieces; ends with a line break."""
    pieces: list[str] = []
    size = 0
    for piece in json.JSONEncoder(indent=1).iterencode(document(report)):
        pieces.append(piece)
        size += len(piece)
        if size >= _CHUNK_CHARACTERS:
            yield "".join(pieces).encode("ascii")
            pieces, size = [], 0
    yield ("".join(pieces) + "\n").encode("ascii")


def document(report: Report) -> dict[str, Any]:
    """The report as plain values; `Any`, because JSON has no type of its own."""
    return {
        "format": FORMAT,
        "kind": report.kind,
        "title": report.title,
        "criteria": report.criteria,
        "disclaimer": report.disclaimer,
        "window": {
            "start": iso(report.window.start_ns),
            "end": iso(report.window.end_ns),
            "requested_end": iso(report.requested_end_ns),
        },
        "generated_at": iso(report.generated_ns),
        "generator": report.generator,
        "source": report.source,
        "integrity": asdict(report.integrity),
        "entries_read": report.entries_read,
        "ledger_is_complete": report.complete,
        "retention_cuts": [
            {
                "entry_id": cut.entry_id,
                "timestamp": iso(cut.timestamp_ns),
                "first_kept_entry_id": cut.first_kept_entry_id,
                "entries_removed": cut.entries_removed,
            }
            for cut in report.cuts
        ],
        "notes": list(report.notes),
        "notation": report.notation,
        "findings": [_finding(finding) for finding in report.findings],
        "sections": [_section(section) for section in report.sections],
    }


def _section(section: Section) -> Mapping[str, Any]:
    return {
        "control": section.control,
        "title": section.title,
        "about": section.about,
        "figures": [_figure(figure) for figure in section.figures],
        "tables": [_table(table) for table in section.tables],
    }


def _figure(figure: Figure) -> Mapping[str, Any]:
    return {
        "key": figure.key,
        "title": figure.title,
        "value": figure.value,
        "unit": figure.unit,
        "n": figure.n,
        "parts": dict(figure.parts),
        "not_measurable": figure.missing or None,
        "definition": figure.definition,
        "query": figure.query,
        "evidence": _evidence(figure.evidence),
    }


def _table(table: Table) -> Mapping[str, Any]:
    return {
        "key": table.key,
        "title": table.title,
        "note": table.note,
        "columns": list(table.columns),
        "rows": [list(row) for row in table.rows],
    }


def _finding(finding: Finding) -> Mapping[str, Any]:
    return {
        "severity": finding.severity.value,
        "rule": finding.rule,
        "control": finding.control,
        "text": finding.text,
        "gpus": list(finding.gpus),
        "evidence": _evidence(finding.evidence),
    }


def _evidence(evidence: Evidence) -> Mapping[str, Any]:
    return {
        "entries": evidence.entries,
        "first_entry_id": evidence.first_entry_id or None,
        "last_entry_id": evidence.last_entry_id or None,
        "sample_entry_ids": list(evidence.sample_ids),
    }
