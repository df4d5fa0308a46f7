"""From the options of `ledger export` to a selection."""

from __future__ import annotations

from collections.abc import Sequence

from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.ledger.export_source import Selection
from sentinel_gateway.ledger.reports.window import Window, parse_ns
from sentinel_gateway.ledger.reports.wire_names import ENTRY_TYPES


def selection_of(start: str | None, end: str | None, kinds: Sequence[str], gpu: str) -> Selection:
    """The entries that were asked for.

    Raises:
        Invalid: a time or type that is none, or an empty stretch of time.
    """
    start_ns = parse_ns(start) if start else None
    end_ns = parse_ns(end) if end else None
    if start_ns is not None and end_ns is not None:
        Window(start_ns, end_ns)
    return Selection(start_ns, end_ns, tuple(sorted({_number(kind) for kind in kinds})), gpu)


def _number(kind: str) -> int:
    number = ENTRY_TYPES.number(kind)
    if number is None:
        known = ", ".join(name.lower() for name in ENTRY_TYPES.known())
        raise Invalid(f"{kind[:40]!r} is no entry type; there are {known}")
    return number
