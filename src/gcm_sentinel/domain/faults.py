"""The closed list of fault classes: what a root cause may be.

A class names the *cause*, not the symptom: Xid 79 is a symptom, `gpu_off_bus` the cause class it may point to. A model
picks exactly one for an incident, `multiple_faults` when independent causes meet, `inconclusive` when the evidence does
not decide, `healthy` when nothing is wrong. The sentence beside each class is shown to the model and in reports.
"""

from __future__ import annotations

from enum import StrEnum


class FaultClass(StrEnum):
    """The root-cause classes, by family."""

    # single-GPU hardware
    GPU_OFF_BUS = "gpu_off_bus"
    GPU_INIT_FAILURE = "gpu_init_failure"
    GPU_PMU_FAULT = "gpu_pmu_fault"
    GPU_MMU_HARDWARE = "gpu_mmu_hardware"
    GPU_SM_DEFECT = "gpu_sm_defect"
    GPU_HARDWARE_OTHER = "gpu_hardware_other"
    # GPU memory
    HBM_REMAP_PENDING = "hbm_remap_pending"
    HBM_CONTAINED_ERROR = "hbm_contained_error"
    HBM_UNCONTAINED_ERROR = "hbm_uncontained_error"
    HBM_REMAP_EXHAUSTED = "hbm_remap_exhausted"
    HBM_CORRECTABLE_STORM = "hbm_correctable_storm"
    HBM_ECC_ESCAPE = "hbm_ecc_escape"
    SRAM_UNCORRECTABLE = "sram_uncorrectable"
    # NVLink, NVSwitch, fabric
    NVLINK_MARGINAL_LINK = "nvlink_marginal_link"
    NVLINK_HARDWARE = "nvlink_hardware"
    NVSWITCH_FAULT = "nvswitch_fault"
    NVLINK_SHARED_PATH = "nvlink_shared_path"
    FABRIC_MANAGER_DOWN = "fabric_manager_down"
    NVSWITCH_NOISE = "nvswitch_noise"
    # PCIe
    PCIE_LINK_DEGRADED = "pcie_link_degraded"
    PCIE_IDLE_DOWNSHIFT = "pcie_idle_downshift"
    PCIE_ACS_MISCONFIGURED = "pcie_acs_misconfigured"
    PCIE_COUNTER_NOISE = "pcie_counter_noise"
    # thermal and power
    GPU_THERMAL_INTERFACE = "gpu_thermal_interface"
    CHASSIS_COOLING = "chassis_cooling"
    FACILITY_COOLING = "facility_cooling"
    POWER_CAP_NORMAL = "power_cap_normal"
    POWER_SUPPLY = "power_supply"
    RACK_POWER = "rack_power"
    AMBIENT_VARIATION = "ambient_variation"
    # driver, firmware
    GSP_HANG = "gsp_hang"
    DRIVER_NOT_LOADED = "driver_not_loaded"
    DRIVER_LOCKUP = "driver_lockup"
    DRIVER_ROLLOUT_REGRESSION = "driver_rollout_regression"
    # applications
    APP_MEMORY_FAULT = "app_memory_fault"
    APP_CRASH_LOOP = "app_crash_loop"
    APP_OUT_OF_MEMORY = "app_out_of_memory"
    APP_HANG = "app_hang"
    TRANSIENT_XID = "transient_xid"
    # Kubernetes and the tools around it
    DEVICE_PLUGIN_DOWN = "device_plugin_down"
    MONITORING_GAP = "monitoring_gap"
    STALE_CONDITION = "stale_condition"
    CHECK_NOT_RUN = "check_not_run"
    CONTAINER_DEVICE_ACCESS_LOST = "container_device_access_lost"
    BAD_IMAGE_ROLLOUT = "bad_image_rollout"
    MIG_MISCONFIGURED = "mig_misconfigured"
    # storage, network
    STORAGE_STALL = "storage_stall"
    LEAF_SWITCH_DOWN = "leaf_switch_down"
    NIC_LINK_FAULT = "nic_link_fault"
    NIC_BENIGN_MESSAGE = "nic_benign_message"
    NETWORK_CONGESTION = "network_congestion"
    # host and kubelet
    KUBELET_DOWN = "kubelet_down"
    HOST_MEMORY = "host_memory"
    HOST_DISK = "host_disk"
    HOST_LOCKUP = "host_lockup"
    ZOMBIE_PROCESSES = "zombie_processes"
    CLOCK_SKEW = "clock_skew"
    NODE_LOST = "node_lost"
    # maintenance
    PLANNED_MAINTENANCE = "planned_maintenance"
    PROVIDER_MAINTENANCE = "provider_maintenance"
    MAINTENANCE_OVERRUN = "maintenance_overrun"
    # silent data corruption
    SDC_CONFIRMED = "sdc_confirmed"
    SDC_SUSPECTED = "sdc_suspected"
    SDC_PROBE_DEFECT = "sdc_probe_defect"
    SDC_PROBE_STARVED = "sdc_probe_starved"
    TRAINING_DATA_ANOMALY = "training_data_anomaly"
    # integrity, identity, tests
    LEDGER_TAMPERED = "ledger_tampered"
    LEDGER_TORN_TAIL = "ledger_torn_tail"
    FORGED_SIGNAL = "forged_signal"
    STALE_IDENTITY = "stale_identity"
    TEST_DRILL = "test_drill"
    # verdicts about the whole
    MULTIPLE_FAULTS = "multiple_faults"
    HEALTHY = "healthy"
    INCONCLUSIVE = "inconclusive"


