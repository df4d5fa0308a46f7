"""A list of stored incidents as a table in a terminal: one line each, the summary taking what room is left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gcm_sentinel.domain.incident_record import IncidentRecord, InvestigationRecord, InvestigationState
from gcm_sentinel.domain.trigger import NODE
from gcm_sentinel.web.plain import moment, one_line, span
from gcm_sentinel.web.stored_incident import ListedIncident

_HEADINGS = ("ID", "STATE", "SEVERITY", "SCOPE", "KINDS", "ENGINE", "AGE", "SUMMARY")
_LEAST_SUMMARY = 24
_MOST_SCOPE = 36
_MOST_KINDS = 32


def render_table(rows: Sequence[ListedIncident], now: datetime, *, width: int) -> str:
    """The table in lines of `width` columns, ending in a new line; a sentence when there is nothing to list."""
    if not rows:
        return "no incidents\n"
    table = [_HEADINGS, *(_cells(row, now) for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(_HEADINGS) - 1)]
    room = max(_LEAST_SUMMARY, width - sum(widths) - 2 * len(widths))
    return "".join(_line(cells, widths, room) for cells in table)


def _line(cells: Sequence[str], widths: Sequence[int], room: int) -> str:
    fixed = "  ".join(cell.ljust(size) for cell, size in zip(cells, widths, strict=False))
    return f"{fixed}  {_cut(cells[-1], room)}".rstrip() + "\n"


def _cells(row: ListedIncident, now: datetime) -> tuple[str, ...]:
    record, newest = row.record, row.newest
    return (
        record.id,
        str(record.state),
        severity_words(record),
        _cut(scope_words(record), _MOST_SCOPE),
        _cut(_kinds(row), _MOST_KINDS),
        (newest.engine if newest else "") or "-",
        span(now - record.opened_at),
        _summary(row, newest),
    )


def severity_words(record: IncidentRecord) -> str:
    """The severity of the newest assessment; before there is one the urgency, with a question mark."""
    return str(record.severity) if record.severity else f"{record.urgency.name.lower()}?"


def scope_words(record: IncidentRecord) -> str:
    """``gpu-7``, or ``leaf_switch leaf-07, 64 nodes``."""
    count = len(record.nodes)
    name = one_line(record.scope.key if record.scope.kind == NODE else str(record.scope))
    return f"{name}, {count} nodes" if count > 1 else name


def running_words(item: InvestigationRecord) -> str:
    """``running since …, by …``: nobody may be running any more, and only a reader can judge that."""
    return f"running since {moment(item.started_at)} UTC, by {one_line(item.executor) or 'nobody named'}"


def _kinds(row: ListedIncident) -> str:
    kinds = sorted(row.record.kinds)
    first = row.lead.kind if row.lead else next(iter(kinds), "-")
    others = len(row.record.kinds - {first})
    return one_line(first) + (f" +{others}" if others else "")


def _summary(row: ListedIncident, newest: InvestigationRecord | None) -> str:
    if newest is None:
        return f"{row.trigger_count} triggers, not investigated yet"
    if newest.summary:
        return one_line(newest.summary)
    if newest.state is InvestigationState.RUNNING:
        return f"investigation {running_words(newest)}"
    return one_line(f"investigation {newest.state}" + (f": {newest.note}" if newest.note else ""))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
