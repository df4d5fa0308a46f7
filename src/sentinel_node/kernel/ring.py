"""The newest lines of this boot, in memory, with an account of what is not among them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from sentinel_node.domain.kernel import KernelRecord
from sentinel_node.kernel.folding import Folder, Kept

SIZE = 20_000
"""Lines; about 10 MiB when full."""

_MOST_GAPS = 1000


@dataclass(frozen=True, slots=True)
class _Gap:
    lines: int
    before_unix_ns: int
    """The first line after it."""


class Ring:
    """Takes records in their order and forgets the oldest."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._kept: deque[Kept] = deque()
        self._folder = Folder()
        self._gaps: deque[_Gap] = deque(maxlen=_MOST_GAPS)
        self._next_sequence = 0
        self.added = 0
        """Lines kept since the start, forgotten ones among them."""

    def add(self, record: KernelRecord) -> None:
        """Take the next record; a jump of its number is a gap, also before the first one."""
        if record.sequence > self._next_sequence:
            self._gaps.append(_Gap(record.sequence - self._next_sequence, record.unix_ns))
        self._next_sequence = record.sequence + 1
        kept = self._folder.add(record)
        if kept is None:
            return
        self._kept.append(kept)
        self.added += 1
        if len(self._kept) > self._size:
            self._forget_oldest()

    def records(self) -> list[KernelRecord]:
        """All that is kept, oldest first."""
        return [kept.told() for kept in self._kept]

    def newer(self, position: int) -> Iterator[KernelRecord]:
        """What was kept after the first `position` lines and is not forgotten, oldest first."""
        newest = min(self.added - position, len(self._kept))
        return iter([self._kept[place].told() for place in range(len(self._kept) - newest, len(self._kept))])

    @property
    def oldest(self) -> KernelRecord | None:
        """The first that is kept."""
        return self._kept[0].record if self._kept else None

    @property
    def is_whole(self) -> bool:
        """Whether it holds everything since the boot."""
        return not self._gaps

    def lost_after(self, unix_ns: int) -> int:
        """Lines that are missing before a line of this time or later."""
        return sum(gap.lines for gap in self._gaps if gap.before_unix_ns > unix_ns)

    def _forget_oldest(self) -> None:
        gone = self._kept.popleft()
        lines = 1 + gone.folded
        if self._gaps and self._gaps[0].before_unix_ns <= gone.record.unix_ns:
            lines += self._gaps.popleft().lines
        self._gaps.appendleft(_Gap(lines, self._kept[0].record.unix_ns))
