"""What a verification found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class FaultKind(StrEnum):
    """What is wrong with the first bad entry."""

    CHANGED = "changed"
    """Its content is not what was recorded."""
    DROPPED = "dropped"
    """It is missing, with entries after it still there."""
    INSERTED = "inserted"
    """It was never recorded."""
    SWAPPED = "swapped"
    """Another entry stands in its place."""
    TRUNCATED = "truncated"
    """It and everything after it is missing."""
    ROOT_CHANGED = "root_changed"
    """From it on, entries and tree heads do not fit together, though every entry fits the one before it."""
    SIGNATURE_INVALID = "signature_invalid"
    """A tree head that covers it is not signed by a trusted key."""
    TORN_TAIL = "torn_tail"
    """It and everything after it fits, but was never sealed by a tree head."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that is wrong."""

    kind: FaultKind
    entry_id: int
    expected: str
    found: str
    meaning: str
    """What it may mean."""
    to_do: str

    @property
    def description(self) -> str:
        """All of it in words."""
        return f"entry {self.entry_id}: expected {self.expected}; found {self.found}. {self.meaning}. {self.to_do}."


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome for a whole ledger or a range of it."""

    fault: Fault | None
    entries_verified: int
    """Entries that were found good, before the first bad one."""
    batches_verified: int
    """Tree heads that were found good."""
    elapsed: timedelta

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong."""
        return self.fault is None

    @property
    def kind(self) -> FaultKind | None:
        """What is wrong; None where nothing is."""
        return self.fault.kind if self.fault else None

    @property
    def first_invalid_entry_id(self) -> int:
        """The first bad entry; 0 where there is none."""
        return self.fault.entry_id if self.fault else 0

    @property
    def description(self) -> str:
        """What was expected, what was found, what it may mean and what to do; empty where nothing is wrong."""
        return self.fault.description if self.fault else ""
