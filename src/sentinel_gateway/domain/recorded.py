"""The answer to entries that somebody asked to be recorded in the ledger."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where the entries stand; they follow each other without gaps."""

    first_entry_id: int
    last_entry_id: int
    count: int
