"""What the ledger is told, as the messages that stand in its entries. The only place where the core meets protobuf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from google.protobuf.timestamp_pb2 import Timestamp

from sentinel.ext.v1 import records_pb2
from sentinel.v1 import anomaly_pb2, audit_pb2, common_pb2, config_pb2, health_pb2, probe_pb2, quarantine_pb2, trust_pb2
from sentinel_gateway.domain.anomalies import AnomalyEvent
from sentinel_gateway.domain.configuration import (
    OverheadBudget,
    ProbeSchedule,
    SamplingRate,
    Threshold,
    VersionedUpdate,
)
from sentinel_gateway.domain.directives import DirectiveRecord
from sentinel_gateway.domain.gpus import Summary
from sentinel_gateway.domain.history import Correlation, StateTransition
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.probes import Mismatch, ProbeExecution
from sentinel_gateway.domain.tmr import TmrOutcome, TmrReport, TmrVerdict
from sentinel_sdk.ledger.entry import EntryGpu, NewEntry
from sentinel_sdk.ledger.wire import gpu_to_proto

_NS_PER_S = 1_000_000_000
_MAX_IDS = 100
"""Of the evidence of a finding; the history has all."""
_PROBE = int(audit_pb2.AUDIT_ENTRY_TYPE_PROBE_RESULT)
_ANOMALY = int(audit_pb2.AUDIT_ENTRY_TYPE_ANOMALY_EVENT)
_ACTION = int(audit_pb2.AUDIT_ENTRY_TYPE_QUARANTINE_ACTION)
_CONFIG = int(audit_pb2.AUDIT_ENTRY_TYPE_CONFIG_CHANGE)
_TMR = int(audit_pb2.AUDIT_ENTRY_TYPE_TMR_RESULT)
_SYSTEM = int(audit_pb2.AUDIT_ENTRY_TYPE_SYSTEM_EVENT)


class ProbeRecords:
    """Entries of probe executions; those of one GPU that follow each other share its description."""

    def __init__(self) -> None:
        self._gpu = Gpu("")
        self._entry_gpu = _entry_gpu(self._gpu)
        self._message = gpu_to_proto(self._entry_gpu)

    def probe(self, execution: ProbeExecution, time_ns: int) -> NewEntry:
        """One probe execution, signature and all; `time_ns` is when it counts as run."""
        if execution.gpu != self._gpu:
            self._gpu = execution.gpu
            self._entry_gpu = _entry_gpu(execution.gpu)
            self._message = gpu_to_proto(self._entry_gpu)
        data = _probe(execution, self._message).SerializeToString()
        return NewEntry(_PROBE, time_ns, data, self._entry_gpu)


def _probe(execution: ProbeExecution, gpu: common_pb2.GpuIdentifier) -> probe_pb2.ProbeExecution:
    return probe_pb2.ProbeExecution(
        execution_id=execution.execution_id,
        probe_type=probe_pb2.ProbeType.ValueType(execution.probe_type),
        sm=common_pb2.SmIdentifier(gpu=gpu, sm_id=execution.sm_id),
        result=probe_pb2.ProbeResult.ValueType(execution.result),
        expected_hash=execution.expected_hash,
        actual_hash=execution.actual_hash,
        mismatch_detail=_mismatch(execution.mismatch),
        execution_time_ns=execution.execution_time_ns,
        gpu_clock_mhz=execution.gpu_clock_mhz,
        gpu_temperature_c=execution.gpu_temperature_c,
        gpu_power_w=execution.gpu_power_w,
        timestamp=_time(execution.time_ns),
        hmac_signature=execution.hmac_signature,
    )


def anomaly(event: AnomalyEvent) -> bytes:
    """One anomaly as bytes, the same for the same anomaly."""
    message = anomaly_pb2.AnomalyEvent(
        event_id=event.event_id,
        anomaly_type=anomaly_pb2.AnomalyType.ValueType(event.anomaly_type),
        source=anomaly_pb2.AnomalySource.ValueType(event.source),
        gpu=_gpu(event.gpu),
        severity=common_pb2.Severity.ValueType(event.severity),
        score=event.score,
        threshold=event.threshold,
        details=event.details,
        tensor_fingerprint=event.tensor_fingerprint,
        timestamp=_time(event.time_ns),
        metadata=event.metadata,
        layer_name=event.layer_name,
        model_id=event.model_id,
        step_number=event.step_number,
    )
    return message.SerializeToString(deterministic=True)


def anomaly_entry(data: bytes, gpu: Gpu, time_ns: int) -> NewEntry:
    """The entry of an anomaly that is bytes already."""
    return NewEntry(_ANOMALY, time_ns, data, _entry_gpu(gpu))


def state_change(transition: StateTransition, gpu: Gpu, event: str, record: DirectiveRecord | None) -> NewEntry:
    """A change of a GPU's state, with the directive that asked for it.

    Whoever the connection proved to be did it; what the request claims stands in the directive.
    """
    change = records_pb2.StateChange(
        from_state=health_pb2.GpuHealthState.ValueType(transition.from_state),
        to_state=health_pb2.GpuHealthState.ValueType(transition.to_state),
        reason=transition.reason,
        initiated_by=transition.initiated_by,
        directive=_directive(record) if record else None,
    )
    message = records_pb2.SystemRecord(event=event, fields=_fields(record), state_change=change)
    return NewEntry(_ACTION, transition.time_ns, message.SerializeToString(deterministic=True), _entry_gpu(gpu))


def directive(record: DirectiveRecord, time_ns: int, by: str = "") -> NewEntry:
    """Something that became of a directive and left the GPU's state as it is; `by` whom, if not by its issuer."""
    event = f"directive.{record.status.name.lower()}"
    transition = StateTransition(
        record.directive.gpu.uuid,
        record.from_state,
        record.resulting_state,
        time_ns,
        record.directive.reason,
        by or record.issued_by,
        record.directive_id,
    )
    return state_change(transition, record.directive.gpu, event, record)


