"""The node conditions of a healthy node: who reports them and in which words."""

from __future__ import annotations

from dataclasses import dataclass

KUBELET = "kubelet"
NPD = "node-problem-detector"
CNI = "cilium-agent"
GCM = "gcm-health-checks"


@dataclass(frozen=True, slots=True)
class HealthyCondition:
    """One condition type and its good value."""

    type: str
    status: str
    reason: str
    message: str
    reporter: str

    @property
    def bad_reason(self) -> str:
        """The reason its reporter gives when it turns bad, as far as the type's family has a rule."""
        if self.reason.endswith("Good"):
            return self.reason.removesuffix("Good") + "Bad"
        if self.reason.endswith("Passed"):
            return self.reason.removesuffix("Passed") + "Failed"
        return {"KernelHasNoDeadlock": "DockerHung", "FilesystemIsNotReadOnly": "FilesystemIsReadOnly"}.get(
            self.reason, self.type
        )


BASE: tuple[HealthyCondition, ...] = (
    HealthyCondition("NetworkUnavailable", "False", "CiliumIsUp", "Cilium is running on this node", CNI),
    HealthyCondition(
        "MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available", KUBELET
    ),
    HealthyCondition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure", KUBELET),
    HealthyCondition(
        "PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available", KUBELET
    ),
    HealthyCondition("Ready", "True", "KubeletReady", "kubelet is posting ready status", KUBELET),
    HealthyCondition("KernelDeadlock", "False", "KernelHasNoDeadlock", "kernel has no deadlock", NPD),
    HealthyCondition("ReadonlyFilesystem", "False", "FilesystemIsNotReadOnly", "Filesystem is not read-only", NPD),
    HealthyCondition("GpuCount", "False", "GpuCountGood", "GPU count is as expected", NPD),
    HealthyCondition("GpuXid", "False", "GpuXidGood", "No GPU XID errors", NPD),
    HealthyCondition("GpuEcc", "False", "GpuEccGood", "No GPU ECC errors", NPD),
    HealthyCondition("GpuNvlink", "False", "GpuNvlinkGood", "NVLink is up", NPD),
    HealthyCondition("GpuThrottle", "False", "GpuThrottleGood", "GPUs are not throttled", NPD),
    HealthyCondition("IbDev", "False", "IbDevGood", "InfiniBand devices are active", NPD),
)
"""On every node, in the order the API server lists them."""

_GCM_CHECKS = {
    "GcmXidErrorsProblem": "XID errors check passed",
    "GcmSmiEccProblem": "nvidia-smi ECC check passed",
    "GcmSmiDisconnectedProblem": "nvidia-smi GPU connectivity check passed",
    "GcmProcZombieProblem": "Zombie process check passed",
    "GcmDcgmiNvlinkStatusProblem": "DCGM NVLink status check passed",
    "GcmDcgmiDiagProblem": "DCGM diagnostics check passed",
}

GCM_BASE: tuple[HealthyCondition, ...] = tuple(
    HealthyCondition(name, "False", f"{name.removesuffix('Problem')}CheckPassed", message, GCM)
    for name, message in _GCM_CHECKS.items()
)
"""On every node of a fleet where some fact speaks of a `Gcm...Problem`: the health checks are then installed."""


def base_conditions(*, with_gcm: bool) -> tuple[HealthyCondition, ...]:
    """The conditions every node of a fleet has."""
    return BASE + GCM_BASE if with_gcm else BASE


def reporter_of(condition_type: str) -> str:
    """Who writes a condition of this type when a fact does not say."""
    known = {item.type: item.reporter for item in BASE + GCM_BASE}
    return known.get(condition_type, NPD)
