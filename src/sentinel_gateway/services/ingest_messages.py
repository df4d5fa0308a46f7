"""What agents and monitors send, from the wire into our values. Nothing is judged here but what cannot be converted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sentinel.ext.v1 import tmr_pb2
from sentinel.v1 import anomaly_pb2, common_pb2, probe_pb2, telemetry_pb2, trust_pb2
from sentinel_gateway.domain.anomalies import AnomalyBatch, AnomalyEvent
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.probes import Ack, Mismatch, ProbeBatch, ProbeExecution
from sentinel_gateway.domain.telemetry import Ecc, NvLink, Power, TelemetryBatch, TelemetryReport, Thermal
from sentinel_gateway.domain.tmr import TmrGpuResult, TmrReport, TmrRequest, TmrVerdict
from sentinel_gateway.services.wire_values import checked_ns, gpu_from_wire, gpu_to_wire, raw_ns


def probe_batch(batch: probe_pb2.ProbeResultBatch) -> ProbeBatch:
    """A batch of probe executions."""
    return ProbeBatch(
        agent_hostname=batch.agent_hostname,
        executions=tuple(_executions(batch.executions)),
        sequence_number=batch.sequence_number,
        batch_time_ns=raw_ns(batch.batch_timestamp) if batch.HasField("batch_timestamp") else None,
    )


def _executions(sent: Iterable[probe_pb2.ProbeExecution]) -> Iterator[ProbeExecution]:
    """Agents send what ran on one GPU after the other, and each execution names its GPU anew: that is read once."""
    read: common_pb2.GpuIdentifier | None = None
    gpu = Gpu("")
    for execution in sent:
        sm = execution.sm
        if (named := sm.gpu) != read:
            read, gpu = named, gpu_from_wire(named)
        yield _execution(execution, gpu, sm.sm_id)


def _execution(execution: probe_pb2.ProbeExecution, gpu: Gpu, sm_id: int) -> ProbeExecution:
    return ProbeExecution(
        execution_id=execution.execution_id,
        probe_type=execution.probe_type,
        gpu=gpu,
        sm_id=sm_id,
        result=execution.result,
        expected_hash=execution.expected_hash,
        actual_hash=execution.actual_hash,
        mismatch=_mismatch(execution.mismatch_detail) if execution.HasField("mismatch_detail") else None,
        execution_time_ns=execution.execution_time_ns,
        gpu_clock_mhz=execution.gpu_clock_mhz,
        gpu_temperature_c=execution.gpu_temperature_c,
        gpu_power_w=execution.gpu_power_w,
        time_ns=raw_ns(execution.timestamp) if execution.HasField("timestamp") else None,
        hmac_signature=execution.hmac_signature,
    )


def _mismatch(detail: probe_pb2.MismatchDetail) -> Mismatch:
    return Mismatch(detail.byte_offset, detail.expected_value, detail.actual_value, tuple(detail.differing_bits))


def probe_ack(ack: Ack) -> probe_pb2.ProbeAck:
    """The answer to a batch of probe executions."""
    return probe_pb2.ProbeAck(
        sequence_number=ack.sequence_number,
        accepted=ack.accepted,
        rejection_reason=ack.reason,
        schedule_overrides=[
            probe_pb2.ProbeScheduleOverride(
                probe_type=probe_pb2.ProbeType.ValueType(override.probe_type),
                period_seconds=override.period_s,
                duration_seconds=override.duration_s,
            )
            for override in ack.schedule_overrides
        ],
    )


def anomaly_batch(batch: anomaly_pb2.AnomalyBatch) -> AnomalyBatch:
    """A batch of anomalies."""
    return AnomalyBatch(
        source_hostname=batch.source_hostname,
        events=tuple(_anomaly(event) for event in batch.events),
        sequence_number=batch.sequence_number,
        batch_time_ns=raw_ns(batch.batch_timestamp) if batch.HasField("batch_timestamp") else None,
    )


def _anomaly(event: anomaly_pb2.AnomalyEvent) -> AnomalyEvent:
    return AnomalyEvent(
        event_id=event.event_id,
        anomaly_type=event.anomaly_type,
        gpu=gpu_from_wire(event.gpu),
        source=event.source,
        severity=event.severity,
        score=event.score,
        threshold=event.threshold,
        details=event.details,
        tensor_fingerprint=event.tensor_fingerprint,
        time_ns=raw_ns(event.timestamp) if event.HasField("timestamp") else None,
        metadata=dict(event.metadata),
        layer_name=event.layer_name,
        model_id=event.model_id,
        step_number=event.step_number,
    )


def anomaly_ack(ack: Ack) -> anomaly_pb2.AnomalyAck:
    """The answer to a batch of anomalies."""
    return anomaly_pb2.AnomalyAck(
        sequence_number=ack.sequence_number, accepted=ack.accepted, rejection_reason=ack.reason
    )


def telemetry_batch(batch: telemetry_pb2.TelemetryBatch) -> TelemetryBatch:
    """A batch of telemetry."""
    return TelemetryBatch(
        agent_hostname=batch.agent_hostname,
        reports=tuple(_report(report) for report in batch.reports),
        sequence_number=batch.sequence_number,
        batch_time_ns=raw_ns(batch.batch_timestamp) if batch.HasField("batch_timestamp") else None,
    )


def _report(report: telemetry_pb2.GpuTelemetryReport) -> TelemetryReport:
    return TelemetryReport(
        gpu=gpu_from_wire(_gpu_of(report)),
        thermal=_thermal(report.thermal) if report.HasField("thermal") else None,
        power=_power(report.power) if report.HasField("power") else None,
        ecc=_ecc(report.ecc) if report.HasField("ecc") else None,
        gpu_utilization_pct=report.gpu_utilization_pct,
        memory_utilization_pct=report.memory_utilization_pct,
        gpu_clock_mhz=report.gpu_clock_mhz,
        mem_clock_mhz=report.mem_clock_mhz,
        pcie_gen=report.pcie_gen,
        pcie_width=report.pcie_width,
        nvlinks=tuple(
            NvLink(link.link_index, link.active, link.crc_errors, link.replay_errors) for link in report.nvlink_status
        ),
    )


def _gpu_of(report: telemetry_pb2.GpuTelemetryReport) -> common_pb2.GpuIdentifier:
    """The first GPU that one of the readings names; the report has no field of its own for it."""
    readings = (report.thermal.gpu, report.power.gpu, report.ecc.gpu)
    return next((gpu for gpu in readings if gpu.uuid), report.thermal.gpu)


def _thermal(reading: telemetry_pb2.ThermalReading) -> Thermal:
    return Thermal(
        temperature_c=reading.temperature_c,
        fan_speed_pct=reading.fan_speed_pct,
        throttle_active=reading.throttle_active,
        memory_temperature_c=reading.memory_temperature_c,
        time_ns=raw_ns(reading.timestamp) if reading.HasField("timestamp") else None,
    )


def _power(reading: telemetry_pb2.PowerReading) -> Power:
    return Power(
        power_w=reading.power_w,
        voltage_mv=reading.voltage_mv,
        current_ma=reading.current_ma,
        power_limit_w=reading.power_limit_w,
        power_throttle_active=reading.power_throttle_active,
        time_ns=raw_ns(reading.timestamp) if reading.HasField("timestamp") else None,
    )


def _ecc(reading: telemetry_pb2.EccCounters) -> Ecc:
    return Ecc(
        sram_corrected=reading.sram_corrected,
        sram_uncorrected=reading.sram_uncorrected,
        dram_corrected=reading.dram_corrected,
        dram_uncorrected=reading.dram_uncorrected,
        retired_pages=reading.retired_pages,
        pending_retired_pages=reading.pending_retired_pages,
        reset_required=reading.reset_required,
        time_ns=raw_ns(reading.timestamp) if reading.HasField("timestamp") else None,
    )


def tmr_report(result: trust_pb2.TmrResult) -> TmrReport:
    """A canary's three results, without the reporter's view of who is right.

    Raises:
        Invalid: a timestamp no database can keep.
    """
    return TmrReport(
        canary_id=result.canary_id,
        results=tuple(
            TmrGpuResult(
                gpu_from_wire(each.gpu),
                each.output_fingerprint,
                each.execution_time_ns,
                each.success,
                each.error_message,
            )
            for each in result.results
        ),
        time_ns=checked_ns(result.timestamp, "timestamp") if result.HasField("timestamp") else None,
    )


def tmr_verdict(verdict: TmrVerdict) -> tmr_pb2.TmrVerdict:
    """The gateway's vote."""
    return tmr_pb2.TmrVerdict(
        canary_id=verdict.canary_id,
        outcome=tmr_pb2.TmrOutcome.ValueType(verdict.outcome),
        consensus_hash=verdict.consensus_hash,
        dissenting_gpu=gpu_to_wire(verdict.dissenting_gpu) if verdict.dissenting_gpu else None,
        duplicate=verdict.duplicate,
    )


def tmr_request(request: TmrRequest) -> trust_pb2.TmrRequest:
    """A canary to be run."""
    return trust_pb2.TmrRequest(
        canary_id=request.canary_id,
        gpus=[gpu_to_wire(gpu) for gpu in request.gpus],
        input_hash=request.input_hash,
        model_id=request.model_id,
        target_layer=request.target_layer,
        timeout_ms=request.timeout_ms,
    )
