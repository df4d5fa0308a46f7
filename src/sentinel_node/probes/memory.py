"""Memory: march tests over what is free, stretch by stretch, and a finding for each stretch.

All stretches are taken before the first launch and given back after the last, so that none is tested twice. What others
hold and what the driver keeps is not tested; the report says how much was. ECC corrects single bits before a kernel
sees them: where counters grew while a run passed, those counters are its result, so they stand in the notes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

import numpy as np

from sentinel_node.domain.errors import DeviceFailed, DeviceTimeout, OutOfMemory
from sentinel_node.domain.probes import Finding, Outcome, ProbeKind
from sentinel_node.domain.telemetry import EccErrors
from sentinel_node.probes import memory_plan as plans
from sentinel_node.probes.device import Argument, Buffer, Launch
from sentinel_node.probes.memory_march import ADDRESS, BACKGROUNDS, MARCH_C_MINUS, MARCH_SS, OWN_ADDRESS, MarchTest
from sentinel_node.probes.memory_plan import UNIT_BYTES, Step, Stretch
from sentinel_node.probes.memory_record import MEMORY_RECORD
from sentinel_node.probes.memory_tally import StretchTally, finding_of, notes_of
from sentinel_node.probes.session import Progress, Ran, Session
from sentinel_node.probes.tally import CutShort
from sentinel_node.probes.variant import Dose, InLoop, Variant

SOURCE, WRITE, READ = "memory.cu", "memory_write", "memory_read"
THREADS = 256
BLOCKS_PER_SM = 8
"""All of an SM's 2048 threads, so that enough reads are under way to fill the memory's bandwidth."""
TESTS = {test.name: test for test in (MARCH_C_MINUS, MARCH_SS, ADDRESS)}


@dataclass(frozen=True, slots=True)
class MemoryProbe:
    """Marches over the memory that is free."""

    variants: tuple[Variant, ...]
    read_ecc: Callable[[], EccErrors | None] = lambda: None
    """The DRAM's volatile counters of the GPU under test, read before and after; None where nobody can tell."""
    kind: ProbeKind = ProbeKind.MEMORY

    def run(self, session: Session, variant: Variant) -> Ran:
        """See `Probe`."""
        device, dose = session.device, plans.dose_of(session.plan)
        try:
            free_bytes = device.free_memory_bytes()
        except DeviceFailed as error:  # the context died; what was found before stands
            return Ran((Finding(Outcome.ERROR, None, variant.name, str(error)),), str(error))
        stretches = plans.stretches(free_bytes, device.l2_bytes, dose.share)
        if not stretches:
            least = 2 * plans.group_bytes(device.l2_bytes)
            reason = f"{free_bytes} bytes of memory are free, and the least that can be tested is {least}"
            return Ran((Finding(Outcome.NOT_RUN, None, variant.name, reason),))
        run = _Run(session, TESTS[variant.name], stretches, dose.rounds)
        before = self.read_ecc()
        device_lost = run.measure()
        notes = notes_of(run.tallies, variant.name, free_bytes, device.identity.memory_bytes)
        return Ran(run.findings(), device_lost, notes + _ecc_notes(before, self.read_ecc()))


