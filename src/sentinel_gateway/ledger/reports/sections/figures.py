"""The few shapes every figure has: a count of entries, a sum over labels, a share, a spread of durations."""

from __future__ import annotations

from sentinel_gateway.ledger.reports.counted import Row
from sentinel_gateway.ledger.reports.document import Figure, Table
from sentinel_gateway.ledger.reports.evidence import Evidence, merged
from sentinel_gateway.ledger.reports.incidents import Spread

IN_WINDOW = "start <= timestamp < end"


def select(entry_type: str, condition: str, arithmetic: str) -> str:
    """A query in the notation of the reports; entries of one type within the window."""
    where = " AND ".join(part for part in (f"type = {entry_type}", IN_WINDOW, condition) if part)
    return f"FROM entries WHERE {where} SELECT {arithmetic}"


def count(key: str, title: str, evidence: Evidence, definition: str, query: str) -> Figure:
    """How many entries there are."""
    return Figure(key, title, evidence.entries, "entries", definition, query, evidence)


def total(key: str, title: str, rows: tuple[Row, ...], unit: str, wording: tuple[str, str]) -> Figure:
    """The sum over all labels; `wording` is definition and query."""
    evidence = merged(*(row[2] for row in rows))
    return Figure(key, title, sum(row[1] for row in rows), unit, *wording, evidence)


def spread(key: str, title: str, found: Spread, wording: tuple[str, str], missing: str) -> Figure:
    """The median of durations with its companions; without any, `missing` says what there was none of."""
    if found.median_s is None:
        return Figure(key, title, None, "s", *wording, found.evidence, n=0, missing=missing)
    parts = (("mean", found.mean_s), ("least", found.least_s), ("most", found.most_s))
    shown = tuple((name, round(value, 3)) for name, value in parts if value is not None)
    return Figure(key, title, round(found.median_s, 3), "s", *wording, found.evidence, n=found.n, parts=shown)


def unmeasurable(key: str, title: str, unit: str, reason: str) -> Figure:
    """What the control asks for and no ledger can tell."""
    return Figure(key, title, None, unit, "", "", missing=reason)


def counts_table(key: str, title: str, column: str, rows: tuple[Row, ...]) -> Table:
    """One line for each label."""
    lines = tuple(
        (label, number, found.entries, found.first_entry_id, found.last_entry_id, ids(found))
        for label, number, found in rows
    )
    return Table(key, title, (column, "count", "entries", "first entry", "last entry", "sample entries"), lines)


def ids(evidence: Evidence) -> str:
    """Sample entry ids as text."""
    return ", ".join(str(entry_id) for entry_id in evidence.sample_ids)
