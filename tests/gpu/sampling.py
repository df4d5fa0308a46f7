"""What the driver says of a GPU while something runs on it, read twice a second beside it."""

from __future__ import annotations

import statistics
import threading
from types import TracebackType

from sentinel_node.domain.errors import Unavailable
from sentinel_node.domain.telemetry import GpuSample
from sentinel_node.nvml.reader import NvmlReader

EVERY_S = 0.5


class Sampling:
    """Reads for the length of a `with`; at least once."""

    def __init__(self, gpu_uuid: str, reader: NvmlReader | None = None) -> None:
        """Of one GPU; `reader` is closed with this."""
        self._uuid = gpu_uuid
        self._reader = reader or NvmlReader()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._read, name="sampling", daemon=True)
        self.samples: list[GpuSample] = []

    def __enter__(self) -> Sampling:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.set()
        self._thread.join()
        self._reader.close()

    def values(self, field: str) -> list[float]:
        """Of one field of `GpuSample`, where the driver told it."""
        read = (getattr(sample, field) for sample in self.samples)
        return [float(value) for value in read if value is not None]

    def median(self, field: str) -> float:
        """NaN where the driver never told."""
        return statistics.median(self.values(field) or [float("nan")])

    def told(self, field: str) -> str:
        """The median, and least to most."""
        values = self.values(field)
        return f"{self.median(field):.0f} ({min(values):.0f} to {max(values):.0f})" if values else "not told"

    def _read(self) -> None:
        while True:
            try:
                samples = self._reader.samples()
            except Unavailable:
                return  # what was read until then is told
            self.samples += [sample for sample in samples if sample.gpu.uuid == self._uuid]
            if self._ends.wait(EVERY_S):
                return
