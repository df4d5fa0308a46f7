"""What a machine with GPUs in software says of them: how busy they are, and nothing else."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from sentinel_node.device.opening import software_gpus
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.probes import ProbePlan, ProbeReport
from sentinel_node.domain.seams import Prober, ProbeWatch
from sentinel_node.domain.telemetry import EccErrors, GpuSample, MemoryErrors

_PERIOD_S = 1.0


class Used:
    """A `Prober` that remembers when GPUs worked, for a driver in software to tell: nobody but probes works on them."""

    def __init__(self, prober: Prober, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._prober, self._monotonic_s = prober, monotonic_s
        self._until_s: dict[str, float] = {}

    def gpus(self) -> tuple[GpuIdentity, ...]:
        """See `Prober`."""
        return self._prober.gpus()

    def run(self, plan: ProbePlan, watch: ProbeWatch) -> ProbeReport:
        """See `Prober`."""
        self._until_s[plan.gpu_uuid] = math.inf
        try:
            return self._prober.run(plan, watch)
        finally:
            self._until_s[plan.gpu_uuid] = self._monotonic_s()

    def utilization_pct(self, gpu_uuid: str) -> float:
        """Of the past second, as NVML tells it; whoever worked at all in it counts as if for all of it."""
        return 100.0 if self._monotonic_s() - self._until_s.get(gpu_uuid, -math.inf) < _PERIOD_S else 0.0


class SoftwareTelemetry:
    """A driver that knows of its GPUs how busy they are, and nothing else."""

    def __init__(
        self,
        count: int,
        utilization_pct: Callable[[str], float] = lambda _: 0.0,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`utilization_pct`: of a GPU, by its UUID."""
        self._count = count
        self._utilization_pct = utilization_pct
        self._now_ns = now_ns

    def samples(self) -> tuple[GpuSample, ...]:
        """All of them now."""
        unknown = EccErrors(None, None)
        errors = MemoryErrors(unknown, unknown, unknown, unknown)
        return tuple(
            GpuSample(gpu, self._now_ns(), errors, utilization_pct=self._utilization_pct(gpu.uuid))
            for gpu in software_gpus(self._count)
        )
