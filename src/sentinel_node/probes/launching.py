"""One round on all SMs: a launch, its relaunches for SMs that no block reached, and the records read back.

Every attempt is a launch with fresh records; only SMs still missing are wanted in it. More dynamic shared memory than
half of an SM's keeps two blocks from sharing one, so that on an idle GPU one wave covers all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sentinel_node.probes.device import Buffer, Launch
from sentinel_node.probes.record import RECORD, Words
from sentinel_node.probes.session import Session
from sentinel_node.probes.tally import SmRecord
from sentinel_node.probes.variant import Variant

ATTEMPTS = 4
"""Launches for one round before an SM counts as not reached; each has twice the blocks of the one before."""


@dataclass(frozen=True, slots=True)
class PinnedMemory:
    """What a pinned kernel works on."""

    records: Buffer
    wanted: Buffer
    golden: Buffer
    outputs: Buffer


@dataclass(slots=True)
class Coverage:
    """What one round brought."""

    records: dict[int, SmRecord] = field(default_factory=dict)
    """By `%smid`."""
    moved: set[int] = field(default_factory=set)
    """SMs whose block ended on another one."""
    moved_mismatches: dict[int, int] = field(default_factory=dict)
    """Wrong words that such blocks found, by the SM where they began; they speak of none."""
    duration_ns: int = 0
    """Of the longest launch, as the host saw it."""


@dataclass(frozen=True, slots=True)
class PinnedLauncher:
    """Launches one variant on one session's device."""

    session: Session
    variant: Variant
    memory: PinnedMemory
    slots: int
    sets: int

    def cover(self, repetitions: int, sms: tuple[int, ...], *, with_golden: bool = True) -> Coverage:
        """One round on the SMs named, or on every one.

        Args:
            repetitions: Per SM.
            sms: `%smid` values; empty for all.
            with_golden: Compare on the device; else every record's output holds all sets, for the host to compare.

        Raises:
            DeviceFailed: See `Device`.
            DeviceTimeout: See `Device`.
        """
        coverage = Coverage()
        goal = len(sms) or self.session.device.sm_count
        for attempt in range(ATTEMPTS):
            began_s = self.session.monotonic_s()
            self._launch(self._wanted(sms, coverage), repetitions, 2**attempt, with_golden=with_golden)
            elapsed_ns = round((self.session.monotonic_s() - began_s) * 1e9)
            coverage.duration_ns = max(coverage.duration_ns, elapsed_ns)
            self._read(coverage, repetitions, with_golden=with_golden)
            if len(coverage.records) >= goal:
                break
        return coverage

    def _wanted(self, sms: tuple[int, ...], coverage: Coverage) -> Words:
        wanted = np.zeros(self.slots, dtype=np.uint32)
        wanted[[sm for sm in sms if sm < self.slots] if sms else slice(None)] = 1
        wanted[list(coverage.records)] = 0
        return wanted

    def _launch(self, wanted: Words, repetitions: int, waves: int, *, with_golden: bool) -> None:
        device, memory = self.session.device, self.memory
        device.upload(memory.records, np.zeros(self.slots, dtype=RECORD))
        device.upload(memory.wanted, wanted)
        device.launch(
            Launch(
                source=self.variant.source,
                entry=self.variant.entry,
                grid=device.sm_count * waves,
                block=self.variant.threads,
                shared_bytes=self.variant.shared_bytes or device.shared_bytes_per_sm // 2 + 1024,
                arguments=(
                    memory.records,
                    np.uint32(self.slots),
                    memory.wanted,
                    memory.golden if with_golden else None,
                    memory.outputs,
                    np.uint64(self.session.plan.seed),
                    np.uint32(self.sets),
                    np.uint32(repetitions),
                ),
            )
        )
        device.synchronise(self.session.remaining_s)

    def _read(self, coverage: Coverage, repetitions: int, *, with_golden: bool) -> None:
        rows = self.session.device.download(self.memory.records, RECORD, self.slots)
        for sm in np.flatnonzero(rows["claimed"]).tolist():
            row: np.void = rows[sm]
            if int(row["repetitions"]) == repetitions and int(row["smid_after"]) != sm:
                coverage.moved.add(sm)
                if row["mismatches"]:
                    coverage.moved_mismatches[sm] = int(row["mismatches"])
                continue
            coverage.moved.discard(sm)
            needs_output = not with_golden or int(row["mismatches"]) > 0
            coverage.records[sm] = SmRecord.of(row, self._output(sm, with_golden=with_golden) if needs_output else None)

    def _output(self, sm: int, *, with_golden: bool) -> Words:
        words = self.variant.threads * self.variant.words * (1 if with_golden else self.sets)
        raw = self.session.device.download(self.memory.outputs, np.dtype("<u4"), words, offset_bytes=4 * words * sm)
        output: npt.NDArray[np.uint32] = raw.astype(np.uint32)
        return output if with_golden else output.reshape(self.sets, -1)
