"""Node conditions: which status of which type is bad, which types are watched, and which kind of fault each speaks of.

Pure knowledge for the watcher, the data sources and triage. Reporters disagree on polarity (`Ready` is good when True,
`GcmXidErrorsProblem` is bad when True, the EKS agent's types are good again), so it is looked up by type. A custom type
nobody listed is never assumed to be bad.

An operator's list (`GCM_SENTINEL_WATCH_CONDITIONS`) holds names and globs; ``Type`` means bad when True, ``Type=False``
bad when False, ``!Type`` not watched. A name whose polarity is known keeps it unless the entry spells a status out.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Literal, TypeAlias

from gcm_sentinel.domain.globs import matches

ConditionState: TypeAlias = Literal["problem", "unknown", "ok", "unlisted"]


class Family(StrEnum):
    """A kind of fault: what conditions of different reporters about the same thing have in common."""

    GPU_MEMORY = "gpu-memory"
    GPU_BUS = "gpu-bus"
    GPU = "gpu"
    XID = "xid"
    NVLINK = "nvlink"
    THERMAL = "thermal"
    NETWORK = "network"
    STORAGE = "storage"
    HOST = "host"
    KUBELET = "kubelet"
    CHECK = "check"
    """About the checkers themselves: DCGM, diagnostics that could not run."""
    MAINTENANCE = "maintenance"
    SDC = "sdc"
    """Silent data corruption: what a SENTINEL gateway tells."""
    OTHER = "other"


GCM_CONDITIONS: tuple[str, ...] = (
    "GcmXidErrorsProblem", "GcmSmiEccProblem", "GcmSmiDisconnectedProblem", "GcmProcZombieProblem",
    "GcmDcgmiNvlinkStatusProblem", "GcmDcgmiDiagProblem",
    "NPDXidErrorsProblem", "NPDSmiEccProblem", "NPDSmiDisconnectedProblem", "NPDProcZombieProblem",
    "NPDDcgmiNvlinkStatusProblem", "NPDDcgmiDiagProblem", "NPDDcgmRunningProblem",
)  # fmt: skip
"""The thirteen types the original agent watches."""

NVSENTINEL_CONDITIONS: tuple[str, ...] = (
    "GpuMemWatch", "GpuThermalWatch", "GpuPcieWatch", "GpuPowerWatch", "GpuInforomWatch", "GpuSmWatch",
    "GpuNvlinkWatch", "GpuMcuWatch", "GpuPmuWatch", "GpuDriverWatch", "GpuCpusetWatch", "GpuXidError",
    "GpuDcgmConnectivityFailure", "GpuDcgmUnresponsive",
    "SysLogsXIDError", "SysLogsSXIDError", "SysLogsGPUFallenOff", "SysLogsNICDriverError",
    "InfiniBandStateCheck", "InfiniBandDegradationCheck", "InfiniBandCharDeviceCheck", "EthernetStateCheck",
    "EthernetDegradationCheck", "EFAStateCheck", "EFADegradationCheck",
    "MultipleRemediations", "RepeatedXIDErrorOnSameGPU", "XID74Reg0*", "RepeatedNIC*",
    "NVSwitchFatalError", "NVSwitchDown", "NVSwitchNonFatalError", "DCGMError", "CSPMaintenance", "SyslogError",
)  # fmt: skip
"""NVSentinel's check names, as its platform-connector writes them on the node."""

AKS_CONDITIONS: tuple[str, ...] = ("GpuCount", "GpuXid", "GpuEcc", "GpuNvlink", "GpuThrottle", "GpuVbios", "IbDev")
"""The GPU types of AKS's node-problem-detector."""

NPD_CONDITIONS: tuple[str, ...] = (
    "KernelDeadlock", "ReadonlyFilesystem", "XfsShutdown", "CperHardwareErrorFatal", "CorruptDockerOverlay2",
    "FrequentKubeletRestart", "FrequentContainerdRestart", "FrequentDockerRestart", "FrequentUnregisterNetDevice",
    "KubeletUnhealthy", "ContainerRuntimeUnhealthy", "KubeProxyUnhealthy", "NTPProblem", "DiskBadBlock",
)  # fmt: skip
"""The types of a stock node-problem-detector."""

EKS_CONDITIONS: tuple[str, ...] = (
    "KernelReady", "NetworkingReady", "StorageReady", "ContainerRuntimeReady", "AcceleratedHardwareReady",
)  # fmt: skip
"""The types of the EKS node monitoring agent: good when True."""

DEFAULT_WATCH_CONDITIONS: tuple[str, ...] = (
    *GCM_CONDITIONS, *NVSENTINEL_CONDITIONS, *AKS_CONDITIONS, *EKS_CONDITIONS, *NPD_CONDITIONS, "Ready",
)  # fmt: skip
"""What is watched where the operator says nothing."""

CORE_CONDITIONS: tuple[str, ...] = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")
"""The types of Kubernetes itself."""

_GOOD_WHEN_TRUE = frozenset({"Ready", *EKS_CONDITIONS, "MemoryHealthy", "ThermalHealthy"})
"""`MemoryHealthy` and `ThermalHealthy` are the Device API's, whose polarity is the opposite of NVSentinel's."""

