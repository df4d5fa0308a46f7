"""Folding of lines that arrive newest first: a second is gathered, turned round and folded as it happened."""

from __future__ import annotations

from sentinel_node.domain.kernel import KernelRecord
from sentinel_node.kernel.folding import Folder

_US_PER_S = 1_000_000


class StormFilter:
    """Takes lines newest first and gives them back so, a second at a time."""

    def __init__(self) -> None:
        self._second: tuple[str, int] | None = None
        self._lines: list[KernelRecord] = []

    def newer_first(self, record: KernelRecord) -> list[KernelRecord]:
        """What is kept of the second that `record` ended; nothing while its own goes on."""
        second = (record.boot_id, record.monotonic_us // _US_PER_S)
        ended = self.rest() if second != self._second else []
        self._second = second
        self._lines.append(record)
        return ended

    def rest(self) -> list[KernelRecord]:
        """What is kept of the second that was gathered last."""
        folder = Folder()
        kept = [line for record in reversed(self._lines) if (line := folder.add(record)) is not None]
        self._lines = []
        return [line.told() for line in reversed(kept)]
