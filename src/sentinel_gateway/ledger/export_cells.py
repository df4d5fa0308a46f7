"""Cells of CSV files that a spreadsheet must not run as formulas, and that can be read back exactly.

A cell that begins with a character a spreadsheet may take for a formula gets an apostrophe before it; so does one that
begins with an apostrophe, so that taking one away always gives back what was there.
"""

from __future__ import annotations

_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20", "'")
"""Also the full-width forms, which some spreadsheets read like the plain ones."""


def disarmed(cell: str) -> str:
    """The cell as plain text to any spreadsheet."""
    return f"'{cell}" if cell.startswith(_STARTS) else cell


def as_written(cell: str) -> str:
    """What `disarmed` was given."""
    return cell.removeprefix("'")
