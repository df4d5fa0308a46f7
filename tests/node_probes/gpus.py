"""Software GPUs and plans for the tests of the compute probes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

from sentinel_node.domain.probes import Depth, Finding, Outcome, ProbeKind, ProbePlan, ProbeReport
from sentinel_node.probes.catalogue import PROBES, variants
from sentinel_node.probes.runner import Clocks, Runner
from sentinel_node.probes.software.device import GPU, SoftwareDevice
from sentinel_node.probes.software.twins import twins
from sentinel_node.probes.variant import Variant

COMPUTE = (ProbeKind.FMA, ProbeKind.TENSOR_CORE, ProbeKind.TRANSCENDENTAL, ProbeKind.AES)
VARIANTS = tuple(variant for variant in variants() if variant.kind in COMPUTE and variant.is_proven)
UNPROVEN = tuple(variant for variant in variants() if not variant.is_proven)
UNITS = {"fp32": "fma", "fp64": "dfma", "int32": "imad", "aes_128": "alu"}
QUICK = tuple(variant for variant in VARIANTS if variant.entry in ("fma_fp32", "transcendental"))


def name_of(variant: Variant) -> str:
    return f"{variant.kind.value}-{variant.name}"


def plan(variant: Variant, *, seed: int = 7, repetitions: int = 2, sms: tuple[int, ...] = ()) -> ProbePlan:
    return ProbePlan(variant.kind, GPU.uuid, variant.name, seed, Depth.LIGHT, sms, repetitions)


def ticking(step_s: float = 0.001) -> Callable[[], float]:
    """A clock that goes on by a step whenever it is looked at."""
    ticks: Iterator[int] = count()
    return lambda: next(ticks) * step_s


def runner(step_s: float = 0.001) -> Runner:
    return Runner(PROBES, Clocks(ticking(step_s), lambda: 1_800_000_000_000_000_000))


def gpu(*faults: object, sm_count: int = 6) -> SoftwareDevice:
    return SoftwareDevice(twins(), sm_count, faults)


def run(asked: ProbePlan, *faults: object, sm_count: int = 6) -> ProbeReport:
    return runner().run(asked, gpu(*faults, sm_count=sm_count))


def finding(report: ProbeReport, sm: int) -> Finding:
    (found,) = (each for each in report.findings if each.sm == sm)
    return found


def outcomes(report: ProbeReport) -> dict[int | None, Outcome]:
    return {each.sm: each.outcome for each in report.findings}
