"""What the process of a probe costs: its start, its context, and the memory that it holds on the GPU."""

from __future__ import annotations

import time

from tests.gpu.devices import opened
from tests.gpu.tables import Table

from sentinel_node.device.process_prober import Patience, ProcessProber
from sentinel_node.device.worker import OpenDevice
from sentinel_node.domain.errors import Unavailable
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.probes import Finding, ProbeKind, ProbePlan
from sentinel_node.domain.seams import Progress
from sentinel_node.nvml.reader import NvmlReader

KEPT_S = 60.0


class _Watch:
    """Wants all of a run."""

    is_stopped = False

    def progressed(self, progress: Progress) -> None:
        """See `ProbeWatch`."""

    def found(self, finding: Finding) -> None:
        """See `ProbeWatch`."""


def process_figures(gpu: GpuIdentity, open_device: OpenDevice = opened) -> Table:
    """By two plans of one launch: the first starts the process, opens the GPU and compiles, the next does not."""
    prober = ProcessProber(lambda: (gpu,), open_device, Patience(keep_s=KEPT_S))
    plan = ProbePlan(ProbeKind.FMA, gpu.uuid, "fp32", seed=1, repetitions=1)
    before = _used_bytes(gpu)
    try:
        first_s, again_s = (_timed(prober, plan) for _ in range(2))
        held = _used_bytes(gpu)
    finally:
        prober.close()
    memory = "not told" if before is None or held is None else f"{(held - before) / 2**20:.0f} MiB"
    rows = (
        ("first plan: process, context, compiler and one launch", f"{first_s:.2f} s"),
        ("the same again in the process that was kept", f"{again_s:.2f} s"),
        ("so the start costs", f"{first_s - again_s:.2f} s"),
        ("memory that the kept process holds on the GPU", memory),
    )
    return Table("A probe's process", "Memory by NVML, before and while the process is kept.", ("what", "figure"), rows)


def _timed(prober: ProcessProber, plan: ProbePlan) -> float:
    began_s = time.monotonic()
    prober.run(plan, _Watch())
    return time.monotonic() - began_s


def _used_bytes(gpu: GpuIdentity) -> int | None:
    """None where there is no driver, or it does not tell."""
    reader = NvmlReader()
    try:
        samples = reader.samples()
    except Unavailable:
        return None
    finally:
        reader.close()
    return next((sample.memory_used_bytes for sample in samples if sample.gpu.uuid == gpu.uuid), None)
