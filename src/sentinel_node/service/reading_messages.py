"""Telemetry and diagnoses on the wire. What is None stays absent: not told is not zero."""

from __future__ import annotations

from collections.abc import Mapping

from sentinel.node.v1 import node_pb2
from sentinel_node.domain.diagnosis import Diagnosis, Observation, Status
from sentinel_node.domain.telemetry import EccErrors, GpuSample, MemoryErrors, NvLink
from sentinel_node.service.wire_values import cut, gpu_message, timestamp

STATUSES: Mapping[Status, node_pb2.DiagnosisStatus.ValueType] = {
    Status.OK: node_pb2.DIAGNOSIS_STATUS_OK,
    Status.WARNING: node_pb2.DIAGNOSIS_STATUS_WARNING,
    Status.BAD: node_pb2.DIAGNOSIS_STATUS_BAD,
    Status.UNKNOWN: node_pb2.DIAGNOSIS_STATUS_UNKNOWN,
}

_GRAVITY = (Status.BAD, Status.WARNING, Status.UNKNOWN, Status.OK)
_MOST_OBSERVATIONS = 500
_MOST_FIGURES = 20
_LONGEST_TEXT = 1000
_LONGEST_SUBJECT = 100


def sample_message(sample: GpuSample, node_name: str) -> node_pb2.GpuSample:
    """One GPU at one moment."""
    return node_pb2.GpuSample(
        gpu=gpu_message(sample.gpu, node_name),
        time=timestamp(sample.unix_ns),
        memory_errors=_memory_errors(sample.memory_errors),
        nvlinks=[_link(link) for link in sample.links],
        temperature_c=sample.temperature_c,
        memory_temperature_c=sample.memory_temperature_c,
        fan_speed_pct=sample.fan_speed_pct,
        power_w=sample.power_w,
        power_limit_w=sample.power_limit_w,
        utilization_pct=sample.utilization_pct,
        memory_utilization_pct=sample.memory_utilization_pct,
        memory_used_bytes=sample.memory_used_bytes,
        sm_clock_mhz=sample.sm_clock_mhz,
        memory_clock_mhz=sample.memory_clock_mhz,
        pcie_generation=sample.pcie_generation,
        pcie_width=sample.pcie_width,
        pcie_replays=sample.pcie_replays,
        clock_event_reasons=sample.clock_event_reasons,
        recovery_action=sample.recovery_action,
        compute_process_ids=sample.compute_processes or (),
        unreadable=sample.unreadable,
        lost=sample.lost,
    )


def _memory_errors(errors: MemoryErrors) -> node_pb2.MemoryErrors:
    return node_pb2.MemoryErrors(
        sram_volatile=_ecc(errors.sram_volatile),
        dram_volatile=_ecc(errors.dram_volatile),
        sram_aggregate=_ecc(errors.sram_aggregate),
        dram_aggregate=_ecc(errors.dram_aggregate),
        remapped_corrected_rows=errors.remapped_corrected_rows,
        remapped_uncorrected_rows=errors.remapped_uncorrected_rows,
        is_remap_pending=errors.is_remap_pending,
        has_remap_failed=errors.has_remap_failed,
        retired_pages=errors.retired_pages,
        pending_retired_pages=errors.pending_retired_pages,
        is_sram_threshold_exceeded=errors.is_sram_threshold_exceeded,
        banks_without_spare_rows=errors.banks_without_spare_rows,
    )


def _ecc(errors: EccErrors) -> node_pb2.EccErrors:
    return node_pb2.EccErrors(corrected=errors.corrected, uncorrected=errors.uncorrected)


def _link(link: NvLink) -> node_pb2.NvLink:
    return node_pb2.NvLink(
        index=link.index,
        is_active=link.is_active,
        crc_errors=link.crc_errors,
        replay_errors=link.replay_errors,
        recovery_errors=link.recovery_errors,
        remote_pci_bus_id=link.remote_pci_bus_id,
    )


def diagnosis_message(diagnosis: Diagnosis, node_name: str) -> node_pb2.Diagnosis:
    """The answer to one question; of too many observations the gravest."""
    gravest_first = sorted(diagnosis.observations, key=lambda seen: _GRAVITY.index(seen.status))
    kept = gravest_first[:_MOST_OBSERVATIONS] if len(gravest_first) > _MOST_OBSERVATIONS else diagnosis.observations
    return node_pb2.Diagnosis(
        name=diagnosis.name,
        node_name=node_name,
        time=timestamp(diagnosis.started_unix_ns),
        duration_ns=diagnosis.duration_ns,
        status=STATUSES[diagnosis.status],
        observations=[_observation(seen) for seen in kept],
        is_truncated=len(kept) < len(diagnosis.observations),
    )


def _observation(seen: Observation) -> node_pb2.Observation:
    return node_pb2.Observation(
        status=STATUSES[seen.status],
        subject=cut(seen.subject, _LONGEST_SUBJECT)[0],
        text=cut(seen.text, _LONGEST_TEXT)[0],
        figures=[
            node_pb2.Figure(name=cut(figure.name, _LONGEST_SUBJECT)[0], value=cut(figure.value, _LONGEST_SUBJECT)[0])
            for figure in seen.figures[:_MOST_FIGURES]
        ],
    )
