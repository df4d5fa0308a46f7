"""What can be wrong with storage inside an SM: single cells of the register file or of shared memory.

A cell is named as in the probe's output: which of a thread's words, and which thread. In shared memory, word number
``256 * row + thread``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sentinel_node.probes.record import Words


@dataclass(frozen=True, slots=True)
class StuckCell:
    """A bit of one cell is always `value`."""

    sm: int
    unit: str
    """``register`` or ``shared``."""
    row: int
    thread: int
    bit: int
    value: int

    def corrupt(self, words: Words, before: int) -> Words:
        """See `ResultFault`."""
        del before
        changed = words.copy()
        mask = np.uint32(1 << self.bit)
        cell = changed[..., self.row, self.thread]
        changed[..., self.row, self.thread] = cell | mask if self.value else cell & ~mask
        return changed


@dataclass(frozen=True, slots=True)
class WrongCell:
    """A read of one cell gives another one's word, as when an address line is stuck."""

    sm: int
    unit: str
    row: int
    thread: int
    row_read: int
    thread_read: int

    def corrupt(self, words: Words, before: int) -> Words:
        """See `ResultFault`."""
        del before
        changed = words.copy()
        changed[..., self.row, self.thread] = words[..., self.row_read, self.thread_read]
        return changed
