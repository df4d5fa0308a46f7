"""One execution of a probe on one SM of the software GPU: computed, compared, and what differs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from sentinel_fleet.sentinel.facts import ProbeName
from sentinel_fleet.sentinel.silicon.damage import Damage, present
from sentinel_fleet.sentinel.silicon.faults import Fault, FaultKind
from sentinel_fleet.sentinel.silicon.golden import golden
from sentinel_fleet.sentinel.silicon.sm import computed
from sentinel_fleet.stable import rng

_WORD = 4


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first word that differs."""

    byte_offset: int
    expected: bytes
    actual: bytes
    bits: tuple[int, ...]
    """That differ, counted from the least significant."""


@dataclass(frozen=True, slots=True)
class Compared:
    """How an execution went."""

    expected_hash: bytes
    """SHA-256 of the right output."""
    actual_hash: bytes
    mismatch: Mismatch | None
    """None where both are the same: a PASS."""


def probed(probe: ProbeName, seed: int, faults: tuple[Fault, ...] = (), *luck: object) -> Compared:
    """Run a probe on an SM with some faults.

    `luck` tells this execution from others, where a fault is noise or not always there. Otherwise all executions on
    the same operands end alike, and one is computed for them all.
    """
    here = present(faults, rng("present", probe, seed, *luck)) if faults else ()
    is_noisy = any(fault.kind is FaultKind.NOISE for fault in here)
    return _run(probe, seed, here, luck if is_noisy else ())


@lru_cache(maxsize=1024)
def _run(probe: ProbeName, seed: int, faults: tuple[Fault, ...], luck: tuple[object, ...]) -> Compared:
    return compared(golden(probe, seed), computed(probe, seed, Damage(faults, rng("damage", probe, seed, *luck))))


def compared(expected: bytes, actual: bytes) -> Compared:
    """Two outputs of the same length, word for word."""
    return Compared(sha256(expected).digest(), sha256(actual).digest(), _first(expected, actual))


def _first(expected: bytes, actual: bytes) -> Mismatch | None:
    for place in range(0, len(expected), _WORD):
        right, found = expected[place : place + _WORD], actual[place : place + _WORD]
        if right != found:
            apart = int.from_bytes(right, "little") ^ int.from_bytes(found, "little")
            bits = tuple(bit for bit in range(8 * _WORD) if apart >> bit & 1)
            return Mismatch(place, right, found, bits)
    return None
