"""On which nodes a shared cause is seen. Pure.

The gateway tells how many GPUs share a cause, not which; the fleet's health tells who failed lately. A version is
written as the gateway writes it: ``driver 580.159.03``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gcm_sentinel.domain.gpu_health import FleetHealth, Gpu
from gcm_sentinel.domain.sentinel_events import SharedCause


def _has_model(gpu: Gpu, value: str) -> bool:
    return gpu.model == value


def _has_version(gpu: Gpu, value: str) -> bool:
    return value in (f"driver {gpu.driver_version}", f"firmware {gpu.firmware_version}")


def _anybody(_gpu: Gpu, _value: str) -> bool:
    return True


_MEMBER: Mapping[str, Callable[[Gpu, str], bool]] = MappingProxyType({
    "golden_answer": _has_model, "rollout": _has_version,
})  # fmt: skip
"""Who may share a cause of a kind; of kinds that are not here everybody."""


def nodes_of(cause: SharedCause, fleet: FleetHealth) -> tuple[str, ...]:
    """The nodes of its GPUs that failed lately; of those that ever failed where none did lately."""
    if cause.shared == "host" and cause.value:
        return (cause.value,)
    belongs = _MEMBER.get(cause.shared, _anybody)
    members = [health for health in fleet.gpus if health.gpu.node and belongs(health.gpu, cause.value)]
    failing = [health for health in members if health.failures_per_hour > 0]
    failing = failing or [health for health in members if health.failed]
    return tuple(sorted({health.gpu.node for health in failing}))
