"""A real GPU through CuPy, the only importer of it.

The kernels are compiled by ``probes/compiling.py`` into machine code for this very chip and loaded as that: what runs
is what the tests have looked at, and CuPy's own compiler options and headers have no part in it. Work goes onto a
stream of the lowest priority, so that a tenant's kernels come first.

CUDA's errors stay with a context, so after one nothing more can be asked; ``worker.py`` then ends its process.
"""

from __future__ import annotations

import contextlib
import importlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sentinel_node.domain.errors import DeviceFailed, DeviceTimeout, NodeError, Unavailable
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.probes.compiling import Compiled, compile_source
from sentinel_node.probes.device import Argument, Buffer, Launch

_LOWEST_PRIORITY = 0
"""CUDA C++ Programming Guide, stream priorities: 0 is the least, more urgent ones are negative."""
_POLL_S = 0.0005
_WITHOUT_ATTRIBUTE_BYTES = 48 << 10
"""Dynamic shared memory that a kernel may have without asking; the same on every architecture."""


class CupyDevice:
    """One GPU and its context. Not thread-safe, as a context is not."""

    def __init__(self, identity: GpuIdentity, compile_kernels: Callable[[str, str], Compiled] = compile_source) -> None:
        """Open the one GPU that this process may see.

        Args:
            identity: What the driver says of it; ``CUDA_VISIBLE_DEVICES`` names its UUID, so it is device 0 here.
            compile_kernels: Makes machine code of a source's name and an architecture; tests give faulty kernels.

        Raises:
            Unavailable: CuPy is not installed, or there is no GPU for it.
        """
        self._cupy = load_cupy()
        self._identity = identity
        self._compile_kernels = compile_kernels
        self._is_lost = False
        self._kernels: dict[tuple[str, str], Any] = {}
        try:
            self._attributes: dict[str, int] = self._cupy.cuda.Device(0).attributes
            self._cupy.cuda.Device(0).use()
            self._stream = self._cupy.cuda.Stream(non_blocking=True, priority=_LOWEST_PRIORITY)
        except self._cuda_errors as error:
            raise Unavailable(f"GPU {identity.uuid} cannot be opened for computing: {error}") from error

    @property
    def identity(self) -> GpuIdentity:
        """As it was given."""
        return self._identity

    @property
    def sm_count(self) -> int:
        """Of the whole GPU."""
        return self._attributes["MultiProcessorCount"]

    @property
    def shared_bytes_per_sm(self) -> int:
        """Of which each resident block takes its own and 1 KiB for the system."""
        return self._attributes["MaxSharedMemoryPerMultiprocessor"]

    @property
    def shared_bytes_per_block(self) -> int:
        """The most that one block may have when it asks by attribute."""
        return self._attributes["MaxSharedMemoryPerBlockOptin"]

    @property
    def l2_bytes(self) -> int:
        """The whole second-level cache."""
        return self._attributes["L2CacheSize"]

    def free_memory_bytes(self) -> int:
        """What could be allocated now, if nobody else asks."""
        free, _ = self._call(self._cupy.cuda.runtime.memGetInfo)
        return int(free)

    def allocate(self, size_bytes: int) -> Buffer:
        """Memory with arbitrary content, aligned to 256 bytes.

        Raises:
            DeviceFailed: there is not so much.
        """
        return Buffer(int(self._call(self._cupy.cuda.runtime.malloc, size_bytes)), size_bytes)

    def release(self, buffer: Buffer) -> None:
        """Give it back; nothing once the GPU was lost: freeing would wait for a launch that hangs, without an end."""
        if not self._is_lost:
            with contextlib.suppress(DeviceFailed):
                self._call(self._cupy.cuda.runtime.free, buffer.address)

    def upload(self, buffer: Buffer, values: npt.NDArray[np.generic], offset_bytes: int = 0) -> None:
        """Copy to the device, in order with launches."""
        source = np.ascontiguousarray(values)
        _check_room(buffer, source.nbytes, offset_bytes)
        self._copy(buffer.address + offset_bytes, source.ctypes.data, source.nbytes, "memcpyHostToDevice")

    def download(
        self, buffer: Buffer, dtype: np.dtype[np.generic], count: int, offset_bytes: int = 0
    ) -> npt.NDArray[np.generic]:
        """Copy from the device; `synchronise` first."""
        target: npt.NDArray[np.generic] = np.empty(count, dtype)
        _check_room(buffer, target.nbytes, offset_bytes)
        self._copy(target.ctypes.data, buffer.address + offset_bytes, target.nbytes, "memcpyDeviceToHost")
        self._call(self._stream.synchronize)
        return target

    def launch(self, launch: Launch) -> None:
        """Start a kernel, in order with what was asked before.

        Raises:
            DeviceFailed: the driver refused it, or something before it failed.
            Unavailable: there is no compiler for it.
        """
        kernel = self._kernel(launch.source, launch.entry)
        if launch.shared_bytes > _WITHOUT_ATTRIBUTE_BYTES:
            kernel.max_dynamic_shared_size_bytes = launch.shared_bytes
        arguments = tuple(map(_as_passed, launch.arguments))
        with self._stream:
            self._call(kernel, (launch.grid,), (launch.block,), arguments, shared_mem=launch.shared_bytes)

    def synchronise(self, deadline_s: float) -> None:
        """Wait until all is done, looking twice a millisecond: waiting inside CUDA has no deadline.

        Raises:
            DeviceFailed: a launch ended with an error.
            DeviceTimeout: not done by then.
        """
        ends = time.monotonic() + deadline_s
        self._is_lost = True
        while not self._call(lambda: self._stream.done):
            if time.monotonic() >= ends:
                raise DeviceTimeout(f"GPU {self._identity.uuid} did not end its work within {deadline_s:.1f} s")
            time.sleep(_POLL_S)
        self._is_lost = False

    def _kernel(self, source: str, entry: str) -> Any:  # noqa: ANN401 - CuPy has no types
        if (source, entry) not in self._kernels:
            image = self._compile_kernels(source, self._identity.architecture).image
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / f"{source}.cubin"
                file.write_bytes(image)
                module = self._cupy.RawModule(path=str(file))
                self._kernels[source, entry] = self._call(module.get_function, entry)
                self._call(self._kernels[source, entry].compile)
        return self._kernels[source, entry]

    def _copy(self, target: int, source: int, size_bytes: int, kind: str) -> None:
        runtime = self._cupy.cuda.runtime
        self._call(runtime.memcpyAsync, target, source, size_bytes, getattr(runtime, kind), self._stream.ptr)

    @property
    def _cuda_errors(self) -> tuple[type[Exception], ...]:
        return self._cupy.cuda.runtime.CUDARuntimeError, self._cupy.cuda.driver.CUDADriverError

    def _call(self, function: Any, *arguments: object, **more: object) -> Any:  # noqa: ANN401 - CuPy has no types
        try:
            return function(*arguments, **more)
        except self._cuda_errors as error:
            raise DeviceFailed(f"GPU {self._identity.uuid}: {error}") from error


