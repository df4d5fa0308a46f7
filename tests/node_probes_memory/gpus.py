"""Software GPUs and plans for the tests of memory, register and shared-memory probes."""

from __future__ import annotations

from dataclasses import replace

from tests.node_probes.gpus import runner

from sentinel_node.domain.probes import Depth, Finding, Outcome, ProbeKind, ProbePlan, ProbeReport
from sentinel_node.probes.software.device import GPU, SoftwareDevice
from sentinel_node.probes.software.twins import twins

FIRST_ADDRESS = 0x7F00_0000_0000
"""Where a software GPU's first allocation lies, which is the first stretch of memory."""
STRETCH_BYTES = 16 * 1024
MIB = 2**20


def small_gpu(*faults: object, memory_bytes: int = 80 * 1024, l2_bytes: int = 512) -> SoftwareDevice:
    """With a tiny cache, so that sixteen groups of twice its size are 16 KiB."""
    device = SoftwareDevice(twins(), 2, faults, replace(GPU, memory_bytes=2 * memory_bytes), memory_bytes)
    device.l2_bytes = l2_bytes
    return device


def memory_plan(variant: str = "march_c_minus", *, depth: Depth = Depth.LIGHT, repetitions: int = 1) -> ProbePlan:
    return ProbePlan(ProbeKind.MEMORY, GPU.uuid, variant, seed=7, depth=depth, repetitions=repetitions)


def run_memory(plan: ProbePlan, *faults: object) -> ProbeReport:
    return runner().run(plan, small_gpu(*faults))


def run_on_sms(kind: ProbeKind, *faults: object, repetitions: int = 8, shared_kib: int = 6) -> ProbeReport:
    """On three SMs, with little shared memory."""
    device = SoftwareDevice(twins(), 3, faults, memory_bytes=70 * MIB if kind is ProbeKind.REGISTER_FILE else 8 * MIB)
    device.shared_bytes_per_block = shared_kib * 1024
    plan = ProbePlan(kind, GPU.uuid, seed=7, repetitions=repetitions)
    return runner().run(plan, device)


def failed(report: ProbeReport) -> Finding:
    """The one finding that is a FAIL."""
    (found,) = (finding for finding in report.findings if finding.outcome is Outcome.FAIL)
    return found