def probe_summary(gpu: Gpu, summary: Summary, end_ns: int) -> NewEntry:
    """How often which probe ended how on a GPU, from the first result to `end_ns`; by when results came."""
    counts = [
        records_pb2.ProbeCount(
            probe_type=probe_pb2.ProbeType.ValueType(probe_type),
            result=probe_pb2.ProbeResult.ValueType(result),
            count=count,
        )
        for (probe_type, result), count in sorted(summary.counts.items())
    ]
    told = records_pb2.ProbeSummary(start_time=_time(summary.start_ns), end_time=_time(end_ns), counts=counts)
    message = records_pb2.SystemRecord(event="probe.summary", probe_summary=told)
    return NewEntry(_PROBE, end_ns, message.SerializeToString(deterministic=True), _entry_gpu(gpu))


def config_change(update: VersionedUpdate) -> NewEntry:
    """A configuration update that was put into force."""
    message = config_pb2.ConfigUpdate(
        update_id=update.update_id, initiated_by=update.initiated_by, reason=update.reason
    )
    match update.payload:
        case ProbeSchedule():
            message.probe_schedule.SetInParent()
            for entry in update.payload.entries:
                message.probe_schedule.entries.add(
                    type=probe_pb2.ProbeType.ValueType(entry.probe_type),
                    period_seconds=entry.period_s,
                    sm_coverage=entry.sm_coverage,
                    priority=entry.priority,
                    enabled=entry.enabled,
                    timeout_ms=entry.timeout_ms,
                )
        case OverheadBudget():
            message.overhead_budget.budget_pct = update.payload.budget_pct
        case SamplingRate():
            message.sampling_rate.component = update.payload.component
            message.sampling_rate.rate = update.payload.rate
        case Threshold():
            message.threshold.component = update.payload.component
            message.threshold.parameter = update.payload.parameter
            message.threshold.value = update.payload.value
    return NewEntry(_CONFIG, update.time_ns, message.SerializeToString(deterministic=True))


@dataclass(frozen=True, slots=True)
class Reported:
    """How a canary came to the gateway."""

    by: str
    """Who the connection proved to be."""
    scheduled: bool
    """The gateway had scheduled it, and waited for it."""


