"""node-exporter's metrics that tell a host's fault from a GPU's: InfiniBand, EDAC, hwmon, time, load, memory, units."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sentinel_fleet import facts as f
from sentinel_fleet.baseline.services import BASE_UNITS
from sentinel_fleet.history.node import NodeHistory
from sentinel_fleet.metrics.catalogue import Described, MetricType, Variant
from sentinel_fleet.metrics.signals import MEMORY_TOTAL_BYTES, NodeSignals
from sentinel_fleet.stable import jitter, seed64, unit

HostValue = Callable[[NodeSignals, Variant, float, int], float]
Variants = Callable[[NodeHistory], Iterator[Variant]]

_UNIT_STATES = ("active", "activating", "deactivating", "failed", "inactive")
_NIC_RATE_BYTES = 5e10
_IPMI = "platform_ipmi_0"


def _one(history: NodeHistory) -> Iterator[Variant]:
    yield Variant()


def _labelled(*labels: dict[str, str]) -> Variants:
    return lambda history: (Variant(each) for each in labels)


def _nics(history: NodeHistory) -> Iterator[Variant]:
    for index in range(history.fleet.spec.nics_per_node):
        yield Variant({"device": f"mlx5_{index}", "port": "1"}, nic=f"mlx5_{index}")


def _pci_devices(history: NodeHistory) -> Iterator[Variant]:
    for gpu in history.fleet.gpus(history.name):
        segment, bus, device = gpu.pci.split(":")
        yield Variant({"segment": segment, "bus": bus, "device": device, "function": "0"}, gpu=gpu.index)


def _units(history: NodeHistory) -> Iterator[Variant]:
    names = dict.fromkeys([*BASE_UNITS, *(fact.unit for fact in history.of(f.ServiceFact))])
    for name in names:
        for state in _UNIT_STATES:
            yield Variant({"name": service_name(name), "state": state, "type": "simple"})


def service_name(unit: str) -> str:
    """The unit with its suffix."""
    return unit if "." in unit else f"{unit}.service"


@dataclass(frozen=True, slots=True)
class HostMetric(Described):
    """One metric of node-exporter."""

    value: HostValue = lambda signals, variant, t, k: 0.0
    variants: Variants = _one


def _plain(name: str, text: str, value: HostValue, noise: float = 0.0) -> HostMetric:
    return HostMetric(f"node_{name}", "gauge", text, noise, value)


def _many(name: str, kind: MetricType, text: str, variants: Variants, value: HostValue) -> HostMetric:
    return HostMetric(f"node_{name}", kind, text, 0.01 if name.startswith("hwmon") else 0.0, value, variants)


def _errors(name: str, text: str) -> HostMetric:
    """An InfiniBand error counter: at zero, or at a small old value on some ports."""

    def value(signals: NodeSignals, variant: Variant, t: float, k: int) -> float:
        seed = seed64(signals.seed, name, variant.nic)
        return float(int(1 + 5 * unit(seed, 1))) if unit(seed, 0) < 0.05 else 0.0

    return HostMetric(f"node_infiniband_{name}", "counter", text, 0.0, value, _nics)


def _traffic(name: str, text: str, rate: float) -> HostMetric:
    def value(signals: NodeSignals, variant: Variant, t: float, k: int) -> float:
        return float(int(signals.worked(t, k, rate, seed64(name, variant.nic))))

    return HostMetric(f"node_infiniband_{name}", "counter", text, 0.0, value, _nics)


def _unit_state(signals: NodeSignals, variant: Variant, t: float, k: int) -> float:
    state = "active"
    for fact in signals.history.of(f.ServiceFact):
        same = service_name(fact.unit) == variant.labels["name"]
        if same and fact.state is not None and signals.history.absolute(fact) <= t:
            state = fact.state
    return float(state == variant.labels["state"])


def _timex_offset(signals: NodeSignals, variant: Variant, t: float, k: int) -> float:
    return round(signals.history.clock_offset_s(t) + 4e-5 * jitter(signals.seed ^ 0x71, k), 9)


def _temperature(signals: NodeSignals, variant: Variant, t: float, k: int) -> float:
    inlet = variant.labels["sensor"] == "inlet_temp"
    return signals.inlet_c(t, k) if inlet else signals.outlet_c(t, k)


def _link_width(signals: NodeSignals, variant: Variant, t: float, k: int) -> float:
    return 16.0


def _link_speed(signals: NodeSignals, variant: Variant, t: float, k: int) -> float:
    return {4: 1.6e10, 5: 3.2e10, 6: 6.4e10}[signals.fleet.model.pcie_gen]


_DISKS = _labelled({"device": "/dev/nvme0n1p2", "fstype": "ext4", "mountpoint": "/"},
                   {"device": "/dev/nvme1n1", "fstype": "xfs", "mountpoint": "/var/lib/containerd"})  # fmt: skip
_BONDS = _labelled({"device": "bond0"}, {"device": "eth0"}, {"device": "eth1"})
_CONTROLLERS = _labelled({"controller": "0"}, {"controller": "1"})
_FANS = _labelled(*({"chip": _IPMI, "sensor": f"fan{number}"} for number in range(1, 9)))
_AIR = _labelled({"chip": _IPMI, "sensor": "inlet_temp"}, {"chip": _IPMI, "sensor": "outlet_temp"})
_INPUT = _labelled({"chip": "power_meter_acpi000d_00", "sensor": "power1"})

HOST: tuple[HostMetric, ...] = (
    _plain("boot_time_seconds", "Node boot time, in unixtime.", lambda s, v, t, k: float(int(s.history.boot_at(t).at))),
    _plain(
        "time_seconds", "System time in seconds since epoch (1970).",
        lambda s, v, t, k: round(t + s.history.clock_offset_s(t), 3),
    ),
    _plain("load1", "1m load average.", lambda s, v, t, k: s.load(t, 60.0), 0.02),
    _plain("load5", "5m load average.", lambda s, v, t, k: s.load(t, 300.0), 0.01),
    _plain("load15", "15m load average.", lambda s, v, t, k: s.load(t, 900.0), 0.01),
    _plain("procs_blocked", "Number of processes blocked waiting for I/O to complete.",
           lambda s, v, t, k: float(unit(s.seed ^ 0x72, k) < 0.08)),
    _plain("procs_running", "Number of processes in runnable state.",
           lambda s, v, t, k: float(1 + int(s.load(t, 60.0) * (0.7 + 0.5 * unit(s.seed ^ 0x73, k)))), 0.05),
    _plain("timex_offset_seconds", "Time offset in between local system and reference clock.", _timex_offset),
    _plain("timex_sync_status", "Is clock synchronized to a reliable server (1 = yes, 0 = no).",
           lambda s, v, t, k: float(abs(s.history.clock_offset_s(t)) < 1.0)),
    _many("edac_correctable_errors_total", "counter", "Total correctable memory errors.", _CONTROLLERS,
          lambda s, v, t, k: float(int(3 * unit(s.seed, 81)))),
    _many("edac_uncorrectable_errors_total", "counter", "Total uncorrectable memory errors.", _CONTROLLERS,
          lambda s, v, t, k: 0.0),
    _many("hwmon_temp_celsius", "gauge", "Hardware monitor for temperature (input)", _AIR, _temperature),
    _many("hwmon_fan_rpm", "gauge", "Hardware monitor for fan revolutions per minute (input)", _FANS,
          lambda s, v, t, k: s.fan_rpm(t, k, int(v.labels["sensor"].removeprefix("fan")))),
    _many("hwmon_power_average_watt", "gauge", "Hardware monitor for power usage in watts (average)", _INPUT,
          lambda s, v, t, k: s.chassis_power_w(t, k)),
    _plain("memory_MemTotal_bytes", "Memory information field MemTotal_bytes.",
           lambda s, v, t, k: MEMORY_TOTAL_BYTES),
    _plain("memory_MemAvailable_bytes", "Memory information field MemAvailable_bytes.",
           lambda s, v, t, k: s.memory_available(t), 0.002),
    HostMetric("node_vmstat_oom_kill", "counter", "/proc/vmstat information field oom_kill."),
    HostMetric("node_systemd_unit_state", "gauge", "Systemd unit", 0.0, _unit_state, _units),
    _many("network_up", "gauge", "Value is 1 if operstate is 'up', 0 otherwise.", _BONDS, lambda s, v, t, k: 1.0),
    _many("network_carrier_changes_total", "counter", "Network device property: carrier_changes_total", _BONDS,
          lambda s, v, t, k: 2.0),
    _many("network_receive_errs_total", "counter", "Network device statistic receive_errs.", _BONDS,
          lambda s, v, t, k: 0.0),
    _many("network_receive_bytes_total", "counter", "Network device statistic receive_bytes.", _BONDS,
          lambda s, v, t, k: float(int(s.grown(t, k, 2.2e7, seed64(v.labels["device"]))))),
    _many("network_transmit_bytes_total", "counter", "Network device statistic transmit_bytes.", _BONDS,
          lambda s, v, t, k: float(int(s.grown(t, k, 1.3e7, seed64("tx", v.labels["device"]))))),
    _many("filesystem_size_bytes", "gauge", "Filesystem size in bytes.", _DISKS,
          lambda s, v, t, k: 9.4e11 if v.labels["mountpoint"] == "/" else 7.6e12),
    _many("filesystem_avail_bytes", "gauge", "Filesystem space available to non-root users in bytes.", _DISKS,
          lambda s, v, t, k: float(int((6.1e11 if v.labels["mountpoint"] == "/" else 5.2e12)
                                       * (1 + 0.01 * jitter(s.seed, int(t // 3600)))))),
    _many("filesystem_readonly", "gauge", "Filesystem read-only status.", _DISKS, lambda s, v, t, k: 0.0),
    _many("filesystem_device_error", "gauge", "Whether an error occurred while getting statistics for the device.",
          _DISKS, lambda s, v, t, k: 0.0),
    _many("disk_io_time_seconds_total", "counter", "Total seconds spent doing I/Os.",
          _labelled({"device": "nvme0n1"}, {"device": "nvme1n1"}),
          lambda s, v, t, k: round(s.grown(t, k, 0.021, seed64(v.labels["device"])), 3)),
    HostMetric("node_pressure_cpu_waiting_seconds_total", "counter",
               "Total time in seconds that processes have waited for CPU time", 0.0,
               lambda s, v, t, k: round(s.grown(t, k, 0.004, 0x74), 4)),
    HostMetric("node_pressure_memory_waiting_seconds_total", "counter",
               "Total time in seconds that processes have waited for memory", 0.0,
               lambda s, v, t, k: round(s.grown(t, k, 0.0001, 0x75), 4)),
    HostMetric("node_pressure_io_waiting_seconds_total", "counter",
               "Total time in seconds that processes have waited due to IO congestion", 0.0,
               lambda s, v, t, k: round(s.grown(t, k, 0.008, 0x76), 4)),
    HostMetric("node_pcidevice_current_link_width", "gauge", "Value of current link's width (number of lanes).", 0.0,
               _link_width, _pci_devices),
    HostMetric("node_pcidevice_current_link_transfers_per_second", "gauge",
               "Value of current link's transfers per second (T/s)", 0.0, _link_speed, _pci_devices),
    _many("infiniband_state_id", "gauge", "State of the InfiniBand port (0: no change, 1: down, 2: init, 3: armed, "
          "4: active, 5: act defer)", _nics, lambda s, v, t, k: 4.0),
    _many("infiniband_physical_state_id", "gauge", "Physical state of the InfiniBand port (0: no change, 1: sleep, "
          "2: polling, 3: disable, 4: shift, 5: link up, 6: link error recover, 7: phytest)", _nics,
          lambda s, v, t, k: 5.0),
    _many("infiniband_rate_bytes_per_second", "gauge", "Maximum signal transfer rate", _nics,
          lambda s, v, t, k: _NIC_RATE_BYTES),
    _errors("link_downed_total", "Number of times the link failed to recover from an error state and went down"),
    _errors("symbol_error_total", "Number of minor link errors detected on one or more physical lanes."),
    _errors("link_error_recovery_total", "Number of times the link successfully recovered from an error state"),
    _errors("port_errors_received_total", "Number of packets containing an error that were received on this port"),
    _errors("local_ack_timeout_errors_total",
            "Number of times QP's ack timer expired for RC, XRC, DCT QPs at the sender side"),
    _errors("packet_sequence_errors_total", "Number of times the RNR NAK/PSN sequence error was received"),
    _traffic("port_transmit_wait_total", "Number of ticks during which the port had data to transmit but no data was "
             "sent during the entire tick", 41.0),
    _traffic("port_data_transmitted_bytes_total", "Number of data octets transmitted on all links from the port",
             9.1e9),
    _traffic("port_data_received_bytes_total", "Number of data octets received on all links", 9.0e9),
)  # fmt: skip
