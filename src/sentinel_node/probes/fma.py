"""Multiply-add: the operands of ``cuda/fma.cu`` and their right answers, derived on the CPU.

Floating chains are computed with one correct rounding (`exact`), integer ones modulo 2**32. What the kernels do, and
why nothing in them can be optimised away, stands in the source; the programs here follow it line by line.
"""

from __future__ import annotations

import numpy as np

from sentinel_node.domain.probes import ProbeKind
from sentinel_node.probes.counter_random import U64, draw, high_words, low_words
from sentinel_node.probes.exact import fma_fp32, fma_fp64
from sentinel_node.probes.pinned import PinnedProbe
from sentinel_node.probes.record import Words
from sentinel_node.probes.silicon import Silicon
from sentinel_node.probes.variant import Dose, InLoop, Program, Variant

THREADS = 256
STEPS = 128
MIX = np.uint32(0x9E3779B1)
MIX_WIDE = np.uint64(0x9E3779B97F4A7C15)
NOT_EXPONENT = np.uint32(0x807FFFFF)
NOT_EXPONENT_WIDE = np.uint64(0x800FFFFFFFFFFFFF)
MANTISSA = 0x007FFFFF
MANTISSA_WIDE = 0x000FFFFFFFFFFFFF

Exponents = tuple[int, int, int, int, int, int]
"""The lowest exponent field of a, b and c, each followed by the mask of its random part. Field 0 is denormal."""

FP32_SLOTS: tuple[Exponents, ...] = (
    (120, 15, 120, 15, 120, 15),
    (127, 0, 127, 0, 103, 31),
    (127, 1, 127, 0, 127, 1),
    (0, 0, 200, 31, 60, 31),
    (30, 7, 90, 7, 0, 1),
    (60, 7, 60, 7, 0, 0),
    (251, 3, 128, 3, 250, 3),
    (127, 3, 127, 3, 127, 3),
)
FP64_SLOTS: tuple[Exponents, ...] = (
    (1016, 15, 1016, 15, 1016, 15),
    (1023, 0, 1023, 0, 960, 127),
    (1023, 1, 1023, 0, 1023, 1),
    (1023, 3, 1023, 3, 1023, 3),
)
IMAD_SLOTS = 8


def fp32_program(seed: int, sets: U64, silicon: Silicon) -> Words:
    """The twin of kernel ``fma_fp32``."""
    threads, count = np.arange(THREADS, dtype=np.uint64), len(FP32_SLOTS)
    slots = [_fp32_operands(seed, sets, slot) for slot in range(count)]
    state = low_words(draw(seed, sets, threads, 2 * count))
    words = [silicon.result("fma", fma_fp32(((state ^ b) & NOT_EXPONENT) | a, b, c)) for a, b, c in slots]
    for step in range(STEPS):
        a, b, c = slots[step % count]
        state = state * MIX + silicon.result("fma", fma_fp32((state & NOT_EXPONENT) | a, b, c))
    return np.concatenate([*words, state], axis=1)


def fp64_program(seed: int, sets: U64, silicon: Silicon) -> Words:
    """The twin of kernel ``fma_fp64``."""
    threads, count = np.arange(THREADS, dtype=np.uint64), len(FP64_SLOTS)
    slots = [_fp64_operands(seed, sets, slot) for slot in range(count)]
    state = draw(seed, sets, threads, 3 * count)
    words: list[Words] = []
    for a, b, c in slots:
        first = _fp64_result(((state ^ b) & NOT_EXPONENT_WIDE) | a, b, c, silicon)
        words += [low_words(first), high_words(first)]
    for step in range(STEPS):
        a, b, c = slots[step % count]
        state = state * MIX_WIDE + _fp64_result((state & NOT_EXPONENT_WIDE) | a, b, c, silicon)
    return np.concatenate([*words, low_words(state), high_words(state)], axis=1)


