"""Devices around a device, real or software: one that watches records come back, one whose memory goes wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.probes.device import Buffer, Device, Launch
from sentinel_node.probes.record import RECORD


@dataclass
class Wrapped:
    """Passes everything on."""

    inner: Device

    @property
    def identity(self) -> GpuIdentity:
        return self.inner.identity

    @property
    def sm_count(self) -> int:
        return self.inner.sm_count

    @property
    def shared_bytes_per_sm(self) -> int:
        return self.inner.shared_bytes_per_sm

    @property
    def shared_bytes_per_block(self) -> int:
        return self.inner.shared_bytes_per_block

    @property
    def l2_bytes(self) -> int:
        return self.inner.l2_bytes

    def free_memory_bytes(self) -> int:
        return self.inner.free_memory_bytes()

    def allocate(self, size_bytes: int) -> Buffer:
        return self.inner.allocate(size_bytes)

    def release(self, buffer: Buffer) -> None:
        self.inner.release(buffer)

    def upload(self, buffer: Buffer, values: npt.NDArray[np.generic], offset_bytes: int = 0) -> None:
        self.inner.upload(buffer, values, offset_bytes)

    def download(
        self, buffer: Buffer, dtype: np.dtype[np.generic], count: int, offset_bytes: int = 0
    ) -> npt.NDArray[Any]:
        return self.inner.download(buffer, dtype, count, offset_bytes)

    def prepare(self, source: str, entry: str) -> None:
        self.inner.prepare(source, entry)

    def launch(self, launch: Launch) -> None:
        self.inner.launch(launch)

    def synchronise(self, deadline_s: float) -> None:
        self.inner.synchronise(deadline_s)


@dataclass
class Watching(Wrapped):
    """Keeps what a report leaves out of the records: the cycles that each SM took."""

    launches: list[Launch] = field(default_factory=list)
    records: list[npt.NDArray[Any]] = field(default_factory=list)
    """Of each launch, those of SMs that a block ran on."""

    def launch(self, launch: Launch) -> None:
        self.launches.append(launch)
        super().launch(launch)

    def download(
        self, buffer: Buffer, dtype: np.dtype[np.generic], count: int, offset_bytes: int = 0
    ) -> npt.NDArray[Any]:
        rows = super().download(buffer, dtype, count, offset_bytes)
        if dtype == RECORD:
            self.records.append(rows[rows["claimed"] != 0])
        return rows

    def cycles_per_repetition(self) -> float:
        """Of the SM's clock: the median over SMs and launches."""
        rows = np.concatenate(self.records)
        return float(np.median(rows["cycles"] / np.maximum(rows["repetitions"], 1)))


@dataclass
class CannotFall(Wrapped):
    """Registers of one SM whose bits of a mask stay 1 once they are 1.

    The register kernel writes ``(old & zero) ^ new``, with a zero that it reads from the SM's record: with a bit set
    there, writing 0 over 1 leaves 1 (and 1 over 1 would give 0, which a march does not do). So the shipped machine code
    itself is run, and every register of the SM fails.
    """

    sm: int = 0
    mask: int = 0

    def upload(self, buffer: Buffer, values: npt.NDArray[np.generic], offset_bytes: int = 0) -> None:
        if values.dtype == RECORD:
            records: npt.NDArray[Any] = values.copy()
            records["first_address"][self.sm] = self.mask
            values = records
        super().upload(buffer, values, offset_bytes)