def load_cupy() -> Any:  # noqa: ANN401 - CuPy has no types
    """CuPy.

    Raises:
        Unavailable: it is not installed, or cannot be loaded here; the message says what to do.
    """
    try:
        return importlib.import_module("cupy")
    except ImportError as error:
        words = "CuPy is not installed" if isinstance(error, ModuleNotFoundError) else f"CuPy cannot be loaded: {error}"
        raise Unavailable(f"{words}: probes need gcm-sentinel with the extra cuda12 or cuda13") from error


def missing() -> str:
    """Why no GPU can be probed from here; empty where nothing speaks against it."""
    try:
        cupy = load_cupy()
    except NodeError as error:
        return str(error)
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"CUDA finds no GPU here: {error}"
    return "" if count else "CUDA finds no GPU here"


def _as_passed(argument: Argument) -> np.generic:
    if argument is None:
        return np.uint64(0)
    return np.uint64(argument.address) if isinstance(argument, Buffer) else argument


def _check_room(buffer: Buffer, size_bytes: int, offset_bytes: int) -> None:
    if offset_bytes < 0 or offset_bytes + size_bytes > buffer.size_bytes:
        raise DeviceFailed(f"{size_bytes} bytes at {offset_bytes} do not fit into a buffer of {buffer.size_bytes}")
