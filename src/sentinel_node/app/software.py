"""What a machine with GPUs in software says of them, and the faults one may have, by the words of the command line."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import fields

from sentinel_node.device.opening import SOFTWARE_SMS, software_gpus
from sentinel_node.domain.errors import Invalid
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.probes import ProbePlan, ProbeReport
from sentinel_node.domain.seams import Prober, ProbeWatch
from sentinel_node.domain.telemetry import EccErrors, GpuSample, MemoryErrors
from sentinel_node.probes.software import faults

_KINDS: dict[str, type] = {
    "stuck_bit": faults.StuckBit,
    "dead_sm": faults.DeadSm,
    "flipped_lane": faults.FlippedLane,
    "wrong_once_in": faults.WrongOnceIn,
    "unreached": faults.Unreached,
    "moved": faults.Moved,
    "unended": faults.Unended,
    "launch_error": faults.LaunchError,
    "hang": faults.Hang,
}
_UNITS = ("", "fma", "dfma", "imad", "tensor", "mufu", "alu", "register", "shared")
"""As the kernels' twins name what computes; empty for all of an SM."""
_RANGES = {
    "sm": range(SOFTWARE_SMS),
    "bit": range(32),
    "value": range(2),
    "lane": range(32),
    "mask": range(1, 2**32),
    "period": range(1, 2**31),
    "launch": range(2**31),
    "launches": range(1, 2**31 + 1),
}
_PERIOD_S = 1.0
FAULTS_HELP = "; ".join(f"{name}:{','.join(field.name for field in fields(kind))}" for name, kind in _KINDS.items())
"""Every fault with its parameters."""


def fault_of(text: str) -> object:
    """A fault as ``stuck_bit:sm=3,bit=7``; numbers may be hexadecimal, and launches count from 0.

    Raises:
        Invalid: there is none such, or a parameter is missing or wrong.
    """
    name, _, words = text.partition(":")
    kind = _KINDS.get(name)
    if kind is None:
        raise Invalid(f"there is no fault {name!r}; there are {FAULTS_HELP}")
    pairs = [pair.partition("=") for pair in words.split(",") if pair]
    numeric = {field.name for field in fields(kind)} - {"unit", "message"}
    try:
        given = {key: int(value, 0) if key in numeric else value for key, _, value in pairs}
        _check(given)
        made: object = kind(**given)
    except (TypeError, ValueError) as error:
        raise Invalid(f"the fault {text!r} cannot be: {error}; there are {FAULTS_HELP}") from error
    return made


def _check(given: Mapping[str, int | str]) -> None:
    """Refuse what would have no effect, and so look like a fault that is not found."""
    for name, value in given.items():
        allowed = _RANGES.get(name)
        if allowed is not None and value not in allowed:
            raise ValueError(f"{name} is {value}, and goes from {allowed.start} to {allowed.stop - 1}")
    if given.get("unit", "") not in _UNITS:
        raise ValueError(f"there is no unit {given['unit']!r}; there are {', '.join(_UNITS[1:])}")


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
