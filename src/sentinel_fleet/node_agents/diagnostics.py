"""The named checks of a node's agent. Those that need the machine's own files are named and cannot be answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sentinel.node.v1 import node_pb2
from sentinel_fleet.node_agents.node import NodeNow
from sentinel_fleet.node_agents.readings import samples
from sentinel_fleet.node_agents.refusals import not_found, unavailable

OK, WARNING = node_pb2.DIAGNOSIS_STATUS_OK, node_pb2.DIAGNOSIS_STATUS_WARNING
BAD, UNKNOWN = node_pb2.DIAGNOSIS_STATUS_BAD, node_pb2.DIAGNOSIS_STATUS_UNKNOWN
_GRAVEST_FIRST = (BAD, WARNING, UNKNOWN, OK)
_HARD, _SOFT = ("hw_thermal_slowdown", "hw_power_brake_slowdown"), ("sw_thermal_slowdown", "hw_slowdown")
_BUSY_PCT = 50.0
_DURATION_NS = 4_000_000

Judgement = tuple[int, str, dict[str, object]]


@dataclass(frozen=True, slots=True)
class Check:
    """One named check."""

    description: str
    judge: Callable[[NodeNow, node_pb2.GpuSample], Judgement] | None = None
    """Of one GPU that the driver has not lost; None where the answer needs files of the machine."""


def _clocks(node: NodeNow, sample: node_pb2.GpuSample) -> Judgement:
    told: dict[str, object] = {
        "sm_clock_mhz": sample.sm_clock_mhz,
        "clock_event_reasons": ",".join(sample.clock_event_reasons) or "none",
        "temperature_c": sample.temperature_c,
        "power_w": sample.power_w,
        "utilization_pct": sample.utilization_pct,
    }
    if held := [reason for reason in sample.clock_event_reasons if reason in _HARD]:
        return BAD, f"Hardware slows it down: {', '.join(held)}.", told
    if held := [reason for reason in sample.clock_event_reasons if reason in _SOFT]:
        return WARNING, f"It is slowed down: {', '.join(held)}.", told
    return OK, "Only load, settings or its power limit hold its clocks down.", told


def _gpus(node: NodeNow, sample: node_pb2.GpuSample) -> Judgement:
    told: dict[str, object] = {
        "index": sample.gpu.device_index,
        "pci_bus_id": sample.gpu.pci_bus_id,
        "model": sample.gpu.model,
        "recovery_action": sample.recovery_action,
    }
    if sample.recovery_action not in ("", "none"):
        return BAD, f"The driver asks for recovery: {sample.recovery_action}.", told
    return OK, "The driver reads it and asks for nothing.", told


def _memory_errors(node: NodeNow, sample: node_pb2.GpuSample) -> Judgement:
    errors = sample.memory_errors
    told: dict[str, object] = {
        "dram_corrected": errors.dram_volatile.corrected,
        "dram_uncorrected": errors.dram_volatile.uncorrected,
        "remapped_corrected_rows": errors.remapped_corrected_rows,
        "remapped_uncorrected_rows": errors.remapped_uncorrected_rows,
        "is_remap_pending": errors.is_remap_pending,
        "has_remap_failed": errors.has_remap_failed,
    }
    if errors.has_remap_failed:
        return BAD, "A bad row could not be remapped; the board is to be replaced.", told
    if errors.dram_volatile.uncorrected:
        return WARNING, "It counted uncorrected errors since the driver was loaded.", told
    if errors.is_remap_pending:
        return WARNING, "A row waits for the next reset to be remapped.", told
    return OK, "No uncorrected errors since the driver was loaded, and nothing waits for repair.", told


def _nvlinks(node: NodeNow, sample: node_pb2.GpuSample) -> Judgement:
    replays = sum(link.replay_errors for link in sample.nvlinks)
    recoveries = sum(link.recovery_errors for link in sample.nvlinks)
    told: dict[str, object] = {
        "links": len(sample.nvlinks),
        "active": sum(link.is_active for link in sample.nvlinks),
        "crc_errors": sum(link.crc_errors for link in sample.nvlinks),
        "replay_errors": replays,
        "recovery_errors": recoveries,
    }
    if replays or recoveries:
        return WARNING, "Its links repeated or recovered; one such error is already worth a look.", told
    return OK, "All its links are active and none had to repeat.", told


def _pcie_links(node: NodeNow, sample: node_pb2.GpuSample) -> Judgement:
    best = node.world.fleet.model.pcie_gen
    told: dict[str, object] = {
        "width": sample.pcie_width,
        "width_expected": 16,
        "generation": sample.pcie_generation,
        "generation_expected": best,
        "utilization_pct": sample.utilization_pct,
    }
    if sample.pcie_width < 16:
        return BAD, f"Its link has {sample.pcie_width} of 16 lanes.", told
    if sample.pcie_generation < best and sample.utilization_pct >= _BUSY_PCT:
        return WARNING, f"Its link runs at generation {sample.pcie_generation} of {best} though the GPU works.", told
    return OK, "Its link is as wide as it can be, and as fast as its load asks for.", told


def _processes(node: NodeNow, sample: node_pb2.GpuSample) -> Judgement:
    found = [one for one in node.processes if one.gpu == sample.gpu.device_index]
    told: dict[str, object] = {"index": sample.gpu.device_index}
    if not found:
        return OK, "No process computes on it.", told
    told |= {"pid": found[0].pid, "name": found[0].name, "pod_uid": found[0].pod_uid}
    return OK, f"Process {found[0].pid} ({found[0].name}) computes on it.", told


CHECKS: Mapping[str, Check] = {
    "clocks": Check("What holds each GPU's clocks down, with heat and power.", _clocks),
    "driver": Check("Whether the driver's kernel module and library belong together."),
    "fabric": Check("Whether each GPU is registered with its NVLink fabric."),
    "gpus": Check("Which GPUs the driver lists, and which are on the PCI bus but missing there.", _gpus),
    "host_memory": Check("What is left of the host's memory, and errors that its controllers counted."),
    "memory_errors": Check("ECC errors, row remapping and page retirement of each GPU.", _memory_errors),
    "nvlinks": Check("State and errors of each GPU's NVLinks, compared with its siblings.", _nvlinks),
    "pcie_errors": Check("PCIe errors that the kernel counted for each GPU and the port above it."),
    "pcie_links": Check("Width and speed of each GPU's PCIe link against what both ends can.", _pcie_links),
    "processes": Check("Which processes, pods and containers hold each GPU.", _processes),
}


def diagnose(node: NodeNow, name: str) -> node_pb2.Diagnosis:
    """The answer to one question.

    Raises:
        Refusal: there is none of this name, or it cannot be answered here.
    """
    check = CHECKS.get(name)
    if check is None:
        raise not_found(f"no diagnostic is called {name!r:.80}; there are {', '.join(CHECKS)}")
    if check.judge is None:
        raise unavailable(f"{name}: the files of the host that it looks at are not mounted into this agent")
    observations = list(_observations(node, name, check.judge))
    status = next((one for one in _GRAVEST_FIRST if any(seen.status == one for seen in observations)), UNKNOWN)
    answer = node_pb2.Diagnosis(
        name=name, node_name=node.name, duration_ns=_DURATION_NS, status=status, observations=observations
    )
    answer.time.FromNanoseconds(node.stamp_ns)
    return answer


def _observations(
    node: NodeNow, name: str, judge: Callable[[NodeNow, node_pb2.GpuSample], Judgement]
) -> Iterator[node_pb2.Observation]:
    for sample in samples(node):
        status, text, told = judge(node, sample) if not sample.lost else _of_lost(name, sample)
        figures = [node_pb2.Figure(name=key, value=_text(value)) for key, value in told.items()]
        yield node_pb2.Observation(
            status=node_pb2.DiagnosisStatus.ValueType(status), subject=sample.gpu.uuid, text=text, figures=figures
        )


def _of_lost(name: str, sample: node_pb2.GpuSample) -> Judgement:
    return (BAD if name == "gpus" else UNKNOWN), f"The driver has lost it: {sample.lost}.", {}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
