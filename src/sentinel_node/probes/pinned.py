"""A probe whose kernel runs on each SM: the right output, rounds of launches, and a tally for each SM.

A run is split into launches that are short, so that a cancel and the deadline are seen between them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sentinel_node.domain.errors import DeviceFailed, DeviceTimeout, OutOfMemory
from sentinel_node.domain.probes import Outcome, ProbeKind
from sentinel_node.probes.launching import PinnedLauncher, PinnedMemory
from sentinel_node.probes.majority import Reference, majority
from sentinel_node.probes.record import RECORD, slots_for
from sentinel_node.probes.session import Progress, Ran, Session
from sentinel_node.probes.silicon import HEALTHY
from sentinel_node.probes.tally import CutShort, RightOutput, SmRecord, Tally, finding_of
from sentinel_node.probes.variant import Variant

LAUNCH_REPETITIONS = 64
"""At most so many in one launch, which is then short enough for a cancel to be felt."""
NOT_SEEN = "no block was seen on this SM"
MOVED = "its block was moved to another SM while it ran"


@dataclass(frozen=True, slots=True)
class PinnedProbe:
    """A kind whose kernels run on one SM each and have an output of fixed size."""

    kind: ProbeKind
    variants: tuple[Variant, ...]
    reference: Reference | None = None
    """What a CPU knows of outputs whose right value the majority of the SMs gives."""

    def run(self, session: Session, variant: Variant) -> Ran:
        """See `Probe`."""
        run = _Run(session, variant, self.reference)
        try:
            run.measure()
        except DeviceTimeout as error:
            return run.ended(CutShort(Outcome.TIMEOUT, str(error)), device_lost=str(error))
        except OutOfMemory as error:
            return run.ended(CutShort(Outcome.ERROR, str(error)))
        except DeviceFailed as error:
            return run.ended(CutShort(Outcome.ERROR, str(error)), device_lost=str(error))
        return run.ended(run.cut_short)


@dataclass(slots=True)
class _Run:
    session: Session
    variant: Variant
    reference: Reference | None
    tallies: dict[int, Tally] = field(default_factory=dict)
    right: RightOutput | None = None
    cut_short: CutShort | None = None
    unplaced: list[str] = field(default_factory=list)

    @property
    def repetitions(self) -> int:
        return self.session.plan.repetitions or self.variant.dose(self.session.plan.depth).repetitions

    @property
    def sets(self) -> int:
        return min(self.variant.dose(self.session.plan.depth).sets, self.repetitions)

    def measure(self) -> None:
        """Until all is done, or `cut_short` says why not."""
        slots = slots_for(self.session.device.sm_count)
        per_set = 4 * self.variant.threads * self.variant.words
        outputs = slots * per_set * (1 if self.variant.is_golden_known else self.sets)
        with self.session.buffers(slots * RECORD.itemsize, 4 * slots, self.sets * per_set, outputs) as buffers:
            memory = PinnedMemory(*buffers)
            launcher = PinnedLauncher(self.session, self.variant, memory, slots, self.sets)
            self.right = self._derive() if self.variant.is_golden_known else self._vote(launcher)
            if self.right is not None:
                self.session.device.upload(memory.golden, self.right.words)
                self._rounds(launcher, self.right)

    def ended(self, cut_short: CutShort | None, device_lost: str = "") -> Ran:
        """The findings as they stand, one for each SM that was asked for."""
        right_hash = self.right.hash_with() if self.right else b""
        findings = (
            finding_of(self._tally(sm), self.variant.name, right_hash, cut_short) for sm in sorted(self._expected())
        )
        return Ran(tuple(findings), device_lost, unplaced=tuple(self.unplaced))

    def _derive(self) -> RightOutput:
        assert self.variant.program is not None  # noqa: S101 - a pinned variant has one, by the catalogue's test
        sets = np.arange(self.sets, dtype=np.uint64)
        return RightOutput.of(self.variant.program(self.session.plan.seed, sets, HEALTHY))

    def _vote(self, launcher: PinnedLauncher) -> RightOutput | None:
        coverage = launcher.cover(self.sets, (), with_golden=False)
        ended = {sm: record for sm, record in coverage.records.items() if record.repetitions == self.sets}
        outputs = {sm: record.output for sm, record in ended.items() if record.output is not None}
        voted = majority(np.stack(list(outputs.values()))) if outputs else None
        if voted is None:
            self.cut_short = CutShort(Outcome.NOT_RUN, "the SMs' outputs have no majority to compare with")
            return None
        if self.reference is not None:
            bound = self.reference(self.session.plan.seed, np.arange(self.sets, dtype=np.uint64), voted)
            voted = np.where(bound.is_within, voted, bound.value)
        right = RightOutput.of(voted)
        for sm in set(self.session.plan.sms or outputs) & set(outputs):
            record = SmRecord.compared(outputs[sm], right)
            self.tallies[sm] = self._tally(sm).add(record, self.sets, right, coverage.duration_ns)
        for sm in set(self.session.plan.sms or coverage.records) & (set(coverage.records) - set(ended)):
            self.tallies[sm] = self._tally(sm).add(coverage.records[sm], self.sets, right, coverage.duration_ns)
        return right

    def _rounds(self, launcher: PinnedLauncher, right: RightOutput) -> None:
        done, began_s = 0, self.session.elapsed_s
        while done < self.repetitions or self.session.elapsed_s - began_s < self.session.soak_s:
            if self.session.is_cancelled():
                self.cut_short = CutShort(Outcome.NOT_RUN, "cancelled")
                return
            if self.session.remaining_s <= 0:
                self.cut_short = CutShort(Outcome.TIMEOUT, f"not done after {self.session.plan.deadline_s:g} s")
                return
            left = self.repetitions - done
            repetitions = min(left, LAUNCH_REPETITIONS) if left > 0 else LAUNCH_REPETITIONS
            self._round(launcher, right, repetitions)
            done += repetitions
            self.session.progress(Progress(self.variant.name, min(done, self.repetitions), self.repetitions))

    def _round(self, launcher: PinnedLauncher, right: RightOutput, repetitions: int) -> None:
        coverage = launcher.cover(repetitions, self.session.plan.sms)
        for sm, record in coverage.records.items():
            self.tallies[sm] = self._tally(sm).add(record, repetitions, right, coverage.duration_ns)
        for sm, words in coverage.moved_mismatches.items():
            self.unplaced.append(f"{self.variant.name}: a block that was moved from SM {sm} found {words} wrong words")
        for sm in (self._expected() | coverage.moved) - set(coverage.records):
            self.tallies[sm] = self._tally(sm).miss(MOVED if sm in coverage.moved else NOT_SEEN)

    def _expected(self) -> set[int]:
        """The SMs asked for; of all, those seen and the lowest others up to the count, as ids may have gaps."""
        if self.session.plan.sms:
            return set(self.session.plan.sms)
        seen = set(self.tallies)
        others = (sm for sm in range(slots_for(self.session.device.sm_count)) if sm not in seen)
        return seen | {sm for _, sm in zip(range(self.session.device.sm_count - len(seen)), others, strict=False)}

    def _tally(self, sm: int) -> Tally:
        return self.tallies.get(sm) or Tally(sm)
