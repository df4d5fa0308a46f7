"""Two GPUs in software with the faults that a test gives them, behind a real server of the node's service."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from tests.node_service.doubles import GivenTelemetry, sample

from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.probes import Depth, Finding, Outcome, ProbePlan, ProbeReport
from sentinel_node.domain.seams import ProbeWatch
from sentinel_node.probes.catalogue import PROBES
from sentinel_node.probes.runner import Clocks, Runner
from sentinel_node.probes.software.device import GPU as MODEL
from sentinel_node.probes.software.device import SoftwareDevice
from sentinel_node.probes.software.twins import twins

NODE = "node-1"
SUSPECT = replace(MODEL, uuid="GPU-aaaaaaaa-0000-4000-8000-000000000000", index=0, memory_bytes=1 << 30)
SIBLING = replace(
    MODEL, uuid="GPU-bbbbbbbb-0000-4000-8000-000000000001", index=1, pci_bus_id="0000:02:00.0", memory_bytes=1 << 30
)
SMS = 4


@dataclass
class SoftwareProber:
    """Probes them as the real ones are probed, in few repetitions."""

    faults: dict[str, tuple[object, ...]] = field(default_factory=dict)
    """By UUID."""
    identities: tuple[GpuIdentity, ...] = (SUSPECT, SIBLING)
    plans: list[ProbePlan] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    fails: Exception | None = None

    def gpus(self) -> tuple[GpuIdentity, ...]:
        return self.identities

    def run(self, plan: ProbePlan, watch: ProbeWatch) -> ProbeReport:
        self.plans.append(plan)
        if self.fails is not None:
            raise self.fails
        identity = next(gpu for gpu in self.identities if gpu.uuid == plan.gpu_uuid)
        device = SoftwareDevice(twins(), SMS, self.faults.get(plan.gpu_uuid, ()), identity, memory_bytes=64 << 20)
        runner = Runner(PROBES, Clocks(time.monotonic, time.time_ns))
        report = runner.run(replace(plan, repetitions=2, depth=Depth.LIGHT), device)
        for finding in report.findings:
            watch.found(finding)
        return replace(report, plan=plan, notes=(*report.notes, *self.notes))


@dataclass
class GivenOutcomes(SoftwareProber):
    """Answers each probe of a GPU with given outcomes, one an SM."""

    given: dict[str, tuple[Outcome, ...]] = field(default_factory=dict)

    def run(self, plan: ProbePlan, watch: ProbeWatch) -> ProbeReport:
        self.plans.append(plan)
        if self.fails is not None:
            raise self.fails
        outcomes = self.given.get(plan.gpu_uuid, (Outcome.PASS,) * SMS)
        findings = tuple(
            Finding(
                outcome,
                None if plan.kind == "memory" else sm,
                "given",
                reason="" if outcome in (Outcome.PASS, Outcome.FAIL) else "no block was seen",
                tested_bytes=64 << 20 if plan.kind == "memory" else 0,
            )
            for sm, outcome in enumerate(outcomes)
        )
        for finding in findings:
            watch.found(finding)
        return ProbeReport(plan, findings, len(outcomes), 10**18, 2 * 10**18, notes=self.notes)


def idle() -> GivenTelemetry:
    """A driver that says nothing bad of either."""
    quiet = sample().memory_errors
    errors = replace(quiet, sram_volatile=quiet.dram_volatile)
    return GivenTelemetry(tuple(replace(sample(gpu), memory_errors=errors) for gpu in (SUSPECT, SIBLING)))
