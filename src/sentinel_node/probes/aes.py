"""AES-128: the twin of ``cuda/aes.cu``, which is FIPS-197 in NumPy with one result per step handed to the silicon."""

from __future__ import annotations

import numpy as np

from sentinel_node.domain.probes import ProbeKind
from sentinel_node.probes.counter_random import U64, draw, high_words, low_words
from sentinel_node.probes.pinned import PinnedProbe
from sentinel_node.probes.record import Words
from sentinel_node.probes.silicon import Silicon
from sentinel_node.probes.variant import Dose, InLoop, Variant

THREADS = 256
BLOCKS = 4
ROUNDS = 10
BYTE = np.uint32(0xFF)
SHIFTS = tuple(np.uint32(bits) for bits in (24, 16, 8, 0))


def program(seed: int, sets: U64, silicon: Silicon) -> Words:
    """The twin of kernel ``aes_128``."""
    threads, first = np.arange(THREADS, dtype=np.uint64), np.zeros(1, dtype=np.uint64)
    key = _halves(draw(seed, sets, first, 2), draw(seed, sets, first, 3))
    state = _halves(draw(seed, sets, threads, 0), draw(seed, sets, threads, 1))
    box = s_box()
    table = _mixed(box << SHIFTS[0])
    entries = np.broadcast_to(table, (len(sets), THREADS))
    words = [silicon.result("alu", entries), silicon.result("alu", state[0] ^ key[0])]
    outputs = []
    for _ in range(BLOCKS):
        state = encrypt(box, key, state, silicon)
        outputs.append(state)
    return np.concatenate([*words, *outputs[0], *outputs[-1]], axis=1)


def encrypt(box: Words, key: tuple[Words, ...], block: tuple[Words, ...], silicon: Silicon) -> tuple[Words, ...]:
    """One block, as four big-endian columns, with FIPS-197's cipher."""
    constant = 1
    state: list[Words] = [silicon.result("alu", word ^ part) for word, part in zip(block, key, strict=True)]
    for number in range(1, ROUNDS + 1):
        key = _next_key(box, key, constant)
        constant = (constant << 1) ^ (0x11B if constant & 0x80 else 0)
        rotated = [[state[(i + row) % 4] for row in range(4)] for i in range(4)]
        columns = [_shifted_and_substituted(box, each) for each in rotated]
        mixed = columns if number == ROUNDS else [_mixed(each) for each in columns]
        state = [silicon.result("alu", word ^ part) for word, part in zip(mixed, key, strict=True)]
    return tuple(state)


def s_box() -> Words:
    """FIPS-197's table 4, computed: the inverse in GF(2^8), then the affine map."""
    x = np.arange(256, dtype=np.uint32)
    power = x
    for _ in range(6):
        power = _product(_product(power, power), x)
    inverse = _product(power, power)
    twice = inverse | inverse << np.uint32(8)
    turned = twice >> np.uint32(7) ^ twice >> np.uint32(6) ^ twice >> np.uint32(5) ^ twice >> np.uint32(4)
    box: Words = (inverse ^ turned ^ np.uint32(0x63)) & BYTE
    return box


def _halves(low: U64, high: U64) -> tuple[Words, ...]:
    return low_words(low), high_words(low), low_words(high), high_words(high)


def _doubled(x: Words) -> Words:
    return ((x << np.uint32(1)) ^ np.where(x & np.uint32(0x80), np.uint32(0x11B), np.uint32(0))) & BYTE


def _product(x: Words, y: Words) -> Words:
    total = np.zeros_like(x)
    for bit in range(8):
        total = total ^ np.where(y >> np.uint32(bit) & np.uint32(1), x, np.uint32(0))
        x = _doubled(x)
    return total


def _shifted_and_substituted(box: Words, words: list[Words]) -> Words:
    """SubBytes of byte 0 of the first word, byte 1 of the second and so on, as one column."""
    parts = [box[word >> shift & BYTE] << shift for word, shift in zip(words, SHIFTS, strict=True)]
    column: Words = parts[0] | parts[1] | parts[2] | parts[3]
    return column


def _mixed(column: Words) -> Words:
    """MixColumns."""
    parts = [column >> shift & BYTE for shift in SHIFTS]
    whole = parts[0] ^ parts[1] ^ parts[2] ^ parts[3]
    mixed = [part ^ whole ^ _doubled(part ^ parts[(i + 1) % 4]) for i, part in enumerate(parts)]
    result: Words = mixed[0] << SHIFTS[0] | mixed[1] << SHIFTS[1] | mixed[2] << SHIFTS[2] | mixed[3]
    return result


def _next_key(box: Words, key: tuple[Words, ...], constant: int) -> tuple[Words, ...]:
    turned = key[3] << np.uint32(8) | key[3] >> np.uint32(24)
    first = key[0] ^ _shifted_and_substituted(box, [turned] * 4) ^ np.uint32(constant << 24)
    second = key[1] ^ first
    third = key[2] ^ second
    return first, second, third, key[3] ^ third


AES = PinnedProbe(
    ProbeKind.AES,
    (
        Variant(
            kind=ProbeKind.AES,
            name="aes_128",
            source="aes.cu",
            entry="aes_128",
            threads=THREADS,
            words=10,
            light=Dose(sets=2, repetitions=16),
            deep=Dose(sets=32, repetitions=8192),
            instructions=(InLoop("LDS", 20, depth=3), InLoop("LOP3", 16, depth=3), InLoop("SHF|PRMT|IMAD", 8, depth=3)),
            program=program,
        ),
    ),
)
