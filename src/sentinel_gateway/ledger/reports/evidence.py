"""Which entries stand behind a figure: how many, from which id to which, and a few to look up by hand.

Five of the first and five of the last are kept, whatever their number, so that memory does not grow with the ledger.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

KEPT_EACH_END = 5


@dataclass(frozen=True, slots=True)
class Evidence:
    """The entries behind a figure."""

    entries: int = 0
    first_entry_id: int = 0
    """0 where there is none."""
    last_entry_id: int = 0
    sample_ids: tuple[int, ...] = ()


NO_EVIDENCE = Evidence()


class Trail:
    """Collects evidence while entries go by in the order of their ids."""

    __slots__ = ("_first", "_last", "entries", "first_id", "last_id")

    def __init__(self) -> None:
        self.entries = 0
        self.first_id = 0
        self.last_id = 0
        self._first: list[int] = []
        self._last: deque[int] | None = None

    def add(self, entry_id: int) -> None:
        """One more entry."""
        self.entries += 1
        if entry_id > self.last_id:
            self.last_id = entry_id
        if self._last is not None:
            self._last.append(entry_id)
        elif self.entries <= KEPT_EACH_END:
            self._first.append(entry_id)
        else:
            self._last = deque((entry_id,), maxlen=KEPT_EACH_END)
        if not self.first_id or entry_id < self.first_id:
            self.first_id = entry_id

    def evidence(self) -> Evidence:
        """What was collected."""
        samples = (*self._first, *(self._last or ()))
        return Evidence(self.entries, self.first_id, self.last_id, samples)


def merged(*parts: Evidence) -> Evidence:
    """The evidence of several figures together; an entry that counts in two of them counts twice."""
    some = [part for part in parts if part.entries]
    if not some:
        return NO_EVIDENCE
    ids = sorted({sample for part in some for sample in part.sample_ids})
    shown = ids if len(ids) <= 2 * KEPT_EACH_END else [*ids[:KEPT_EACH_END], *ids[-KEPT_EACH_END:]]
    return Evidence(
        sum(part.entries for part in some),
        min(part.first_entry_id for part in some),
        max(part.last_entry_id for part in some),
        tuple(shown),
    )
