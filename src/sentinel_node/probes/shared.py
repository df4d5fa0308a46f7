"""Shared memory: the backgrounds of ``cuda/shared.cu``, and how much of it one block can have.

A block may take up to 227 KiB of an SM's 228 on sm_90 and sm_100, 163 of 164 on sm_80, 99 of 100 on sm_86 and sm_89;
the last one is the driver's. The kernel keeps 8 bytes for itself, and so tests one KiB less than a block may have.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from sentinel_node.domain.probes import ProbeKind
from sentinel_node.probes.memory_march import PATTERNS
from sentinel_node.probes.memory_twin import ADDRESS, BACKGROUNDS, output, random_words
from sentinel_node.probes.pinned import PinnedProbe
from sentinel_node.probes.record import Words
from sentinel_node.probes.session import Ran, Session
from sentinel_node.probes.silicon import Silicon
from sentinel_node.probes.variant import Dose, InLoop, Program, Variant

THREADS = 256
ROW_BYTES = 4 * THREADS


def program(rows: int, seed: int, sets: npt.NDArray[np.uint64], silicon: Silicon) -> Words:
    """The twin of kernel ``shared_march`` over so many rows of 256 words; the output is the memory, word by word."""
    return output(background(rows, seed, sets), "shared", silicon)


def background(rows: int, seed: int, sets: npt.NDArray[np.uint64]) -> Words:
    """The 0 of every word, shape (sets, rows, threads)."""
    kinds = (sets % np.uint64(BACKGROUNDS)).astype(np.intp)
    words = np.arange(rows * THREADS, dtype=np.uint32)
    address = (words & np.uint32(0xFFFF)) | (~words << np.uint32(16))
    of_set = np.where((kinds == ADDRESS)[:, None], address, random_words(seed, sets, words.size))
    patterns = np.array([*PATTERNS, 0, 0], dtype=np.uint32)[kinds]
    values = np.where((kinds < len(PATTERNS))[:, None], patterns[:, None], of_set)
    return values.reshape(len(sets), rows, THREADS)


def rows_for(shared_bytes_per_block: int) -> int:
    """How many rows one block can test."""
    return shared_bytes_per_block // ROW_BYTES - 1


def program_for(shared_bytes: int) -> Program:
    """The twin for a launch with so much dynamic shared memory."""
    return partial(program, shared_bytes // ROW_BYTES)


@dataclass(frozen=True, slots=True)
class SharedMemoryProbe:
    """A pinned probe whose output is as large as the device's shared memory."""

    variants: tuple[Variant, ...]
    kind: ProbeKind = ProbeKind.SHARED_MEMORY

    def run(self, session: Session, variant: Variant) -> Ran:
        """See `Probe`."""
        rows = rows_for(session.device.shared_bytes_per_block)
        shared_bytes = rows * ROW_BYTES
        fitting = replace(variant, words=rows, shared_bytes=shared_bytes, program=program_for(shared_bytes))
        return PinnedProbe(self.kind, (fitting,)).run(session, fitting)


SHARED_MEMORY = SharedMemoryProbe(
    (
        Variant(
            kind=ProbeKind.SHARED_MEMORY,
            name="march_c_minus",
            source="shared.cu",
            entry="shared_march",
            threads=THREADS,
            words=0,
            light=Dose(8, 16),
            deep=Dose(32, 4096),
            instructions=(InLoop("LDS", 2, depth=2), InLoop("STS", 2, depth=2), InLoop("BAR", 1, depth=2)),
        ),
    )
)
