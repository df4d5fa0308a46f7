"""How Hopper's ``wgmma`` finds its operands in shared memory, and where it leaves its result. By address alone.

Written from the PTX ISA's text, and not from the code that lays operands out (``cuda/tensor_core_sm_90a.cu``): both
must come to the same matrices, so that an error in either is found without a GPU. From PTX ISA 9.x, "Asynchronous
Warpgroup Level Matrix Multiply-Accumulate Instructions":

* "Matrix Descriptor Format": bits 0-13 the start address, 16-29 the leading-dimension byte offset, 32-45 the
  stride-dimension byte offset, each as ``(x & 0x3FFFF) >> 4``; 49-51 a base offset, which only swizzled layouts have;
  62-63 the swizzling mode, 0 for none.
* "Canonical Layouts", K-major without swizzling: ``((8,m),(T,2k)):((1T,SBO),(1,LBO))`` with T elements in 16 bytes. So
  8 rows of 16 bytes are contiguous, a core matrix; the next 16 bytes along K are the leading offset away, and the next
  8 rows the stride offset.
* "Register Fragments", accumulator D of ``m64nNk...``: warp w of the warpgroup holds rows 16w to 16w + 15, lane
  4g + t of them rows g and g + 8, and of every 8 columns 2t and 2t + 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sentinel_node.probes.record import Words

Bytes = npt.NDArray[np.uint8]
ROWS = 64
"""Of A and of the product, in one instruction."""
COLUMNS = 256
"""Of the product: the largest N."""
K_BYTES = 32
"""Of a row of A or a column of B in one instruction, whatever the format."""
WARPGROUP = 128
"""Threads."""
_CORE_ROWS, _CORE_BYTES = 8, 16


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A matrix in shared memory, K-major without swizzling; all in bytes."""

    start: int
    along_k: int
    """The leading-dimension offset: to the next 16 bytes along K."""
    along_rows: int
    """The stride-dimension offset: to the next 8 rows of A or columns of B."""

    @classmethod
    def of(cls, bits: int) -> Descriptor:
        """From its 64 bits.

        Raises:
            ValueError: It asks for a swizzled layout, or sets a bit that means nothing.
        """
        start, along_k, along_rows = (bits >> shift & 0x3FFF for shift in (0, 16, 32))
        if bits != start | along_k << 16 | along_rows << 32:
            raise ValueError(f"the descriptor {bits:#018x} is not one of a layout without swizzling")
        return cls(start << 4, along_k << 4, along_rows << 4)

    @property
    def bits(self) -> int:
        """As the instruction takes it."""
        fields = ((self.start, 0), (self.along_k, 16), (self.along_rows, 32))
        return sum((value & 0x3FFFF) >> 4 << shift for value, shift in fields)

    def addresses(self, rows: int) -> npt.NDArray[np.intp]:
        """Where each byte of each row is, shape (rows, 32)."""
        row, byte = np.arange(rows)[:, None], np.arange(K_BYTES)[None, :]
        of_row = row // _CORE_ROWS * self.along_rows + row % _CORE_ROWS * _CORE_BYTES
        return self.start + of_row + byte // _CORE_BYTES * self.along_k + byte % _CORE_BYTES

    def read(self, shared: Bytes, rows: int) -> Words:
        """The matrix as 32-bit words, shape (sets, rows, 8), out of shared memory of shape (sets, bytes)."""
        words: Words = np.ascontiguousarray(shared[:, self.addresses(rows)]).view(np.uint32)
        return words


def fragments(tiles: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Products of warpgroups, shape (sets, warpgroups, 64, 256), as their accumulators: (128, sets, threads)."""
    sets, groups = tiles.shape[:2]
    parts = tiles.reshape(sets, groups, 4, 2, 8, COLUMNS // 8, 4, 2)  # warp, half, g, eighth, t, pair
    registers = parts.transpose(5, 3, 7, 0, 1, 2, 4, 6)
    return np.ascontiguousarray(registers.reshape(COLUMNS // 2, sets, groups * WARPGROUP))
