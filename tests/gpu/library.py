"""What the libraries and the driver reach on this GPU, to hold the probes' figures against: copies and matrix products.

CuPy has no types, so neither has what comes from it.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sentinel_node.device.cupy_device import load_cupy

COPIED_BYTES = 4 << 30
REPEATS, WARMING = 21, 3
MATRIX = 8192
HALF, BRAIN, SINGLE, INT8, INT32 = 2, 14, 0, 3, 10
"""``CUDA_R_16F``, ``CUDA_R_16BF``, ``CUDA_R_32F``, ``CUDA_R_8I`` and ``CUDA_R_32I`` of library_types.h."""
COMPUTE_32F, COMPUTE_32I, COMPUTE_32F_FAST_TF32 = 68, 72, 77
"""``cublasComputeType_t`` of cublas_api.h."""
NORMAL, TRANSPOSED = 0, 1
"""``cublasOperation_t``; tensor cores take integers with the first matrix transposed alone."""
DEFAULT_ALGORITHM = -1
_INSTALL = "cuBLAS is missing: `.venv/bin/uv pip install nvidia-cublas` (`nvidia-cublas-cu12` with the extra cuda12)"


@dataclass(frozen=True, slots=True)
class MatrixFormat:
    """One that the library multiplies in."""

    type: int
    compute: int
    sums: int = SINGLE

    @property
    def of_sums(self) -> np.dtype[np.generic]:
        """The host's type of the two factors of sums."""
        return np.dtype("<i4" if self.sums == INT32 else "<f4")


FORMATS = {
    "fp16": MatrixFormat(HALF, COMPUTE_32F),
    "bf16": MatrixFormat(BRAIN, COMPUTE_32F),
    "tf32": MatrixFormat(SINGLE, COMPUTE_32F_FAST_TF32),
    "int8": MatrixFormat(INT8, COMPUTE_32I, INT32),
}
"""Those that CuPy can ask for: products of eight-bit floats are cuBLASLt's, which it does not bind."""


def copy_gb_per_s() -> float:
    """The device copying its own memory, bytes read and bytes written both counted: the median of many copies."""
    cupy = load_cupy()
    runtime, stream = cupy.cuda.runtime, cupy.cuda.Stream(non_blocking=True)
    size_bytes = min(COPIED_BYTES, runtime.memGetInfo()[0] // 4)
    with _memory(cupy, size_bytes, size_bytes) as (source, target):
        seconds = _median_s(
            cupy,
            stream,
            lambda: runtime.memcpyAsync(target, source, size_bytes, runtime.memcpyDeviceToDevice, stream.ptr),
        )
    return float(2 * size_bytes / seconds / 1e9)


def matrix_tflops(name: str) -> float | str:
    """The library's product of two matrices of random numbers, 8192 by 8192, sums of 32 bits; or why there is none."""
    cupy, form = load_cupy(), FORMATS[name]
    try:
        from cupy.cuda import cublas, device

        handle = device.get_cublas_handle()
    except ImportError:
        return _INSTALL
    numbers, sums_bytes = random_matrix(form), 4 * MATRIX**2
    stream = cupy.cuda.Stream(non_blocking=True)
    one, zero = np.ones(1, dtype=form.of_sums), np.zeros(1, dtype=form.of_sums)
    first = TRANSPOSED if form.type == INT8 else NORMAL
    with _memory(cupy, numbers.nbytes, numbers.nbytes, sums_bytes) as (a, b, c):
        for address in (a, b):
            cupy.cuda.runtime.memcpy(address, numbers.ctypes.data, numbers.nbytes, cupy.cuda.runtime.memcpyHostToDevice)

        def multiply() -> None:
            with stream:
                cublas.gemmEx(
                    *(handle, first, NORMAL, MATRIX, MATRIX, MATRIX, one.ctypes.data),
                    *(a, form.type, MATRIX, b, form.type, MATRIX),
                    *(zero.ctypes.data, c, form.sums, MATRIX, form.compute, DEFAULT_ALGORITHM),
                )

        try:
            seconds = _median_s(cupy, stream, multiply)
        except cublas.CUBLASError as error:
            return f"the library refused: {error}"
    return 2 * MATRIX**3 / seconds / 1e12


def random_matrix(form: MatrixFormat) -> npt.NDArray[np.generic]:
    """Random numbers between 1/2 and 1, or all integers: a library's power, and so its clock, depends on the bits."""
    if form.type == INT8:
        return np.random.default_rng(7).integers(-128, 128, (MATRIX, MATRIX), dtype=np.int8)
    numbers = np.random.default_rng(7).random((MATRIX, MATRIX), dtype=np.float32) / np.float32(2) + np.float32(0.5)
    if form.type == HALF:
        return numbers.astype(np.float16)
    return (numbers.view(np.uint32) >> np.uint32(16)).astype(np.uint16) if form.type == BRAIN else numbers


@contextmanager
def _memory(cupy: Any, *sizes_bytes: int) -> Iterator[tuple[int, ...]]:
    """Addresses of so much, for the length of a `with`; CuPy's own arrays would need its compiler's headers."""
    taken: list[int] = []
    try:
        for size in sizes_bytes:
            taken.append(int(cupy.cuda.runtime.malloc(size)))
        yield tuple(taken)
    finally:
        for address in taken:
            cupy.cuda.runtime.free(address)


def _median_s(cupy: Any, stream: Any, work: Callable[[], None]) -> float:
    seconds: list[float] = []
    for _ in range(REPEATS + WARMING):
        begin, end = cupy.cuda.Event(), cupy.cuda.Event()
        begin.record(stream)
        work()
        end.record(stream)
        end.synchronize()
        seconds.append(cupy.cuda.get_elapsed_time(begin, end) / 1e3)
    return statistics.median(seconds[WARMING:])
