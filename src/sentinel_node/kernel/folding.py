"""Storms of one line, kept short: the first few of a pattern in a second, and a count of the rest.

One fault can print the same Xid a hundred thousand times, and would wash everything else out of a bounded buffer. Lines
are of one pattern when they differ in words with digits only; level, Xid, SXid and device must be equal, so that one
GPU's storm never hides another's first line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from sentinel_node.domain.kernel import KernelRecord

MOST_A_SECOND = 10
"""Lines of one pattern that are kept of each second."""

_US_PER_S = 1_000_000
_WITH_DIGIT = re.compile(r"\w*\d\w*")

_Pattern = tuple[int, int | None, int | None, str, bool, str]


@dataclass(slots=True)
class Kept:
    """A line that is kept, and how many like it were not."""

    record: KernelRecord
    folded: int = 0
    folded_sequence: int = 0
    """The number of the last of those."""

    def fold(self, record: KernelRecord) -> None:
        """Count another one with it."""
        self.folded += 1
        self.folded_sequence = record.sequence

    def told(self) -> KernelRecord:
        """The record with its count."""
        if not self.folded:
            return self.record
        return replace(self.record, folded=self.folded, folded_sequence=self.folded_sequence)


class Folder:
    """Decides, line by line in their order, which are kept."""

    def __init__(self) -> None:
        self._second: tuple[str, int] = ("", -1)
        self._seen: dict[_Pattern, tuple[int, Kept]] = {}

    def add(self, record: KernelRecord) -> Kept | None:
        """The line to keep; None where it was counted with an earlier one."""
        second = (record.boot_id, record.monotonic_us // _US_PER_S)
        if second != self._second:
            self._second = second
            self._seen.clear()
        pattern = _pattern(record)
        count, last = self._seen.get(pattern, (0, None))
        if last is not None and count >= MOST_A_SECOND:
            last.fold(record)
            return None
        kept = Kept(record)
        self._seen[pattern] = (count + 1, kept)
        return kept


def _pattern(record: KernelRecord) -> _Pattern:
    text = _WITH_DIGIT.sub("#", record.message)
    return (record.level, record.xid, record.sxid, record.pci_bus_id, record.is_from_kernel, text)