@dataclass(slots=True)
class _Run:
    session: Session
    test: MarchTest
    stretches: tuple[Stretch, ...]
    rounds: int
    tallies: list[StretchTally] = field(default_factory=list)
    cut_short: CutShort | None = None
    launched: int = 0

    def measure(self) -> str:
        """Until all is done or `cut_short` says why not; answers why the device is lost, or nothing."""
        self.tallies = [StretchTally(stretch, self.test.reads) for stretch in self.stretches]
        try:
            with self._memory() as (*buffers, records):
                self.session.device.upload(records, np.zeros(len(buffers), dtype=MEMORY_RECORD))
                taken = zip(self.tallies, buffers, strict=True)
                self.tallies = [replace(tally, address=buffer.address) for tally, buffer in taken]
                self._rounds(tuple(buffers), records)
        except DeviceTimeout as error:
            self.cut_short = CutShort(Outcome.TIMEOUT, str(error))
            return str(error)
        except OutOfMemory as error:
            self.cut_short = CutShort(Outcome.ERROR, str(error))
        except DeviceFailed as error:
            self.cut_short = CutShort(Outcome.ERROR, str(error))
            return str(error)
        return ""

    def findings(self) -> tuple[Finding, ...]:
        """One for each stretch."""
        return tuple(finding_of(tally, self.test.name, self.rounds, self.cut_short) for tally in self.tallies)

    def _memory(self) -> AbstractContextManager[tuple[Buffer, ...]]:
        sizes = [stretch.size_bytes for stretch in self.stretches]
        return self.session.buffers(*sizes, len(sizes) * MEMORY_RECORD.itemsize)

    def _rounds(self, buffers: tuple[Buffer, ...], records: Buffer) -> None:
        done, began_s = 0, self.session.elapsed_s
        while done < self.rounds or self.session.elapsed_s - began_s < self.session.soak_s:
            for steps in plans.bounded(self._batches(done)):
                self.cut_short = self._stop()
                if self.cut_short is not None:
                    return
                self._batch(steps, buffers, records)
            done += 1
            self.session.progress(Progress(self.test.name, min(done, self.rounds), self.rounds))

    def _batches(self, done: int) -> Iterator[tuple[Step, ...]]:
        if self.test is ADDRESS:
            yield from plans.sweep_steps(self.test, self.stretches, OWN_ADDRESS)
            return
        turn = plans.first_turn(self.session.plan.seed) + done
        for number, stretch in enumerate(self.stretches):
            yield plans.march_steps(self.test, number, stretch, turn)

    def _stop(self) -> CutShort | None:
        if self.session.is_cancelled():
            return CutShort(Outcome.NOT_RUN, "cancelled")
        if self.session.remaining_s <= 0:
            return CutShort(Outcome.TIMEOUT, f"not done after {self.session.plan.deadline_s:g} s")
        return None

    def _batch(self, steps: tuple[Step, ...], buffers: tuple[Buffer, ...], records: Buffer) -> None:
        device, began_s = self.session.device, self.session.monotonic_s()
        for step in steps:
            device.launch(self._launch(step, buffers, records))
            self.launched += 1
        device.synchronise(self.session.remaining_s)
        elapsed_ns = round((self.session.monotonic_s() - began_s) * 1e9)
        rows = device.download(records, MEMORY_RECORD, len(buffers))
        for number in sorted({step.stretch for step in steps}):
            mine = tuple(step for step in steps if step.stretch == number)
            share_ns = elapsed_ns * len(mine) // len(steps)
            self.tallies[number] = self.tallies[number].add(rows[number], mine, share_ns)

    def _launch(self, step: Step, buffers: tuple[Buffer, ...], records: Buffer) -> Launch:
        stretch, background = self.stretches[step.stretch], step.background
        arguments: tuple[Argument, ...] = (
            buffers[step.stretch],
            np.uint64(stretch.size_bytes // UNIT_BYTES >> step.width),
            np.uint32(step.group),
            np.uint32(step.width),
            np.uint32(step.shift),
            np.uint32(0xFFFFFFFF if step.operation.value else 0),
            np.uint32(background.kind),
            np.uint32(background.pattern),
            np.uint32(background.bit),
            np.uint64(self.session.plan.seed),
        )
        if step.operation.is_read:
            arguments += (records, np.uint32(step.stretch), np.uint32(self.launched))
        grid = self.session.device.sm_count * BLOCKS_PER_SM
        return Launch(SOURCE, READ if step.operation.is_read else WRITE, grid, THREADS, 0, arguments)


def _ecc_notes(before: EccErrors | None, after: EccErrors | None) -> tuple[str, ...]:
    if before is None or after is None:
        return ("the memory's ECC counters were not read: errors that it corrected meanwhile are not known",)
    pairs = ((before.corrected, after.corrected, "corrected"), (before.uncorrected, after.uncorrected, "uncorrected"))
    told = [f"{now - was} {name}" for was, now, name in pairs if was is not None and now is not None]
    return (f"memory ECC errors while it ran: {', '.join(told)}",) if told else ()


def _variant(test: MarchTest, rounds: int) -> Variant:
    return Variant(
        kind=ProbeKind.MEMORY,
        name=test.name,
        source=SOURCE,
        entry=READ,
        threads=THREADS,
        words=0,
        light=Dose(1, 1),
        deep=Dose(rounds, rounds),
        instructions=(InLoop("LDG", 1),),
        other_entries=(WRITE,),
    )


MEMORY = MemoryProbe(
    (
        _variant(MARCH_C_MINUS, len(BACKGROUNDS)),
        _variant(MARCH_SS, len(BACKGROUNDS)),
        _variant(ADDRESS, 1),
    )
)