MEANING: dict[FaultClass, str] = {
    FaultClass.GPU_OFF_BUS: "a GPU no longer answers on PCIe (Xid 79); its PCIe path, power or board failed",
    FaultClass.GPU_INIT_FAILURE: "a GPU did not initialise at boot (RmInitAdapter failed); board or seating",
    FaultClass.GPU_PMU_FAULT: "the GPU's power management unit halted (Xid 61, 62), recurring on one GPU",
    FaultClass.GPU_MMU_HARDWARE: "page faults (Xid 31) that stay on one GPU across different jobs",
    FaultClass.GPU_SM_DEFECT: "errors that repeat on one SM, TPC or GPC of one GPU across jobs (Xid 13 same place)",
    FaultClass.GPU_HARDWARE_OTHER: "GPU hardware fault of another kind (Xid 46, 110, 158, copy engine on one GPU)",
    FaultClass.HBM_REMAP_PENDING: "one HBM row retired, contained; takes effect at the next GPU reset (Xid 63 alone)",
    FaultClass.HBM_CONTAINED_ERROR: "uncorrectable HBM error, contained to one process (Xid 48, 63, 94)",
    FaultClass.HBM_UNCONTAINED_ERROR: "uncorrectable memory error that was not contained (Xid 95); all clients suspect",
    FaultClass.HBM_REMAP_EXHAUSTED: "row remapping failed, the bank has no spare rows (Xid 64, ROW_REMAP_FAILURE): RMA",
    FaultClass.HBM_CORRECTABLE_STORM: "heavy correctable errors with many remaps, slowing the GPU (Xid 92)",
    FaultClass.HBM_ECC_ESCAPE: "an ECC error the driver could not offline or remap (Xid 140)",
    FaultClass.SRAM_UNCORRECTABLE: "uncorrectable SRAM errors (Xid 172, SRAM threshold exceeded)",
    FaultClass.NVLINK_MARGINAL_LINK: "one NVLink with marginal signal integrity: replays, recoveries, daily Xid 74",
    FaultClass.NVLINK_HARDWARE: "NVLink hardware fault on one GPU (ECC/parity words of Xid 74, Xid 144-150 fatal)",
    FaultClass.NVSWITCH_FAULT: "an NVSwitch failed (fatal SXid), all its GPUs affected",
    FaultClass.NVLINK_SHARED_PATH: "a cable cartridge or switch tray shared by several NVLink ends",
    FaultClass.FABRIC_MANAGER_DOWN: "fabric manager not running or of another version than the driver",
    FaultClass.NVSWITCH_NOISE: "benign, corrected or informational NVSwitch messages (SXid 11012, 22013, ...)",
    FaultClass.PCIE_LINK_DEGRADED: "a PCIe link runs narrower or slower than its peers under load, or replays steadily",
    FaultClass.PCIE_IDLE_DOWNSHIFT: "PCIe link generation drops at idle to save power; normal",
    FaultClass.PCIE_ACS_MISCONFIGURED: "ACS or another firmware default forces peer traffic through the root complex",
    FaultClass.PCIE_COUNTER_NOISE: "an old burst in a cumulative PCIe replay counter, flat since",
    FaultClass.GPU_THERMAL_INTERFACE: "one GPU hotter than its peers at equal power: paste, cold plate or pump",
    FaultClass.CHASSIS_COOLING: "fans or airflow of one chassis: all its GPUs hot, inlet normal",
    FaultClass.FACILITY_COOLING: "room or rack cooling: inlet temperatures up across nodes",
    FaultClass.POWER_CAP_NORMAL: "GPUs at their power limit under full load; normal",
    FaultClass.POWER_SUPPLY: "PSU, power cable or auxiliary power of one node (Xid 54, power brake)",
    FaultClass.RACK_POWER: "power feed of a rack: several nodes at once",
    FaultClass.AMBIENT_VARIATION: "small daily throughput change with ambient temperature; normal",
    FaultClass.GSP_HANG: "the GPU System Processor stopped answering (Xid 119, 120)",
    FaultClass.DRIVER_NOT_LOADED: "the driver is not loaded or not usable on this node's kernel or image",
    FaultClass.DRIVER_LOCKUP: "the driver locked up the node; cause unknown",
    FaultClass.DRIVER_ROLLOUT_REGRESSION: "symptoms on many nodes that began with a driver or firmware rollout",
    FaultClass.APP_MEMORY_FAULT: "an application's illegal memory access (Xid 13, 31) that follows the job across GPUs",
    FaultClass.APP_CRASH_LOOP: "one crash-looping workload floods the log",
    FaultClass.APP_OUT_OF_MEMORY: "a workload ran out of GPU or host memory",
    FaultClass.APP_HANG: "a workload hung or timed out by itself; the GPUs are well",
    FaultClass.TRANSIENT_XID: "a single application-class or transient Xid, not repeated",
    FaultClass.DEVICE_PLUGIN_DOWN: "the GPU device plugin is not running or misconfigured; GPUs are well",
    FaultClass.MONITORING_GAP: "an exporter or its pipeline is down; GPU health is unknown for the gap",
    FaultClass.STALE_CONDITION: "a condition or sticky gauge still shows a fault that is over",
    FaultClass.CHECK_NOT_RUN: "the health check could not run; its True condition says nothing about the GPU",
    FaultClass.CONTAINER_DEVICE_ACCESS_LOST: "running containers lost device access (daemon-reload); GPUs are well",
    FaultClass.BAD_IMAGE_ROLLOUT: "an operator DaemonSet's image cannot be pulled or crashes since a change",
    FaultClass.MIG_MISCONFIGURED: "a MIG profile that does not match what the workloads request",
    FaultClass.STORAGE_STALL: "shared storage does not answer; tasks blocked on many nodes",
    FaultClass.LEAF_SWITCH_DOWN: "a leaf switch or rail: the same NIC index fails on many nodes at once",
    FaultClass.NIC_LINK_FAULT: "one NIC, cable or port of one node",
    FaultClass.NIC_BENIGN_MESSAGE: "a NIC driver message known to be harmless on this board",
    FaultClass.NETWORK_CONGESTION: "congestion: waiting counters rise, no errors",
    FaultClass.KUBELET_DOWN: "the kubelet stopped reporting (certificate, crash) while the node works on",
    FaultClass.HOST_MEMORY: "host DIMM error (MCE, EDAC)",
    FaultClass.HOST_DISK: "a local disk or filesystem fault",
    FaultClass.HOST_LOCKUP: "kernel panic, soft or hard lockup of the host",
    FaultClass.ZOMBIE_PROCESSES: "unreaped or uninterruptible processes on the host",
    FaultClass.CLOCK_SKEW: "the node's clock is wrong",
    FaultClass.NODE_LOST: "the node is gone: no kubelet, no exporter, no log",
    FaultClass.PLANNED_MAINTENANCE: "announced work inside its window explains the symptoms",
    FaultClass.PROVIDER_MAINTENANCE: "the provider announced maintenance of the host",
    FaultClass.MAINTENANCE_OVERRUN: "maintenance ended or overran and left a fault behind",
    FaultClass.SDC_CONFIRMED: "silent data corruption proven on one GPU or SM by repeated exact probes or votes",
    FaultClass.SDC_SUSPECTED: "silent data corruption likely but not yet localised or repeated",
    FaultClass.SDC_PROBE_DEFECT: "a probe or its golden answer is wrong: it fails everywhere alike",
    FaultClass.SDC_PROBE_STARVED: "probes timed out on busy GPUs; not a failure",
    FaultClass.TRAINING_DATA_ANOMALY: "a loss or gradient spike caused by data or settings, the same on every rank",
    FaultClass.LEDGER_TAMPERED: "the audit ledger's chain does not verify and no crash explains it",
    FaultClass.LEDGER_TORN_TAIL: "a crash left the ledger's last entries unsealed; nothing that was signed is changed",
    FaultClass.FORGED_SIGNAL: "a fault line that did not come from where it claims (log spoof, test fixture)",
    FaultClass.STALE_IDENTITY: "the alert names the wrong node or GPU; the part has moved",
    FaultClass.TEST_DRILL: "a test or drill, announced or recognisable as such",
    FaultClass.MULTIPLE_FAULTS: "several independent causes, each named in the claims",
    FaultClass.HEALTHY: "nothing is wrong with what was reported",
    FaultClass.INCONCLUSIVE: "the evidence does not decide",
}

BENIGN = frozenset({
    FaultClass.NVSWITCH_NOISE, FaultClass.PCIE_IDLE_DOWNSHIFT, FaultClass.PCIE_COUNTER_NOISE,
    FaultClass.POWER_CAP_NORMAL, FaultClass.AMBIENT_VARIATION, FaultClass.TRANSIENT_XID, FaultClass.STALE_CONDITION,
    FaultClass.NIC_BENIGN_MESSAGE, FaultClass.PLANNED_MAINTENANCE, FaultClass.SDC_PROBE_STARVED,
    FaultClass.TEST_DRILL, FaultClass.HEALTHY,
})  # fmt: skip
"""Classes in which no infrastructure is at fault and no node action is due."""
