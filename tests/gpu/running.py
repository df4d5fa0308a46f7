"""Plans run on a device, real or software, and what the tests ask of the reports."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import cycle, islice

import numpy as np

from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.probes import Depth, Outcome, ProbeKind, ProbePlan, ProbeReport
from sentinel_node.probes.catalogue import PROBES, variants
from sentinel_node.probes.device import Device
from sentinel_node.probes.launching import Coverage, PinnedLauncher, PinnedMemory
from sentinel_node.probes.record import RECORD, Words, checksum, slots_for
from sentinel_node.probes.runner import Clocks, Runner
from sentinel_node.probes.session import Progress, Session
from sentinel_node.probes.silicon import HEALTHY
from sentinel_node.probes.variant import Variant

PINNED = tuple(kind for kind in ProbeKind if kind is not ProbeKind.MEMORY)
PROVEN = tuple(variant for variant in variants() if variant.is_proven)
UNPROVEN = tuple(variant for variant in variants() if not variant.is_proven)
"""Run in processes of their own: one that traps would leave no context for the others."""
COMPUTE = tuple(
    variant for variant in PROVEN if variant.kind in PINNED and variant.source not in ("registers.cu", "shared.cu")
)
"""Kernels that can give their outputs without comparing them."""


def name_of(variant: Variant) -> str:
    return f"{variant.kind.value}-{variant.name}"


def runs_on(variant: Variant, gpu: GpuIdentity) -> bool:
    return variant.can_run_on(gpu.compute_capability)


def plan_of(variant: Variant, device: Device, *, seed: int = 7, repetitions: int = 0) -> ProbePlan:
    """A light run with a minute's deadline."""
    return ProbePlan(variant.kind, device.identity.uuid, variant.name, seed, Depth.LIGHT, repetitions=repetitions)


def run(
    plan: ProbePlan,
    device: Device,
    is_cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[Progress], None] = lambda _: None,
) -> ProbeReport:
    return Runner(PROBES, Clocks(time.monotonic, time.time_ns)).run(plan, device, is_cancelled, progress)


def wrong_sms(report: ProbeReport) -> set[int | None]:
    """Those that failed."""
    return {finding.sm for finding in report.findings if finding.outcome is Outcome.FAIL}


def uncovered(report: ProbeReport) -> str:
    """What speaks against every SM having passed once; empty where nothing does."""
    sms = [finding.sm for finding in report.findings]
    passed = report.count(Outcome.PASS)
    if len(set(sms)) != len(sms):
        return f"an SM has two findings: {sorted(sms, key=str)}"
    if passed != report.sms_present or passed != len(sms):
        others = [f"SM {f.sm}: {f.outcome.value} {f.reason}" for f in report.findings if f.outcome is not Outcome.PASS]
        return f"{passed} of {report.sms_present} SMs passed: {'; '.join(others)}"
    return ""


@dataclass(frozen=True, slots=True)
class LightRuns:
    """Many light runs, each with another seed, the variants in turn."""

    runs: int
    findings: int
    repetitions: int
    """Outputs computed and compared, over all SMs, and rounds over stretches of memory."""
    not_passed: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.runs} light runs with as many seeds, {self.findings} findings, {self.repetitions} outputs compared:"
            f" {len(self.not_passed)} false failures"
        )


def light_runs(device: Device, count: int, of: tuple[Variant, ...]) -> LightRuns:
    """Run so many; on a healthy GPU all pass."""
    findings = repetitions = 0
    not_passed: list[str] = []
    for seed, variant in enumerate(islice(cycle(of), count), start=1):
        report = run(plan_of(variant, device, seed=seed), device)
        findings += len(report.findings)
        repetitions += sum(finding.repetitions for finding in report.findings)
        if report.outcome is not Outcome.PASS:
            not_passed.append(f"{name_of(variant)} with seed {seed}: {report.outcome.value}")
    return LightRuns(count, findings, repetitions, tuple(not_passed))


def outputs(variant: Variant, device: Device, seed: int, sets: int) -> Coverage:
    """What every SM computes, uncompared: its record's output has shape (sets, words of a block)."""
    plan = replace(plan_of(variant, device), seed=seed)
    session = Session(device, plan, time.monotonic, time.monotonic(), lambda: False, lambda _: None)
    slots, per_set = slots_for(device.sm_count), 4 * variant.threads * variant.words
    sizes = (slots * RECORD.itemsize, 4 * slots, sets * per_set, slots * sets * per_set)
    with session.buffers(*sizes) as buffers:
        return PinnedLauncher(session, variant, PinnedMemory(*buffers), slots, sets).cover(sets, (), with_golden=False)


def twin_of(variant: Variant, seed: int, sets: int) -> Words:
    """What the NumPy twin computes."""
    assert variant.program is not None
    return variant.program(seed, np.arange(sets, dtype=np.uint64), HEALTHY)


def differing(coverage: Coverage, right: Words) -> Iterator[str]:
    """SMs whose words or checksum are others than these."""
    width = right.shape[1]
    due = sum(checksum(row, number * width) for number, row in enumerate(right)) % 2**64
    for sm, record in sorted(coverage.records.items()):
        assert record.output is not None
        wrong = np.flatnonzero(record.output != right)
        if wrong.size:
            yield f"SM {sm}: {wrong.size} words, the first is word {wrong[0]}"
        elif record.checksum != due:
            yield f"SM {sm}: checksum {record.checksum:#x} instead of {due:#x}"
