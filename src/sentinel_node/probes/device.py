"""The little that a probe needs of a GPU: buffers, a launch, and a wait with an end.

Implemented with CuPy for real ones and by ``software/device.py`` in NumPy, so that operands, coverage, comparison and
outcomes are the same code on both.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sentinel_node.domain.gpu import GpuIdentity

CUDA_FOLDER = Path(__file__).parent / "cuda"
"""Where the CUDA sources lie, and the only folder they include from."""


@dataclass(frozen=True, slots=True)
class Buffer:
    """Memory on the device."""

    address: int
    """In the device's virtual memory."""
    size_bytes: int


Argument = Buffer | np.uint32 | np.uint64 | None
"""What a kernel takes: a pointer, a number of the very width that it declares, or the null pointer."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One kernel launch."""

    source: str
    """A file in ``cuda/``, e.g. ``fma.cu``."""
    entry: str
    """The kernel's name in it."""
    grid: int
    block: int
    shared_bytes: int
    """Dynamic shared memory per block; above 48 KiB the device asks for it by attribute."""
    arguments: tuple[Argument, ...]


class Device(Protocol):
    """One GPU, with one context. Every method but `identity` and the sizes may raise `DeviceFailed`.

    After `DeviceFailed` or `DeviceTimeout` nothing more may be asked of it: CUDA's errors stay with the context.
    """

    @property
    def identity(self) -> GpuIdentity: ...
    @property
    def sm_count(self) -> int: ...
    @property
    def shared_bytes_per_sm(self) -> int: ...
    @property
    def shared_bytes_per_block(self) -> int:
        """The most that one block may have when it asks by attribute."""

    @property
    def l2_bytes(self) -> int: ...

    def free_memory_bytes(self) -> int:
        """What could be allocated now."""

    def allocate(self, size_bytes: int) -> Buffer:
        """Memory with arbitrary content, aligned to 256 bytes.

        Raises:
            OutOfMemory: There is not so much; the device goes on.
        """

    def release(self, buffer: Buffer) -> None:
        """Give it back. Never raises, not even after the device was lost."""

    def upload(self, buffer: Buffer, values: npt.NDArray[np.generic], offset_bytes: int = 0) -> None:
        """Copy to the device, in order with launches."""

    def download(
        self, buffer: Buffer, dtype: np.dtype[np.generic], count: int, offset_bytes: int = 0
    ) -> npt.NDArray[Any]:
        """Copy from the device; call `synchronise` first, which has the deadline."""

    def prepare(self, source: str, entry: str) -> None:
        """Compile and load a kernel, so that a launch of it only launches; may take seconds.

        Raises:
            DeviceFailed: The driver does not load it.
            Unavailable: There is no compiler for it.
        """

    def launch(self, launch: Launch) -> None:
        """Start a kernel, in order with what was asked before."""

    def synchronise(self, deadline_s: float) -> None:
        """Wait until all is done.

        Args:
            deadline_s: Seconds from now.

        Raises:
            DeviceFailed: A launch ended with an error.
            DeviceTimeout: Not done by then.
        """