def imad_program(seed: int, sets: U64, silicon: Silicon) -> Words:
    """The twin of kernel ``imad``."""
    threads = np.arange(THREADS, dtype=np.uint64)
    bits = [draw(seed, sets, threads, slot) for slot in range(IMAD_SLOTS)]
    slots = [(low_words(each) | np.uint32(1), high_words(each)) for each in bits]
    state = low_words(draw(seed, sets, threads, IMAD_SLOTS))
    words: list[Words] = []
    for slot, (b, c) in enumerate(slots):
        low, (wide_low, wide_high) = silicon.result("imad", state * b + c), _wide(state, b, c, silicon)
        words.append((low, wide_low, wide_high)[slot % 3])
    for step in range(STEPS):
        b, c = slots[step % IMAD_SLOTS]
        wide_low, wide_high = _wide(state, b, c, silicon)
        state = silicon.result("imad", state * b + (wide_low ^ wide_high))
    return np.concatenate([*words, state], axis=1)


def _wide(a: Words, b: Words, c: Words, silicon: Silicon) -> tuple[Words, Words]:
    addend = (c.astype(np.uint64) << np.uint64(32)) | b
    value = a.astype(np.uint64) * b + addend
    return silicon.result("imad", low_words(value)), silicon.result("imad", high_words(value))


def _fp64_result(a: U64, b: U64, c: U64, silicon: Silicon) -> U64:
    value = fma_fp64(a.view(np.float64), b.view(np.float64), c.view(np.float64)).view(np.uint64)
    low, high = silicon.result("dfma", low_words(value)), silicon.result("dfma", high_words(value))
    return low | (high.astype(np.uint64) << np.uint64(32))


def _fp32_operands(seed: int, sets: U64, slot: int) -> tuple[Words, Words, Words]:
    threads = np.arange(THREADS, dtype=np.uint64)
    a_low, a_mask, b_low, b_mask, c_low, c_mask = (np.uint32(value) for value in FP32_SLOTS[slot])
    bits, random = draw(seed, sets, threads, 2 * slot), draw(seed, sets, threads, 2 * slot + 1)
    fill = np.uint32(MANTISSA if slot == len(FP32_SLOTS) - 1 else 0)
    a = (a_low + (high_words(random) & a_mask)) << np.uint32(23)
    b_exponent = (b_low + (low_words(random) & b_mask)) << np.uint32(23)
    c_exponent = (c_low + ((low_words(random) >> np.uint32(16)) & c_mask)) << np.uint32(23)
    b = ((low_words(bits) | fill) & NOT_EXPONENT) | b_exponent
    return a, b, ((high_words(bits) | fill) & NOT_EXPONENT) | c_exponent


def _fp64_operands(seed: int, sets: U64, slot: int) -> tuple[U64, U64, U64]:
    threads = np.arange(THREADS, dtype=np.uint64)
    a_low, a_mask, b_low, b_mask, c_low, c_mask = (np.uint64(value) for value in FP64_SLOTS[slot])
    random = draw(seed, sets, threads, 3 * slot)
    fill = np.uint64(MANTISSA_WIDE if slot == len(FP64_SLOTS) - 1 else 0)
    low = random & np.uint64(0xFFFFFFFF)
    a = (a_low + ((random >> np.uint64(32)) & a_mask)) << np.uint64(52)
    b_exponent = (b_low + (low & b_mask)) << np.uint64(52)
    c_exponent = (c_low + ((low >> np.uint64(16)) & c_mask)) << np.uint64(52)
    b = ((draw(seed, sets, threads, 3 * slot + 1) | fill) & NOT_EXPONENT_WIDE) | b_exponent
    return a, b, ((draw(seed, sets, threads, 3 * slot + 2) | fill) & NOT_EXPONENT_WIDE) | c_exponent


def _variant(name: str, entry: str, words: int, needs: tuple[InLoop, ...], program: Program) -> Variant:
    light, deep = Dose(sets=2, repetitions=16), Dose(sets=32, repetitions=16384)
    return Variant(ProbeKind.FMA, name, "fma.cu", entry, THREADS, words, light, deep, needs, program=program)


IMAD_NEEDS = tuple(InLoop(opcode, 8, depth=2, is_exact=True) for opcode in ("IMAD", "IMAD.WIDE.U32"))
"""Exactly these: the compiler also copies, adds and shifts with an ``IMAD``."""

FMA = PinnedProbe(
    ProbeKind.FMA,
    (
        _variant("fp32", "fma_fp32", 9, (InLoop("FFMA", 8, depth=2),), fp32_program),
        _variant("fp64", "fma_fp64", 10, (InLoop("DFMA", 4, depth=2),), fp64_program),
        _variant("int32", "imad", 9, IMAD_NEEDS, imad_program),
    ),
)
