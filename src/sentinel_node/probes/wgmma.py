"""Tensor cores of Hopper by ``wgmma``: the operands of ``cuda/tensor_core_sm_90a.cu`` and their right products.

The twin does what the instruction does: it takes matrices out of an image of shared memory by their descriptors
(`wgmma_layout`), multiplies them, and hands the accumulators out to threads. `Operands.a` and `Operands.b` say what the
matrices are meant to be; that both agree is tested.

**Unproven.** These kernels have not run on a GPU. What is wrong in a reading of the manual would fail every healthy SM,
so they run only when named, and what they find wrong is told as an ERROR (see `Variant.is_proven`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sentinel_node.domain.probes import ProbeKind
from sentinel_node.probes import formats
from sentinel_node.probes.counter_random import U64, draw, high_words, low_words
from sentinel_node.probes.formats import F64, Format
from sentinel_node.probes.record import Words
from sentinel_node.probes.silicon import Silicon
from sentinel_node.probes.variant import Dose, InLoop, Variant
from sentinel_node.probes.wgmma_layout import COLUMNS, K_BYTES, ROWS, Bytes, Descriptor, fragments

SOURCE = "tensor_core_sm_90a.cu"
THREADS = 256
WARPGROUPS = 2
CHUNKS = 4
PAIRS = 32
"""Of sums that are subtracted and added again, after the first."""
WORDS = 9
MIX = np.uint32(0x9E3779B1)
ALONG_K, ALONG_ROWS = 128, 256
A_CHUNK_BYTES, B_CHUNK_BYTES = ROWS * K_BYTES, COLUMNS * K_BYTES
B_BEGIN = WARPGROUPS * CHUNKS * A_CHUNK_BYTES
SHARED_BYTES = B_BEGIN + CHUNKS * B_CHUNK_BYTES
ROW_WORDS = CHUNKS * K_BYTES // 4
A_ROWS = WARPGROUPS * ROWS

FORMATS = (
    formats.FP16,
    replace(formats.BF16, narrow=0x807C),
    replace(formats.TF32, narrow=0x80780000),
    replace(formats.E4M3, narrow=0x80),
    formats.E5M2,
    formats.INT8,
)
"""As for ``mma.sync``, with fewer bits in the factor that has few, as twice as much is accumulated."""


@dataclass(frozen=True, slots=True)
class Operands:
    """What the rows of A and the columns of B hold, by set; nothing of where they lie."""

    form: Format
    seed: int
    sets: U64

    @property
    def pattern(self) -> Words:
        """0: B has few bits; 1: A has; 2: one product for each dot product; 3: all bits set. Shape (sets, 1, 1)."""
        return (self.sets % np.uint64(4)).astype(np.uint32)[:, None, None]

    def a(self) -> Words:
        """Rows of both warpgroups, shape (sets, 128, 32), all of K."""
        words = self._rows(np.arange(A_ROWS), self.form.a_exponents, self.pattern == 1)
        return np.where(self.pattern == 2, words & self._only_bits(), words)

    def b(self) -> Words:
        """Columns of the product, shape (sets, 256, 32)."""
        return self._rows(256 + np.arange(COLUMNS), self.form.b_exponents, self.pattern != 1)

    def _rows(self, lanes: npt.NDArray[np.intp], exponents: tuple[int, int], has_few: npt.NDArray[np.bool_]) -> Words:
        form = self.form
        drawn = [draw(self.seed, self.sets, lanes, index) for index in range(ROW_WORDS // 2)]
        random = np.stack([half(each) for each in drawn for half in (low_words, high_words)], axis=-1)
        few = np.where(self.pattern == 2, form.repeat(form.medium), form.repeat(form.narrow))
        fill = np.where(self.pattern == 3, ~form.repeat(1 << (form.width - 1)), np.uint32(0))
        low, mask = (np.uint32(value) for value in exponents)
        field = low + (low_words(draw(self.seed, self.sets, lanes, 16)) & mask)
        exponent = (field << np.uint32(form.shift)) * form.repeat(1)
        keep = np.where(has_few, few, form.repeat(form.wide))
        words: Words = ((random | fill) & keep) | exponent[..., None]
        return words

    def _only_bits(self) -> Words:
        """The one element that each row of A keeps, as bits, shape (sets, 128, 32)."""
        form, row = self.form, np.arange(A_ROWS)
        only = (5 * row + 7 * (self.sets.astype(np.int64) >> 2)[:, None]) % (ROW_WORDS * form.elements)
        element = only[..., None] - np.arange(ROW_WORDS) * form.elements
        is_here = (element >= 0) & (element < form.elements)
        bits = np.where(is_here, ((1 << form.width) - 1) << (np.where(is_here, element, 0) * form.width), 0)
        return bits.astype(np.uint32)

    def shared(self) -> Bytes:
        """Shared memory as the kernel fills it, shape (sets, bytes)."""
        image = np.zeros((len(self.sets), SHARED_BYTES // 4), dtype=np.uint32)
        a_row, b_row, word = np.arange(A_ROWS)[:, None], np.arange(COLUMNS)[:, None], np.arange(ROW_WORDS)[None, :]
        a_begin = a_row // ROWS * CHUNKS * A_CHUNK_BYTES
        image[:, (a_begin + _place(a_row % ROWS, word, A_CHUNK_BYTES)) // 4] = self.a()
        image[:, (B_BEGIN + _place(b_row, word, B_CHUNK_BYTES)) // 4] = self.b()
        return image.view(np.uint8)


def _place(row: npt.NDArray[np.intp], word: npt.NDArray[np.intp], chunk_bytes: int) -> npt.NDArray[np.intp]:
    """Where a word of a row lies, as ``place`` of the kernel says."""
    column = word // 4
    return column // 2 * chunk_bytes + row // 8 * ALONG_ROWS + column % 2 * ALONG_K + row % 8 * 16 + word % 4 * 4


def a_descriptor(warpgroup: int, chunk: int) -> int:
    """What the kernel gives to the instruction, with shared memory at 0."""
    return Descriptor((warpgroup * CHUNKS + chunk) * A_CHUNK_BYTES, ALONG_K, ALONG_ROWS).bits


def b_descriptor(chunk: int) -> int:
    """Likewise."""
    return Descriptor(B_BEGIN + chunk * B_CHUNK_BYTES, ALONG_K, ALONG_ROWS).bits


def matrix(form: Format, shared: Bytes, descriptor: int, rows: int) -> F64:
    """The numbers that an instruction reads, shape (sets, rows, k)."""
    values = form.values(Descriptor.of(descriptor).read(shared, rows))
    return values.reshape(len(shared), rows, -1)


@dataclass(frozen=True, slots=True)
class WgmmaProgram:
    """The twin of the kernel of one format."""

    form: Format
    pairs: int = PAIRS

    def __call__(self, seed: int, sets: U64, silicon: Silicon) -> Words:
        """See `Program`."""
        products = self.products(Operands(self.form, seed, sets).shared())
        sums = np.zeros(products[0][0].shape, dtype=np.uint32)
        minus = -1 if self.form.exponent_bits else 1
        turns = [(0, 1), *((pair, sign) for pair in range(1, self.pairs + 1) for sign in (minus, 1))]
        for pair, sign in turns:
            for chunk in range(CHUNKS):
                sums = self._add(sums, sign * products[chunk][(chunk + pair) % CHUNKS], silicon)
        return self._folded(sums, low_words(draw(seed, sets, 512 + np.arange(THREADS), 0)))

    def products(self, shared: Bytes) -> list[list[npt.NDArray[Any]]]:
        """Of every chunk of A with every chunk of B, as the threads hold them: shape (128, sets, threads)."""
        groups = range(WARPGROUPS)
        a = [[matrix(self.form, shared, a_descriptor(group, s), ROWS) for group in groups] for s in range(CHUNKS)]
        b = [np.swapaxes(matrix(self.form, shared, b_descriptor(s), COLUMNS), 1, 2) for s in range(CHUNKS)]
        return [
            [fragments(np.stack([group @ right for group in left], axis=1).astype(self._number)) for right in b]
            for left in a
        ]

    @property
    def _number(self) -> type[np.float32 | np.int32]:
        return np.float32 if self.form.exponent_bits else np.int32

    def _add(self, sums: Words, product: npt.NDArray[Any], silicon: Silicon) -> Words:
        """Exact where nothing is faulty, so float32 is enough; a faulty SM's sums may be anything."""
        with np.errstate(all="ignore"):
            total = sums.view(self._number) + product
        return silicon.result("tensor", total.view(np.uint32))

    def _folded(self, registers: Words, state: Words) -> Words:
        if self.form.exponent_bits:
            registers = np.where(registers << np.uint32(1) == 0, np.uint32(0), registers)
        for register in registers:
            state = state * MIX + register
        xors = np.bitwise_xor.reduce(registers.reshape(WORDS - 1, 16, *state.shape), axis=1)
        return np.concatenate([*xors, state], axis=1)


def _variant(form: Format, opcode: str) -> Variant:
    return Variant(
        kind=ProbeKind.TENSOR_CORE,
        name=f"wgmma_{form.name}",
        source=SOURCE,
        entry=f"wgmma_{form.name}",
        threads=THREADS,
        words=WORDS,
        light=Dose(sets=4, repetitions=16),
        deep=Dose(sets=32, repetitions=16384),
        instructions=(InLoop(opcode, 2 * CHUNKS, depth=2),),
        since=(9, 0),
        until=(9, 0),
        is_proven=False,
        program=WgmmaProgram(form),
    )


_OPCODES = {"fp16": "HGMMA", "bf16": "HGMMA", "tf32": "HGMMA", "int8": "IGMMA"}
VARIANTS = tuple(_variant(form, _OPCODES.get(form.name, "QGMMA")) for form in FORMATS)
