"""Counts the driver's Xids and the switches' SXids as they are printed, for metrics.

Each line counts once, over restarts of the agent too: the number of the last one that was counted is kept on disk.
Without that, an agent that starts again would count what the kernel's buffer still holds, and an old Xid would raise
an alert for a new one. It is written before the line is counted, so a crash between loses a count and repeats none.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import structlog

from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.kernel import KernelRecord
from sentinel_node.domain.metrics import KERNEL_LOST_LINES, KERNEL_SXIDS, KERNEL_XIDS, Metrics

log = structlog.get_logger(__name__)

COUNTED_FILE = "kernel-log-counted.json"
"""In the agent's state directory."""


class Counted:
    """The last line that was counted, of which boot, in a file. Safe from every thread."""

    def __init__(self, file: Path) -> None:
        """Read it; one that is not there or makes no sense is as if nothing had been counted."""
        self._file = file
        self._lock = threading.Lock()
        self._is_told = False
        self._boot_id, self._before = _read(file)
        self._newest = (self._boot_id, self._before)

    def is_new(self, record: KernelRecord) -> bool:
        """Whether no earlier process has counted it."""
        return record.boot_id != self._boot_id or record.sequence > self._before

    def keep(self, records: Sequence[KernelRecord]) -> None:
        """Write down that these, of one boot, are counted; a failure is logged once, and counting goes on."""
        counted = (records[-1].boot_id, max(max(one.sequence, one.folded_sequence) for one in records))
        with self._lock:
            self._newest = max(self._newest, counted) if counted[0] == self._newest[0] else counted
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                unfinished = self._file.with_suffix(".new")
                unfinished.write_text(json.dumps(self._newest), encoding="ascii")
                unfinished.replace(self._file)
            except OSError as error:
                if not self._is_told:
                    hint = "after a restart, Xids that the kernel still keeps are counted again"
                    log.warning("kernel_log.count_not_kept", file=str(self._file), reason=error.strerror, hint=hint)
                self._is_told = True


class XidCounter:
    """A listener of the kernel's log. What it hears before it knows the GPUs is counted once it does."""

    def __init__(self, metrics: Metrics, counted: Counted) -> None:
        self._metrics = metrics
        self._counted = counted
        self._uuids: dict[str, str] = {}
        self._lock = threading.Lock()
        self._waiting: list[KernelRecord] | None = []

    def know(self, gpus: Iterable[GpuIdentity]) -> None:
        """Which GPU sits where; one that the driver lists no more keeps its place, for that is when Xids come."""
        with self._lock:
            self._uuids |= {gpu.pci_bus_id: gpu.uuid for gpu in gpus}
            waiting, self._waiting = self._waiting, None
        self._take(waiting or ())

    def heard(self, records: Sequence[KernelRecord], lost_lines: int) -> None:
        """Count what is among them; see `kernel.log.Heard`."""
        if lost_lines:
            self._metrics.add(KERNEL_LOST_LINES, lost_lines)
        told = [one for one in records if one.xid is not None or one.sxid is not None]
        with self._lock:
            if self._waiting is not None:
                self._waiting += told
                return
        self._take(told)

    def _take(self, records: Iterable[KernelRecord]) -> None:
        fresh = [one for one in records if self._counted.is_new(one)]
        if not fresh:
            return
        self._counted.keep(fresh)
        for one in fresh:
            self._count(one)

    def _count(self, record: KernelRecord) -> None:
        place, lines = record.pci_bus_id, 1 + record.folded
        if record.sxid is not None:
            self._metrics.add(KERNEL_SXIDS, lines, pci_bus_id=place, sxid=str(record.sxid))
        else:
            gpu = self._uuids.get(place, "")
            self._metrics.add(KERNEL_XIDS, lines, gpu_uuid=gpu, pci_bus_id=place, xid=str(record.xid))


def _read(file: Path) -> tuple[str, int]:
    try:
        boot_id, sequence = json.loads(file.read_text(encoding="ascii"))
        return str(boot_id), int(sequence)
    except (OSError, ValueError, TypeError):
        return "", -1  # counted from the start of this boot then
