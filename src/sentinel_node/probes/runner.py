"""From a plan to a report: checks the plan, chooses the variants, runs them one after the other, adds up.

Blocking; the service runs it in a thread. Everything outside is given: the device, both clocks, the cancel, and whom to
tell of progress.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from sentinel_node.domain.errors import Invalid, Refused, Unavailable
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.probes import Finding, Outcome, ProbeKind, ProbePlan, ProbeReport
from sentinel_node.probes.device import Device
from sentinel_node.probes.session import Probe, Progress, Session
from sentinel_node.probes.variant import Variant

_NO_VERDICT = "this kernel was not proven on a GPU yet, so it gives no verdict"


@dataclass(frozen=True, slots=True)
class Clocks:
    """Where the time comes from."""

    monotonic_s: Callable[[], float]
    unix_ns: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which variants a plan means on one GPU."""

    variants: tuple[Variant, ...]
    notes: tuple[str, ...]
    """Those that this GPU cannot run, each with the reason."""


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs plans with the probes given."""

    probes: Mapping[ProbeKind, Probe]
    clocks: Clocks

    def run(
        self,
        plan: ProbePlan,
        device: Device,
        is_cancelled: Callable[[], bool] = lambda: False,
        progress: Callable[[Progress], None] = lambda _: None,
        begun: Callable[[], None] = lambda: None,
    ) -> ProbeReport:
        """Run one plan to its end; `begun` is told when all kernels are ready, which is when the plan's time begins.

        Raises:
            Invalid: No such kind or variant, one that this GPU cannot run, or a number out of range.
            Refused: The GPU is partitioned, so that SM numbers mean something else.
        """
        probe = self.probes.get(plan.kind)
        if probe is None:
            raise Invalid(f"no probe of kind {plan.kind.value!r} is built in")
        choice = choose(plan, probe.variants, device.identity)
        unready = _prepare(choice.variants, device)
        ready = tuple(variant for variant in choice.variants if variant.name not in unready)
        begun()
        monotonic_s = self.clocks.monotonic_s
        session = Session(device, plan, monotonic_s, monotonic_s(), is_cancelled, progress, max(1, len(ready)))
        started_unix_ns = self.clocks.unix_ns()
        findings, notes, unplaced = _run_all(probe, ready, session)
        return ProbeReport(
            plan=plan,
            findings=tuple(unready.values()) + findings,
            sms_present=device.sm_count,
            started_unix_ns=started_unix_ns,
            ended_unix_ns=self.clocks.unix_ns(),
            notes=choice.notes + notes + unplaced,
            unplaced=unplaced,
        )


def _prepare(variants: Iterable[Variant], device: Device) -> dict[str, Finding]:
    """Make all kernels ready, before the plan's time begins; an ERROR for each variant whose kernels cannot be had."""
    unready = {}
    for variant in variants:
        try:
            for entry in variant.entries:
                device.prepare(variant.source, entry)
        except Unavailable as error:
            reason = f"its kernel could not be made ready: {error}"
            unready[variant.name] = Finding(Outcome.ERROR, None, variant.name, reason)
    return unready


def choose(plan: ProbePlan, variants: Iterable[Variant], gpu: GpuIdentity) -> Choice:
    """The variants to run, or an error that says why there are none."""
    if gpu.is_partitioned:
        raise Refused(f"GPU {gpu.uuid} is partitioned (MIG): SM numbers belong to a partition, so no probe runs on it")
    if not 0 <= plan.seed < 2**64 or plan.repetitions < 0:
        raise Invalid(f"the seed {plan.seed} or the repetitions {plan.repetitions} are out of range")
    known = tuple(variants)
    named = tuple(variant for variant in known if _is_meant(variant, plan.variant))
    if not named:
        names = ", ".join(variant.name for variant in known)
        raise Invalid(f"{plan.kind.value} has no variant {plan.variant!r}; it has {names}")
    able = tuple(variant for variant in named if variant.can_run_on(gpu.compute_capability))
    unable = tuple(_cannot(variant, gpu) for variant in named if variant not in able)
    if not able:
        raise Invalid("; ".join(unable))
    return Choice(able, unable)


def _is_meant(variant: Variant, name: str) -> bool:
    return variant.name == name or (name == "" and variant.is_proven)


def _cannot(variant: Variant, gpu: GpuIdentity) -> str:
    major, minor = variant.since
    needs = f"sm_{major}{minor}" + (" and no later one" if variant.until == variant.since else "")
    return f"{variant.name} was left out: it needs {needs}, and this GPU is {gpu.architecture}"


def _run_all(
    probe: Probe, variants: Iterable[Variant], session: Session
) -> tuple[tuple[Finding, ...], tuple[str, ...], tuple[str, ...]]:
    """Findings, notes, and wrong words that belong to no SM."""
    findings: list[Finding] = []
    notes: list[str] = []
    unplaced: list[str] = []
    device_lost = ""
    for variant in variants:
        if device_lost:
            reason = f"not started after an error of the device: {device_lost}"
            findings.append(Finding(Outcome.NOT_RUN, None, variant.name, reason))
            continue
        ran = probe.run(session, variant)
        findings.extend(ran.findings if variant.is_proven else map(_observed, ran.findings))
        if variant.is_proven:
            notes.extend((*ran.notes, *_doubts(variant, ran.findings)))
            unplaced.extend(ran.unplaced)
        else:
            notes.extend((*ran.notes, *(f"{_NO_VERDICT}: {one}" for one in ran.unplaced)))
        device_lost = ran.device_lost
    return tuple(findings), tuple(notes), tuple(unplaced)


def _observed(finding: Finding) -> Finding:
    """What a kernel found that is itself not proven: a wrong word is no verdict on the silicon."""
    if finding.outcome is not Outcome.FAIL:
        return replace(finding, is_proven=False)
    words = f"{finding.mismatch_words} wrong words, bits {finding.mismatch_bits:#010x}"
    at = f", the first at byte {finding.mismatch.byte_offset}" if finding.mismatch else ""
    reason = f"{_NO_VERDICT}: {words}{at}"
    return replace(finding, outcome=Outcome.ERROR, reason=reason, mismatch=None, is_proven=False)


def _doubts(variant: Variant, findings: tuple[Finding, ...]) -> tuple[str, ...]:
    if not variant.is_golden_known or len(findings) < 2:
        return ()
    if any(finding.outcome is not Outcome.FAIL for finding in findings):
        return ()
    return (f"{variant.name}: every SM failed, as they would if this host's CPU had derived a wrong answer",)