_BAD_WHEN_TRUE: tuple[str, ...] = (
    "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable", "VMEventScheduled",
    *GCM_CONDITIONS, "Gcm*Problem", "NPD*Problem", *NVSENTINEL_CONDITIONS, *AKS_CONDITIONS, *NPD_CONDITIONS,
)  # fmt: skip
"""`Gcm*Problem` covers the extra checks of the GCM chart, `VMEventScheduled` the maintenance notices of AKS."""

_BAD_UNLESS_TRUE = frozenset({"Ready"})
"""Types whose Unknown is itself the problem: the node controller sets it when the kubelet falls silent."""


def state_of(type_: str, status: str, patterns: Iterable[str] = ()) -> ConditionState:
    """What `status` of a condition type says, given the operator's watch list.

    ``unknown`` when the checker could not tell, ``unlisted`` for a type without known polarity that nobody listed.
    """
    bad = _bad_status(type_, tuple(patterns))
    if bad is None:
        return "unlisted"
    if status == bad:
        return "problem"
    if status in ("True", "False"):
        return "ok"
    return "problem" if type_ in _BAD_UNLESS_TRUE else "unknown"


def is_watched(type_: str, patterns: Iterable[str]) -> bool:
    """Whether the operator's list covers the type; an exact name wins over a glob, ``!`` excludes."""
    return _is_watched(type_, tuple(patterns))


@lru_cache(maxsize=4096)
def _is_watched(type_: str, patterns: tuple[str, ...]) -> bool:
    return matches(type_, [_name(pattern) for pattern in patterns])


def has_known_polarity(type_: str) -> bool:
    """Whether the type is one of those this module knows, without any operator's list."""
    return type_ in _GOOD_WHEN_TRUE or matches(type_, _BAD_WHEN_TRUE)


def _name(pattern: str) -> str:
    name, _, status = pattern.rpartition("=")
    return name if name and status in ("True", "False") else pattern


@lru_cache(maxsize=4096)  # a fleet has a hundred types and a million conditions
def _bad_status(type_: str, patterns: tuple[str, ...]) -> str | None:
    """The status that means trouble; None when nobody said."""
    listed = [pattern for pattern in patterns if fnmatchcase(type_, _name(pattern))]
    listed.sort(key=lambda pattern: _name(pattern) != type_)  # an exact entry first
    spelt_out = [pattern.rpartition("=")[2] for pattern in listed if _name(pattern) != pattern]
    if spelt_out:
        return spelt_out[0]
    if type_ in _GOOD_WHEN_TRUE:
        return "False"
    if listed or matches(type_, _BAD_WHEN_TRUE):
        return "True"
    return None


_FAMILIES: tuple[tuple[Family, tuple[str, ...]], ...] = (
    (Family.SDC, ("Sentinel*", "*Sdc*", "*SDC*", "*SilentData*")),
    (Family.MAINTENANCE, ("CSPMaintenance", "VMEventScheduled")),
    (Family.NVLINK, ("*Nvlink*", "*NVLink*", "*SXID*", "NVSwitch*", "XID74Reg0*")),
    (Family.CHECK, ("*Dcgmi*", "*DcgmRunning*", "GpuDcgm*", "DCGM*")),
    (Family.XID, ("*Xid*", "*XID*", "SyslogError")),
    (Family.GPU_MEMORY, ("*Ecc*", "*ECC*", "*RowRemap*", "GpuMem*", "MemoryHealthy", "*RetiredPages*")),
    (Family.GPU_BUS, ("*Disconnected*", "GpuCount", "*Pcie*", "*PCIe*", "*Pci*", "*FallenOff*")),
    (Family.THERMAL, ("*Therm*", "*Throttl*", "*Power*", "*Sensors*", "*Temp*")),
    (
        Family.NETWORK,
        ("IbDev", "*InfiniBand*", "Ethernet*", "EFA*", "*NIC*", "Network*", "*NetDevice", "Gcm*Ib*", "Gcm*Link*"),
    ),
    (Family.STORAGE, ("*Filesystem*", "Xfs*", "Disk*", "Storage*", "*Blockdev*", "CorruptDockerOverlay2")),
    (Family.KUBELET, ("Ready", "*Kubelet*", "*KubeProxy*", "*Containerd*", "*Docker*", "ContainerRuntime*")),
    (Family.HOST, ("Kernel*", "*Zombie*", "MemoryPressure", "PIDPressure", "Cper*", "NTP*", "*Dstate*", "*Clock*")),
    (Family.GPU, ("*Gpu*", "*GPU*", "Accelerated*", "MultipleRemediations")),
)  # fmt: skip
"""First match wins: `SysLogsSXIDError` is about NVSwitch although it also reads as an Xid."""


def fault_family(type_: str) -> Family:
    """The kind of fault a condition type (or alert name) speaks of; `other` when its name tells nothing."""
    for family, patterns in _FAMILIES:
        if any(fnmatchcase(type_, pattern) for pattern in patterns):
            return family
    return Family.OTHER
