"""A GPU in NumPy behind the `Device` protocol: memory, launches that run a kernel's twin, and faults."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sentinel_node.domain.errors import DeviceFailed, DeviceTimeout, OutOfMemory
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.probes.device import Buffer, Launch
from sentinel_node.probes.software.emulation import Call, Emulations
from sentinel_node.probes.software.faults import Hang, LaunchError, Unreached

GPU = GpuIdentity("GPU-50f7ae00-0000-4000-8000-000000000000", 0, "0000:01:00.0", "software", compute_capability=(9, 0))


class SoftwareDevice:
    """A GPU that computes right, but for the faults it is given. Launches run at once; errors show at `synchronise`.

    Args:
        emulations: The twins of all kernels that will be launched.
        sm_count: How many SMs, with ids from 0.
        faults: What is wrong with it.
        identity: How it presents itself; Hopper unless told otherwise.
        memory_bytes: What can be allocated in all.
    """

    def __init__(
        self,
        emulations: Emulations,
        sm_count: int = 8,
        faults: tuple[object, ...] = (),
        identity: GpuIdentity = GPU,
        memory_bytes: int = 64 * 2**20,
    ) -> None:
        self.identity = identity
        self.sm_count = sm_count
        self.shared_bytes_per_sm = 228 * 1024
        self.shared_bytes_per_block = 227 * 1024
        self.l2_bytes = 2**20
        self.launches: list[Launch] = []
        """All that were asked for, for tests to look at."""
        self.prepared: list[tuple[str, str]] = []
        """Source and entry of the kernels that were made ready."""
        self.launch_s = 0.0
        """How long a launch takes, by no clock but the deadline of `synchronise`."""
        self._queued_s = 0.0
        self._emulations = emulations
        self._faults = faults
        self._memory_bytes = memory_bytes
        self._memory: dict[int, npt.NDArray[np.uint8]] = {}
        self._next_address = 0x7F00_0000_0000
        self._failure: Exception | None = None

    def free_memory_bytes(self) -> int:
        """See `Device`."""
        return self._memory_bytes - sum(array.size for array in self._memory.values())

    def allocate(self, size_bytes: int) -> Buffer:
        """See `Device`. The content is neither 0 nor what a kernel would write."""
        if size_bytes > self.free_memory_bytes():
            raise OutOfMemory(f"out of memory: {size_bytes} bytes asked for, {self.free_memory_bytes()} free")
        buffer = Buffer(self._next_address, size_bytes)
        self._next_address += -(-size_bytes // 256) * 256
        self._memory[buffer.address] = np.full(size_bytes, 0xCD, dtype=np.uint8)
        return buffer

    def release(self, buffer: Buffer) -> None:
        """See `Device`."""
        del self._memory[buffer.address]

    def upload(self, buffer: Buffer, values: npt.NDArray[np.generic], offset_bytes: int = 0) -> None:
        """See `Device`."""
        raw = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        self._memory[buffer.address][offset_bytes : offset_bytes + raw.size] = raw

    def download(
        self, buffer: Buffer, dtype: np.dtype[np.generic], count: int, offset_bytes: int = 0
    ) -> npt.NDArray[Any]:
        """See `Device`."""
        raw = self._memory[buffer.address][offset_bytes : offset_bytes + count * dtype.itemsize]
        return raw.copy().view(dtype)

    def prepare(self, source: str, entry: str) -> None:
        """See `Device`."""
        self.prepared.append((source, entry))

    def launch(self, launch: Launch) -> None:
        """See `Device`. A launch with a fault touches nothing."""
        number = len(self.launches)
        self.launches.append(launch)
        self._queued_s += self.launch_s
        if any(isinstance(fault, Hang) and fault.launch == number for fault in self._faults):
            self._failure = DeviceTimeout(f"{launch.entry} did not end in time")
        for fault in self._faults:
            if isinstance(fault, LaunchError) and fault.launch == number:
                self._failure = DeviceFailed(f"{launch.entry}: {fault.message}")
        if self._failure is None:
            sms = self._reached(number, launch.grid)
            self._emulations[launch.source, launch.entry](Call(launch, self._memory, sms, self._faults))

    def synchronise(self, deadline_s: float) -> None:
        """See `Device`. An error stays, as CUDA's does."""
        queued_s, self._queued_s = self._queued_s, 0.0
        if self._failure is None and queued_s > deadline_s:
            self._failure = DeviceTimeout(f"{queued_s:g} s of work did not end within {deadline_s:g} s")
        if self._failure is not None:
            raise self._failure

    def _reached(self, number: int, grid: int) -> tuple[int, ...]:
        unreached = {f.sm for f in self._faults if isinstance(f, Unreached) and number < f.launches}
        return tuple(sm for sm in range(min(self.sm_count, grid)) if sm not in unreached)
