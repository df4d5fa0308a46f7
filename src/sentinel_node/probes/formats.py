"""Operand formats of tensor cores, and the fragments of ``mma.sync`` as matrices.

The layouts are those of PTX ISA 8.x, section "Matrix fragments for mma.m16n8k8 / k16 / k32". With E elements in a
register, lane 4g + t holds of A the rows g and g + 8, and of B the column g, at k = tE + e and k = 4E + tE + e.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentinel_node.probes.record import Words

F64 = npt.NDArray[np.float64]
WARPS = 8
"""Per block."""


@dataclass(frozen=True, slots=True)
class Format:
    """One operand format, and what the probe keeps of random bits in it: see ``cuda/tensor_core.cu``."""

    name: str
    exponent_bits: int
    """0 for integers."""
    mantissa_bits: int
    bias: int
    elements: int
    """Per 32-bit register."""
    wide: int
    """Sign and all mantissa bits, for one element."""
    narrow: int
    medium: int
    a_exponents: tuple[int, int]
    """The lowest field, and the mask of its random part."""
    b_exponents: tuple[int, int]

    @property
    def width(self) -> int:
        """Bits of an element."""
        return 32 // self.elements

    @property
    def depth(self) -> int:
        """k of a tile."""
        return 8 * self.elements

    @property
    def shift(self) -> int:
        """Of the exponent field; 0 for integers."""
        return self.mantissa_bits if self.exponent_bits else 0

    def repeat(self, mask: int) -> np.uint32:
        """A mask of one element, for all in a register."""
        return np.uint32(sum(mask << (self.width * element) for element in range(self.elements)))

    def values(self, registers: Words) -> F64:
        """The elements as numbers, exact, in a new last axis."""
        shifts = np.arange(self.elements, dtype=np.uint32) * np.uint32(self.width)
        fields = (registers[..., None] >> shifts) & np.uint32((1 << self.width) - 1)
        if not self.exponent_bits:
            return fields.astype(np.uint8).view(np.int8).astype(np.float64)
        mantissa = (fields & np.uint32((1 << self.mantissa_bits) - 1)).astype(np.float64)
        exponent = ((fields >> np.uint32(self.mantissa_bits)) & np.uint32((1 << self.exponent_bits) - 1)).astype(
            np.int32
        )
        significand = np.where(exponent > 0, mantissa + float(1 << self.mantissa_bits), mantissa)
        magnitude: F64 = np.ldexp(significand, np.maximum(exponent, 1) - self.bias - self.mantissa_bits)
        return np.where(fields >> np.uint32(self.width - 1), -magnitude, magnitude)


FP16 = Format("fp16", 5, 10, 15, 2, 0x83FF, 0x8380, 0x83FC, (1, 15), (15, 15))
BF16 = Format("bf16", 8, 7, 127, 2, 0x807F, 0x807F, 0x807F, (100, 31), (110, 31))
TF32 = Format("tf32", 8, 23, 127, 1, 0x807FE000, 0x807C0000, 0x807F8000, (100, 31), (110, 31))
E4M3 = Format("fp8_e4m3", 4, 3, 7, 4, 0x87, 0x84, 0x87, (1, 7), (7, 7))
E5M2 = Format("fp8_e5m2", 5, 2, 15, 4, 0x83, 0x82, 0x83, (1, 15), (15, 15))
INT8 = Format("int8", 0, 7, 0, 4, 0xFF, 0xFF, 0xFF, (0, 0), (0, 0))


def a_matrix(values: F64) -> F64:
    """Fragments of A, shape (sets, threads, 4, elements), as matrices (sets, warps, 16, k)."""
    sets, _, _, elements = values.shape
    lanes = values.reshape(sets, WARPS, 8, 4, 2, 2, elements)  # group, t, half of k, half of the rows, element
    return lanes.transpose(0, 1, 5, 2, 4, 3, 6).reshape(sets, WARPS, 16, 8 * elements)


def b_matrix(values: F64) -> F64:
    """Fragments of B, shape (sets, threads, 2, elements), as matrices (sets, warps, k, 8)."""
    sets, _, _, elements = values.shape
    lanes = values.reshape(sets, WARPS, 8, 4, 2, elements)  # group, t, half of k, element
    return lanes.transpose(0, 1, 4, 3, 5, 2).reshape(sets, WARPS, 8 * elements, 8)


def d_fragments(tile: F64) -> F64:
    """Tiles (sets, warps, 16, 8) as fragments (4, sets, threads)."""
    lanes = tile.reshape(-1, WARPS, 2, 8, 4, 2)  # half of the rows, group, t, pair
    return lanes.transpose(2, 5, 0, 1, 3, 4).reshape(4, len(lanes), 32 * WARPS)
