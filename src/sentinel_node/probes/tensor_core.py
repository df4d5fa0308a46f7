"""Tensor cores: the operands of ``cuda/tensor_core.cu`` and their right products.

The right products need no knowledge of the hardware's adders: operands are such that every order of addition gives the
same bits. What they are made of stands in the source; the program here follows it line by line. Products of float64
are exact for them too, so that one matrix product serves all formats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sentinel_node.domain.probes import ProbeKind
from sentinel_node.probes.counter_random import U64, draw, high_words, low_words
from sentinel_node.probes.formats import (
    BF16,
    E4M3,
    E5M2,
    F64,
    FP16,
    INT8,
    TF32,
    Format,
    a_matrix,
    b_matrix,
    d_fragments,
)
from sentinel_node.probes.pinned import PinnedProbe
from sentinel_node.probes.record import Words
from sentinel_node.probes.silicon import Silicon
from sentinel_node.probes.variant import Dose, InLoop, Variant
from sentinel_node.probes.wgmma import VARIANTS as OF_HOPPER

THREADS = 256
GROUPS = 8
STEPS = 4
MIX = np.uint32(0x9E3779B1)
THREAD = np.arange(THREADS)
GROUP, QUAD = (THREAD >> 2) & 7, THREAD & 3
ROW_HALF, K_HALF = np.arange(4) & 1, np.arange(4) >> 1
"""Of each register of A."""


@dataclass(frozen=True, slots=True)
class Operands:
    """What a set's tiles are made from; each of shape (sets, threads, registers) or (sets, 1, 1)."""

    a_random: Words
    b_random: Words
    a_exponent: Words
    b_exponent: Words
    fill: Words
    few: Words
    """The mask for the factor that has few mantissa bits."""
    is_single: Words
    """1 where each dot product has one product."""

    @classmethod
    def of(cls, form: Format, seed: int, sets: U64) -> Operands:
        """From the seed."""
        draws = [draw(seed, sets, THREAD, index) for index in range(3)]
        halves = [half(each) for each in draws for half in (low_words, high_words)]
        rows = [
            _exponents(form, form.a_exponents, draw(seed, sets, THREAD // 32 * 16 + GROUP + add, 8)) for add in (0, 8)
        ]
        pattern = (sets % np.uint64(4)).astype(np.uint32)[:, None, None]
        signs = form.repeat(1 << (form.width - 1))
        return cls(
            a_random=np.stack(halves[:4], axis=-1),
            b_random=np.stack(halves[4:], axis=-1),
            a_exponent=np.stack([rows[half] for half in ROW_HALF], axis=-1),
            b_exponent=_exponents(form, form.b_exponents, draw(seed, sets, THREAD // 32 * 8 + GROUP, 9))[..., None],
            fill=np.where(pattern == 3, ~signs, np.uint32(0)),
            few=np.where(pattern == 2, form.repeat(form.medium), form.repeat(form.narrow)),
            is_single=(pattern == 2).astype(np.uint32),
        )

    def registers(self, form: Format, state: Words, step: int) -> tuple[Words, Words]:
        """A's and B's fragments for one step, shapes (sets, threads, 4) and (sets, threads, 2)."""
        turn = np.uint32(7 * step)
        feedback = ((state << turn) | (state >> (np.uint32(32) - turn)) if step else state)[..., None]
        wide = form.repeat(form.wide)
        a_keep, b_keep = (self.few, wide) if step % 2 else (wide, self.few)
        a = (((self.a_random ^ feedback) | self.fill) & a_keep) | self.a_exponent
        b = (((self.b_random ^ feedback) | self.fill) & b_keep) | self.b_exponent
        return np.where(self.is_single, a & _single_element(form, step), a), b


def tiles(form: Format, operands: Operands, state: Words, step: int) -> tuple[F64, F64]:
    """A and B of one step as matrices of numbers, shapes (sets, warps, 16, k) and (sets, warps, k, 8)."""
    a, b = operands.registers(form, state, step)
    return a_matrix(form.values(a)), b_matrix(form.values(b))


@dataclass(frozen=True, slots=True)
class TensorProgram:
    """The twin of the kernel of one format."""

    form: Format

    def __call__(self, seed: int, sets: U64, silicon: Silicon) -> Words:
        """See `Program`."""
        operands = Operands.of(self.form, seed, sets)
        state = low_words(draw(seed, sets, THREAD, 3))
        first: Words | None = None
        for _ in range(GROUPS):
            d = np.zeros((4, *state.shape), dtype=np.uint32)
            for step in range(STEPS):
                d = self._multiply_add(tiles(self.form, operands, state, step), d, silicon)
                first = d if first is None else first
            for register in d:
                state = state * MIX + self._without_zero_sign(register)
        assert first is not None  # noqa: S101 - GROUPS and STEPS are not 0
        return np.concatenate([*self._without_zero_sign(first), state], axis=1)

    def _multiply_add(self, ab: tuple[F64, F64], c: Words, silicon: Silicon) -> Words:
        number = np.float32 if self.form.exponent_bits else np.int32
        products = d_fragments(ab[0] @ ab[1])
        with np.errstate(all="ignore"):  # a faulty SM's sums may be anything, infinite or NaN too
            total = (c.view(number).astype(np.float64) + products).astype(number).view(np.uint32)
        return np.stack([silicon.result("tensor", register) for register in total])

    def _without_zero_sign(self, words: Words) -> Words:
        if not self.form.exponent_bits:
            return words
        return np.where(words << np.uint32(1) == 0, np.uint32(0), words)


def _exponents(form: Format, fields: tuple[int, int], random: U64) -> Words:
    low, mask = (np.uint32(value) for value in fields)
    return ((low + (low_words(random) & mask)) << np.uint32(form.shift)) * form.repeat(1)


def _single_element(form: Format, step: int) -> Words:
    """The bits that each register of A may keep, shape (threads, 4)."""
    row = GROUP[:, None] + 8 * ROW_HALF[None, :]
    first = (4 * K_HALF[None, :] + QUAD[:, None]) * form.elements
    element = (row + 5 * step) % form.depth - first
    is_here = (element >= 0) & (element < form.elements)
    bits = ((1 << form.width) - 1) << (np.where(is_here, element, 0) * form.width)
    return np.where(is_here, bits, 0).astype(np.uint32)


def _variant(form: Format, opcode: str, since: tuple[int, int] = (8, 0)) -> Variant:
    return Variant(
        kind=ProbeKind.TENSOR_CORE,
        name=form.name,
        source="tensor_core.cu",
        entry=f"tensor_{form.name}",
        threads=THREADS,
        words=5,
        light=Dose(sets=4, repetitions=16),
        deep=Dose(sets=32, repetitions=16384),
        instructions=(InLoop(opcode, STEPS, depth=2),),
        since=since,
        program=TensorProgram(form),
    )


TENSOR_CORE = PinnedProbe(
    ProbeKind.TENSOR_CORE,
    (
        _variant(FP16, "HMMA"),
        _variant(BF16, "HMMA"),
        _variant(TF32, "HMMA"),
        _variant(E4M3, "HMMA|QMMA", since=(8, 9)),
        _variant(E5M2, "HMMA|QMMA", since=(8, 9)),
        _variant(INT8, "IMMA"),
        *OF_HOPPER,
    ),
)
