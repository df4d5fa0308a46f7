"""Changes of the ledger itself that somebody asks for, beside those that follow from decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sentinel_gateway.ledger.retention import Retention
from sentinel_sdk.ledger.entry import NewEntry


@dataclass(frozen=True, slots=True)
class Recording:
    """Entries somebody asked to be recorded; a batch of their own in the ledger."""

    entries: Sequence[NewEntry]
    key: str | None


@dataclass(frozen=True, slots=True)
class Trim:
    """Old entries are to be removed, as far as one run goes; what was removed is told by an entry."""

    retention: Retention
    now_ns: int
    entries: Sequence[NewEntry] = ()
