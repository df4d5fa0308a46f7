"""What one SM computes for each probe, operation by operation; every value passes `Damage` on its way."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping

from sentinel_fleet.sentinel.facts import ProbeName
from sentinel_fleet.sentinel.silicon import operands
from sentinel_fleet.sentinel.silicon.aes import encrypted
from sentinel_fleet.sentinel.silicon.damage import Damage, Place
from sentinel_fleet.sentinel.silicon.float32 import fma, rounded
from sentinel_fleet.sentinel.silicon.special import specials

_EDGE = operands.EDGE


def computed(probe: ProbeName, seed: int, damage: Damage) -> bytes:
    """The output of a probe: 32-bit words, least significant byte first."""
    return _PROBES[probe](seed, damage)


def words(values: Iterable[int]) -> bytes:
    """As memory holds them."""
    found = list(values)
    return struct.pack(f"<{len(found)}I", *found)


def _fma(seed: int, damage: Damage) -> bytes:
    results = []
    for number, (a, weight, c) in enumerate(operands.fma_operands(seed)):
        loaded = damage.pass_through(Place.WEIGHT, number, weight)
        results.append(damage.pass_through(Place.FMA_RESULT, number, fma(a, loaded, c)))
    return words(results)


def _tensor_core(seed: int, damage: Damage) -> bytes:
    given = operands.tile(seed)
    a = [_half_to_single(damage.pass_through(Place.HALF_OPERAND, n % _EDGE, one)) for n, one in enumerate(given.a)]
    b = [_half_to_single(one) for one in given.b]
    return words(_dot(a, b, row, column) for row in range(_EDGE) for column in range(_EDGE))


def _dot(a: list[int], b: list[int], row: int, column: int) -> int:
    total = 0
    for inner in range(_EDGE):
        total = fma(a[row * _EDGE + inner], b[inner * _EDGE + column], total)
    return total


def _half_to_single(bits: int) -> int:
    """Of a finite value; a half's exponent that damage made infinite counts on as 2^16, which its bits then mean."""
    exponent, part = bits >> 10 & 0x1F, bits & 0x3FF
    part, power = (part | 0x400, exponent - 25) if exponent else (part, -24)
    return rounded(-part if bits >> 15 else part, power) if part else 0


def _transcendental(seed: int, damage: Damage) -> bytes:
    results = [one for value in operands.special_operands(seed) for one in specials(value)]
    return words(damage.pass_through(Place.SPECIAL_RESULT, number, one) for number, one in enumerate(results))


def _aes(seed: int, _damage: Damage) -> bytes:
    return encrypted(operands.AES_KEY, operands.plaintext(seed))


def _memory(seed: int, damage: Damage) -> bytes:
    """March C-: write 0; up read 0, write 1; up read 1, write 0; down the same twice; read 0."""
    zero = operands.pattern(seed)
    one, up = zero ^ operands.MASK, range(operands.WORDS)
    memory, found = [zero] * operands.WORDS, []
    for order, write in ((up, one), (up, zero), (up[::-1], one), (up[::-1], zero), (up, zero)):
        for address in order:
            found.append(damage.pass_through(Place.MEMORY, address, memory[address]))
            memory[address] = write
    return words(found)


def _register_file(seed: int, damage: Damage) -> bytes:
    """Each register is read, inverted and moved on to the next, twice round."""
    value, count = operands.pattern(seed), operands.REGISTERS
    file = [value ^ number * 0x9E3779B9 & operands.MASK for number in range(count)]
    for _ in range(2):
        read = [damage.pass_through(Place.REGISTER, number, one) for number, one in enumerate(file)]
        file = [read[number - 1] ^ operands.MASK for number in range(count)]
    return words(file)


def _shared_memory(seed: int, damage: Damage) -> bytes:
    """Every thread writes its number into the pattern, and reads what another one wrote."""
    value, count = operands.pattern(seed), operands.SHARED_WORDS
    shared = [0] * count
    for thread in range(count):
        shared[thread] = value ^ thread
    others = [(thread * 37 + 11) % count for thread in range(count)]
    return words(damage.pass_through(Place.SHARED, other, shared[other]) for other in others)


_PROBES: Mapping[ProbeName, Callable[[int, Damage], bytes]] = {
    "FMA": _fma,
    "TENSOR_CORE": _tensor_core,
    "TRANSCENDENTAL": _transcendental,
    "AES": _aes,
    "MEMORY": _memory,
    "REGISTER_FILE": _register_file,
    "SHARED_MEMORY": _shared_memory,
}
