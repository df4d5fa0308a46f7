"""A `Device` that runs the shipped CUDA sources themselves, compiled for the CPU by a C++ compiler.

Only the instructions under test are replaced (``instructions.cuh``), so that operands, comparison, report and checksum
are the kernels' own text. It shows that text and NumPy twin agree; what the GPU's own instructions give, it cannot.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.probes.device import CUDA_FOLDER, Buffer, Launch
from sentinel_node.probes.software.device import GPU

HERE = Path(__file__).parent


def compiler() -> str | None:
    """A C++ compiler, where there is one."""
    return shutil.which("g++") or shutil.which("clang++")


def build(source: str, folder: Path, *defines: str) -> Path:
    """A shared library of one of the shipped sources; `defines` as the compiler takes them, ``-DPAIRS=1``."""
    program = compiler()
    assert program is not None
    sources = folder / "cuda"
    if not sources.exists():
        shutil.copytree(CUDA_FOLDER, sources)
        shutil.copy(HERE / "instructions.cuh", sources)
        shutil.copy(HERE / "wgmma_instructions.cuh", sources)
    library = folder / f"{source}.so"
    options = ["-std=c++17", "-O1", "-w", "-shared", "-fPIC", "-ffp-contract=off", "-include", "cuda_on_cpu.h"]
    command = [program, *options, *defines, f"-I{HERE}", "-x", "c++", str(sources / source), "-o", str(library)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603 - a compiler on our own files
    return library


class CpuDevice:
    """Three SMs; one of them may have bits stuck at 1 in every result."""

    identity: GpuIdentity = GPU
    sm_count = 3
    shared_bytes_per_sm = 228 * 1024
    shared_bytes_per_block = 227 * 1024
    l2_bytes = 2**20

    def __init__(self, library: Path, faulty_sm: int = -1, stuck_bits: int = 0) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.set_fault(ctypes.c_uint32(faulty_sm), ctypes.c_uint32(stuck_bits))
        self._memory: dict[int, npt.NDArray[np.uint8]] = {}

    def free_memory_bytes(self) -> int:
        return 2**30

    def allocate(self, size_bytes: int) -> Buffer:
        array = np.full(size_bytes, 0xCD, dtype=np.uint8)
        self._memory[array.ctypes.data] = array
        return Buffer(array.ctypes.data, size_bytes)

    def release(self, buffer: Buffer) -> None:
        del self._memory[buffer.address]

    def upload(self, buffer: Buffer, values: npt.NDArray[np.generic], offset_bytes: int = 0) -> None:
        raw = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        self._memory[buffer.address][offset_bytes : offset_bytes + raw.size] = raw

    def download(
        self, buffer: Buffer, dtype: np.dtype[np.generic], count: int, offset_bytes: int = 0
    ) -> npt.NDArray[Any]:
        return self._memory[buffer.address][offset_bytes : offset_bytes + count * dtype.itemsize].copy().view(dtype)

    def prepare(self, source: str, entry: str) -> None:
        """Nothing: the library is compiled."""

    def launch(self, launch: Launch) -> None:
        values = [_word(argument) for argument in launch.arguments]
        kernel = ctypes.cast(getattr(self._library, launch.entry), ctypes.c_void_p)
        arguments = (ctypes.c_uint64 * 8)(*values)
        self._library.launch_on_cpu(kernel, launch.grid, launch.block, self.sm_count, arguments)

    def synchronise(self, deadline_s: float) -> None:
        del deadline_s


def _word(argument: object) -> int:
    if isinstance(argument, Buffer):
        return argument.address
    return int(argument) if isinstance(argument, np.integer) else 0
