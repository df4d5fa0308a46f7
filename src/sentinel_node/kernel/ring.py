"""The newest lines of this boot, in memory, with an account of what is not among them. Bounded by bytes, since a line
may be forty characters or eight thousand.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from sentinel_node.domain.kernel import KernelRecord
from sentinel_node.kernel.folding import Folder, Kept

MOST_BYTES = 12 << 20
"""Some 25,000 lines of usual length."""

_RECORD_BYTES = 400
"""What a line takes beside its text; measured, 350 on CPython 3.11."""
_MOST_GAPS = 1000


@dataclass(frozen=True, slots=True)
class _Gap:
    lines: int
    before_unix_ns: int
    """The first line after it."""


class Ring:
    """Takes records in their order and forgets the oldest."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: deque[Kept] = deque()
        self._folder = Folder()
        self._gaps: deque[_Gap] = deque()
        self._forgotten = _Gap(0, 0)
        self._next_sequence = 0

    def add(self, record: KernelRecord) -> int:
        """Take the next record; gives how many are missing before it, which for the first one is since the boot."""
        gap = max(0, record.sequence - self._next_sequence)
        if gap:
            self._gap(_Gap(gap, record.unix_ns))
        self._next_sequence = record.sequence + 1
        if (kept := self._folder.add(record)) is not None:
            self._kept.append(kept)
            self._bytes += _size_bytes(record)
        while self._bytes > self._most_bytes and len(self._kept) > 1:
            self._forget_oldest()
        return gap

    def records(self) -> list[KernelRecord]:
        """All that is kept, oldest first."""
        return [kept.told() for kept in self._kept]

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever added."""
        return self._next_sequence == 0

    @property
    def oldest(self) -> KernelRecord | None:
        """The first that is kept."""
        return self._kept[0].record if self._kept else None

    @property
    def is_whole(self) -> bool:
        """Whether it holds everything since the boot."""
        return not self._gaps and not self._forgotten.lines

    def lost_after(self, unix_ns: int) -> int:
        """Lines that are missing before a line of this time or later."""
        return sum(gap.lines for gap in (self._forgotten, *self._gaps) if gap.before_unix_ns > unix_ns)

    def _forget_oldest(self) -> None:
        gone = self._kept.popleft()
        self._bytes -= _size_bytes(gone.record)
        lines = self._forgotten.lines + 1 + gone.folded
        while self._gaps and self._gaps[0].before_unix_ns <= gone.record.unix_ns:
            lines += self._gaps.popleft().lines
        self._forgotten = _Gap(lines, self._kept[0].record.unix_ns)

    def _gap(self, gap: _Gap) -> None:
        """Keep it; of too many the two oldest become one, so that their time blurs and no line of them is forgotten."""
        self._gaps.append(gap)
        if len(self._gaps) > _MOST_GAPS:
            first, second = self._gaps.popleft(), self._gaps.popleft()
            self._gaps.appendleft(_Gap(first.lines + second.lines, second.before_unix_ns))


def _size_bytes(record: KernelRecord) -> int:
    return _RECORD_BYTES + len(record.message)
