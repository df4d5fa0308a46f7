"""Conditions of different reporters about the same kind of fault have the same family."""

from __future__ import annotations

import pytest

from gcm_sentinel.domain.conditions import DEFAULT_WATCH_CONDITIONS, Family, fault_family


@pytest.mark.parametrize(
    ("types", "family"),
    [
        (("GcmSmiEccProblem", "NPDSmiEccProblem", "GpuEcc", "GpuMemWatch", "GcmRowRemapProblem"), Family.GPU_MEMORY),
        (("GcmSmiDisconnectedProblem", "GpuCount", "GpuPcieWatch", "SysLogsGPUFallenOff"), Family.GPU_BUS),
        (("GcmXidErrorsProblem", "GpuXid", "GpuXidError", "SysLogsXIDError", "RepeatedXIDErrorOnSameGPU"), Family.XID),
        (("GcmDcgmiNvlinkStatusProblem", "GpuNvlink", "SysLogsSXIDError", "XID74Reg0Bits"), Family.NVLINK),
        (("GpuThrottle", "GpuThermalWatch", "GpuPowerWatch", "GcmSensorsProblem"), Family.THERMAL),
        (("IbDev", "InfiniBandStateCheck", "EFAStateCheck", "SysLogsNICDriverError"), Family.NETWORK),
        (("ReadonlyFilesystem", "DiskBadBlock", "DiskPressure", "StorageReady"), Family.STORAGE),
        (("Ready", "KubeletUnhealthy", "FrequentContainerdRestart", "ContainerRuntimeReady"), Family.KUBELET),
        (("KernelDeadlock", "GcmProcZombieProblem", "NTPProblem", "KernelReady"), Family.HOST),
        (("GcmDcgmiDiagProblem", "NPDDcgmRunningProblem", "GpuDcgmUnresponsive", "DCGMError"), Family.CHECK),
        (("GpuSmWatch", "GpuDriverWatch", "AcceleratedHardwareReady", "GpuVbios"), Family.GPU),
        (("CSPMaintenance",), Family.MAINTENANCE),
        (("SiteSpecificThing",), Family.OTHER),
    ],
    ids=lambda value: str(value) if isinstance(value, Family) else "",
)  # fmt: skip
def test_family_of_types(types, family):
    assert {type_: fault_family(type_) for type_ in types} == dict.fromkeys(types, family)


def test_every_default_type_has_a_family():
    assert [type_ for type_ in DEFAULT_WATCH_CONDITIONS if fault_family(type_) is Family.OTHER] == []