def tmr(report: TmrReport, verdict: TmrVerdict, time_ns: int, reported: Reported) -> NewEntry:
    """A canary with the gateway's own vote, and who reported it."""
    results = [
        trust_pb2.TmrGpuResult(
            gpu=_gpu(result.gpu),
            output_fingerprint=result.output_fingerprint,
            execution_time_ns=result.execution_time_ns,
            success=result.success,
            error_message=result.error_message,
        )
        for result in report.results
    ]
    message = records_pb2.TmrRecord(
        canary_id=report.canary_id,
        results=results,
        consensus_hash=verdict.consensus_hash,
        dissenting_gpu=_gpu(verdict.dissenting_gpu) if verdict.dissenting_gpu else None,
        unanimous=verdict.outcome is TmrOutcome.UNANIMOUS,
        timestamp=_time(time_ns),
        reported_by=reported.by,
        scheduled=reported.scheduled,
    )
    gpu = _entry_gpu(verdict.dissenting_gpu) if verdict.dissenting_gpu else None
    return NewEntry(_TMR, time_ns, message.SerializeToString(deterministic=True), gpu)


def correlation(found: Correlation) -> NewEntry:
    """A finding; what it rests on are ids."""
    fields = {
        "event_id": found.event_id,
        "pattern": str(found.pattern_type),
        "confidence": f"{found.confidence:.4f}",
        "sm_id": "" if found.sm_id is None else str(found.sm_id),
        "severity": str(found.severity),
        "description": found.description,
        "events": " ".join(found.events[:_MAX_IDS]),
    }
    return system("correlation.found", fields, found.time_ns, found.gpu)


def system(event: str, fields: Mapping[str, str], time_ns: int, gpu: Gpu | None = None) -> NewEntry:
    """Anything else that happened to the gateway or because of it."""
    message = records_pb2.SystemRecord(event=event, fields=fields)
    return NewEntry(_SYSTEM, time_ns, message.SerializeToString(deterministic=True), _entry_gpu(gpu) if gpu else None)


def _fields(record: DirectiveRecord | None) -> dict[str, str]:
    if record is None:
        return {}
    fields = {"issued_by": record.issued_by, "status": record.status.name}
    return {**fields, "note": record.note} if record.note else fields


def _directive(record: DirectiveRecord) -> quarantine_pb2.QuarantineDirective:
    asked, approval = record.directive, record.directive.approval
    told = (
        quarantine_pb2.ApprovalStatus(
            approved=approval.approved,
            reviewer=approval.reviewer,
            review_time=_time(approval.review_time_ns),
            comment=approval.comment,
        )
        if approval
        else None
    )
    return quarantine_pb2.QuarantineDirective(
        directive_id=asked.directive_id,
        gpu=_gpu(asked.gpu),
        action=quarantine_pb2.QuarantineAction.ValueType(asked.action.value),
        reason=asked.reason,
        initiated_by=asked.initiated_by,
        evidence=asked.evidence,
        timestamp=_time(asked.time_ns),
        priority=asked.priority,
        requires_approval=asked.requires_approval,
        approval=told,
    )


def _mismatch(mismatch: Mismatch | None) -> probe_pb2.MismatchDetail | None:
    if mismatch is None:
        return None
    return probe_pb2.MismatchDetail(
        byte_offset=mismatch.byte_offset,
        expected_value=mismatch.expected_value,
        actual_value=mismatch.actual_value,
        differing_bits=mismatch.differing_bits,
    )


def _gpu(gpu: Gpu) -> common_pb2.GpuIdentifier:
    return gpu_to_proto(_entry_gpu(gpu))


def _entry_gpu(gpu: Gpu) -> EntryGpu:
    return EntryGpu(gpu.uuid, gpu.hostname, gpu.device_index, gpu.model, gpu.driver_version, gpu.firmware_version)


def _time(time_ns: int | None) -> Timestamp | None:
    if time_ns is None:
        return None
    seconds, nanos = divmod(time_ns, _NS_PER_S)
    return Timestamp(seconds=seconds, nanos=nanos)
