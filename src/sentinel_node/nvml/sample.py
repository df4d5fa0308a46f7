"""One GPU at one moment: every field asked on its own, so that one failing costs only itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.telemetry import GpuSample
from sentinel_node.nvml.card import Card, Field
from sentinel_node.nvml.errors import GpuLost
from sentinel_node.nvml.identity import nameless, read_identity
from sentinel_node.nvml.links import read_links
from sentinel_node.nvml.memory_errors import NOTHING_KNOWN, read_memory_errors

_GPU_SENSOR = 0  # NVML_TEMPERATURE_GPU
_SM_CLOCK, _MEMORY_CLOCK = 1, 2  # nvmlClockType_t

# https://docs.nvidia.com/deploy/nvml-api/group__nvmlFieldValueEnums.html
_FIELDS: Mapping[str, Field] = {"memory_temperature_c": (82, 0), "recovery_action": (230, 0)}

# nvmlDeviceGpuRecoveryAction_t
_RECOVERY_ACTIONS = (
    "none",
    "gpu_reset",
    "node_reboot",
    "drain_p2p",
    "drain_and_reset",
    "recover_imex_domain",
    "bus_reset",
    "system_reboot",
)

# nvmlClocksEventReasons, from bit 0
_REASONS = (
    "gpu_idle",
    "applications_clocks_setting",
    "sw_power_cap",
    "hw_slowdown",
    "sync_boost",
    "sw_thermal_slowdown",
    "hw_thermal_slowdown",
    "hw_power_brake_slowdown",
    "display_clock_setting",
    "board_limit",
    "reliability",
)


def read_sample(card: Card, unix_ns: int, driver_version: str) -> GpuSample:
    """Everything the driver tells of this GPU; a lost one says so and carries what was known before it went.

    Raises:
        SessionStale: the library must be opened anew.
    """
    gpu = nameless(card.index, driver_version)
    try:
        gpu = read_identity(card, driver_version)
        sample = _read(card, gpu, unix_ns)
    except GpuLost as error:
        return GpuSample(gpu, unix_ns, NOTHING_KNOWN, lost=str(error))
    return replace(sample, unreadable=tuple(dict.fromkeys(card.unreadable)))


def _read(card: Card, gpu: GpuIdentity, unix_ns: int) -> GpuSample:
    fields = card.fields(_FIELDS)
    busy = card.ask("utilization_pct", ("nvmlDeviceGetUtilizationRates",))
    memory = card.ask("memory_used_bytes", ("nvmlDeviceGetMemoryInfo",))
    return GpuSample(
        gpu=gpu,
        unix_ns=unix_ns,
        memory_errors=read_memory_errors(card),
        links=read_links(card),
        temperature_c=card.ask(
            "temperature_c",
            ("nvmlDeviceGetTemperatureV", _GPU_SENSOR),
            ("nvmlDeviceGetTemperature", _GPU_SENSOR),
        ),
        memory_temperature_c=fields["memory_temperature_c"],
        fan_speed_pct=card.ask("fan_speed_pct", ("nvmlDeviceGetFanSpeed",)),
        power_w=_watts(card.ask("power_w", ("nvmlDeviceGetPowerUsage",))),
        power_limit_w=_watts(card.ask("power_limit_w", ("nvmlDeviceGetEnforcedPowerLimit",))),
        utilization_pct=busy.gpu if busy is not None else None,
        memory_utilization_pct=busy.memory if busy is not None else None,
        memory_used_bytes=memory.used if memory is not None else None,
        sm_clock_mhz=card.ask("sm_clock_mhz", ("nvmlDeviceGetClockInfo", _SM_CLOCK)),
        memory_clock_mhz=card.ask("memory_clock_mhz", ("nvmlDeviceGetClockInfo", _MEMORY_CLOCK)),
        pcie_generation=card.ask("pcie_generation", ("nvmlDeviceGetCurrPcieLinkGeneration",)),
        pcie_width=card.ask("pcie_width", ("nvmlDeviceGetCurrPcieLinkWidth",)),
        pcie_replays=card.ask("pcie_replays", ("nvmlDeviceGetPcieReplayCounter",)),
        clock_event_reasons=_reasons(card),
        recovery_action=_recovery_action(fields["recovery_action"]),
        compute_processes=_processes(card),
    )


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else milliwatts / 1000


def _reasons(card: Card) -> tuple[str, ...]:
    told: int | None = card.ask(
        "clock_event_reasons",
        ("nvmlDeviceGetCurrentClocksEventReasons",),
        ("nvmlDeviceGetCurrentClocksThrottleReasons",),
    )
    bits = told or 0
    return tuple(_reason(bit) for bit in range(bits.bit_length()) if bits >> bit & 1)


def _reason(bit: int) -> str:
    return _REASONS[bit] if bit < len(_REASONS) else f"bit_{bit}"


def _recovery_action(value: float | None) -> str:
    if value is None:
        return ""
    number = int(value)
    return _RECOVERY_ACTIONS[number] if number < len(_RECOVERY_ACTIONS) else f"action_{number}"


def _processes(card: Card) -> tuple[int, ...] | None:
    """Of ordinary and of MPS clients; None where either list is not known, and then `unreadable` says so.

    A driver without the MPS list tells enough: the server through which those clients compute is an ordinary client.
    """
    holders: list[Any] | None = card.ask("compute_processes", ("nvmlDeviceGetComputeRunningProcesses_v3",))
    shared: list[Any] | None = card.ask("mps_processes", ("nvmlDeviceGetMPSComputeRunningProcesses_v3",))
    failed = {field.partition(":")[0] for field in card.unreadable}
    if holders is None and "compute_processes" not in failed:
        card.unreadable.append("compute_processes: the driver does not tell")
    if holders is None or "mps_processes" in failed:
        return None
    return tuple(sorted({holder.pid for holder in (*holders, *(shared or []))}))
