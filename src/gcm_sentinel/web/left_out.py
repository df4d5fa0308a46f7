"""Triggers that opened no incident: held or refused, and why, as a table in a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gcm_sentinel.domain.incident_record import StoredTrigger
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.web.plain import one_line, span

_HEADINGS = ("NODE", "KIND", "RULING", "AGE", "AGAIN IN", "REASON")


def render_left_out(rows: Sequence[StoredTrigger], now: datetime) -> str:
    """The table, ending in a new line; a sentence when there is nothing to list."""
    if not rows:
        return "no trigger is held or was refused\n"
    table = [_HEADINGS, *(_cells(row, now) for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(_HEADINGS))]
    lines = ("  ".join(cell.ljust(size) for cell, size in zip(line, widths, strict=True)) for line in table)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def left_out_to_json(rows: Sequence[StoredTrigger]) -> dict[str, Json]:
    """``gcm-sentinel/left-out/v1``: one object a trigger."""
    return {
        "format": "gcm-sentinel/left-out/v1",
        "triggers": [
            {
                "node": row.trigger.node,
                "kind": row.trigger.kind,
                "status": str(row.trigger.status),
                "ruling": str(row.state),
                "reason": row.reason,
                "stored_at": row.stored_at.isoformat(),
                "hold_until": row.hold_until.isoformat() if row.hold_until else None,
            }
            for row in rows
        ],
    }


def _cells(row: StoredTrigger, now: datetime) -> tuple[str, ...]:
    again = span(row.hold_until - now) if row.hold_until and row.hold_until > now else "-"
    named = (one_line(row.trigger.node), one_line(row.trigger.kind), str(row.state))
    return (*named, span(now - row.stored_at), again, one_line(row.reason))
