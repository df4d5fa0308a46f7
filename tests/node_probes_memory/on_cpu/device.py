"""A `Device` that runs the memory kernels' own text on the CPU, as that of the compute probes' tests does.

Here a launch has up to thirteen arguments and dynamic shared memory, and faults sit in single words.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.node_probes.on_cpu.device import HERE as COMPUTE
from tests.node_probes.on_cpu.device import CpuDevice, compiler

from sentinel_node.probes.device import CUDA_FOLDER, Buffer, Launch

HERE = Path(__file__).parent
MOST_ARGUMENTS = 13


@dataclass(frozen=True)
class StuckWord:
    """Bits stuck at 1 in one word of an SM's shared memory, in every register of one thread, or in memory."""

    sm: int
    word: int
    """Of shared memory; the thread; of the first stretch of memory; or `WHEREVER_IT_READS`, whatever the SM reads."""
    bits: int


WHEREVER_IT_READS = -1


def build(source: str, folder: Path) -> Path:
    """A shared library of one of the shipped sources."""
    program, sources, library = compiler(), folder / "cuda", folder / f"{source}.so"
    assert program is not None
    if not sources.exists():
        shutil.copytree(CUDA_FOLDER, sources)
        shutil.copy(COMPUTE / "instructions.cuh", sources)
        shutil.copy(HERE / "memory_instructions.cuh", sources)
    includes = ["-include", "cuda_on_cpu.h", "-include", "memory_instructions.cuh", f"-I{COMPUTE}", f"-I{sources}"]
    options = ["-std=c++17", "-O1", "-w", "-shared", "-fPIC", *includes, "-x", "c++"]
    command = [program, *options, str(sources / source), "-o", str(library)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603 - a compiler on our own files
    return library


class MemoryCpuDevice(CpuDevice):
    """Three SMs and a small cache, so that whole memory tests are a few thousand words."""

    l2_bytes = 512
    shared_bytes_per_block = 9 * 1024

    def __init__(self, library: Path, fault: StuckWord | None = None) -> None:
        super().__init__(library, fault.sm if fault else -1, fault.bits if fault else 0)
        self._fault = fault
        is_reader = fault is not None and fault.word == WHEREVER_IT_READS
        self._library.set_faulty_word(ctypes.c_uint32(fault.word if fault else 2**32 - 1))
        self._library.set_faulty_address(ctypes.c_uint64(2**64 - 1 if is_reader else 0))

    def allocate(self, size_bytes: int) -> Buffer:
        buffer = super().allocate(size_bytes)
        if self._fault and self._fault.word != WHEREVER_IT_READS and len(self._memory) == 1:
            self._library.set_faulty_address(ctypes.c_uint64(buffer.address + 4 * self._fault.word))
        return buffer

    def launch(self, launch: Launch) -> None:
        values = [a.address if isinstance(a, Buffer) else int(a or 0) for a in launch.arguments]
        arguments = (ctypes.c_uint64 * MOST_ARGUMENTS)(*values)
        shape = (ctypes.c_uint32 * 4)(launch.grid, launch.block, self.sm_count, launch.shared_bytes)
        kernel = ctypes.cast(getattr(self._library, launch.entry), ctypes.c_void_p)
        self._library.launch_with_memory(kernel, shape, arguments)
