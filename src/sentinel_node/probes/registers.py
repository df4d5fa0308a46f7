"""Register file: the backgrounds of ``cuda/registers.cu`` and how much of the file its march covers.

An SM since Volta has 65,536 registers of 32 bits. One block of 256 threads with 255 registers each takes the whole
file, since registers are given in eights. The march holds its words in 235 of each thread's, 91.8 % of the file. The
others hold the march's own counters and addresses, and the 256th of a thread has no name. 235 is the most for which the
compiler was seen to leave every word in one register throughout, on sm_80, sm_90 and sm_100.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sentinel_node.domain.probes import ProbeKind
from sentinel_node.probes.memory_march import PATTERNS
from sentinel_node.probes.memory_twin import ADDRESS, BACKGROUNDS, output, random_words
from sentinel_node.probes.pinned import PinnedProbe
from sentinel_node.probes.record import Words
from sentinel_node.probes.silicon import Silicon
from sentinel_node.probes.variant import Dose, InLoop, Variant

THREADS = 256
REGISTERS = 235
"""Of each thread."""
FILE_REGISTERS = 65_536
"""Of an SM; CUDA C++ Programming Guide, technical specifications per compute capability, 5.0 to 12.0."""
COVERED = THREADS * REGISTERS / FILE_REGISTERS


def program(seed: int, sets: npt.NDArray[np.uint64], silicon: Silicon) -> Words:
    """The twin of kernel ``register_file``: word w of thread t is its register w of the march."""
    return output(background(seed, sets), "register", silicon)


def background(seed: int, sets: npt.NDArray[np.uint64]) -> Words:
    """The 0 of every register, shape (sets, registers, threads)."""
    kinds = (sets % np.uint64(BACKGROUNDS)).astype(np.intp)
    threads = np.arange(THREADS, dtype=np.uint32)
    base = np.where((kinds == ADDRESS)[:, None], threads * np.uint32(0x00010001), random_words(seed, sets, THREADS))
    codes = (np.arange(REGISTERS, dtype=np.uint32) + np.uint32(1)) * np.uint32(0x01000100)
    patterns = np.array([*PATTERNS, 0, 0], dtype=np.uint32)[kinds]
    is_pattern = (kinds < len(PATTERNS))[:, None, None]
    return np.where(is_pattern, patterns[:, None, None], base[:, None, :] ^ codes[None, :, None])


REGISTER_FILE = PinnedProbe(
    ProbeKind.REGISTER_FILE,
    (
        Variant(
            kind=ProbeKind.REGISTER_FILE,
            name="march_c_minus",
            source="registers.cu",
            entry="register_file",
            threads=THREADS,
            words=REGISTERS,
            light=Dose(8, 16),
            deep=Dose(32, 4096),
            instructions=(InLoop("LOP3", 4 * REGISTERS, depth=2), InLoop("STS", REGISTERS)),
            program=program,
        ),
    ),
)
