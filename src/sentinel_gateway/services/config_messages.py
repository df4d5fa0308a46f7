"""Pushed configuration between the wire and our values."""

from __future__ import annotations

from sentinel.v1 import config_pb2, probe_pb2
from sentinel_gateway.domain.configuration import (
    ComponentAck,
    ConfigChange,
    ConfigResult,
    OverheadBudget,
    Payload,
    ProbeSchedule,
    SamplingRate,
    ScheduleEntry,
    Threshold,
    VersionedUpdate,
)


def config_change(update: config_pb2.ConfigUpdate) -> ConfigChange:
    """What a caller wants pushed."""
    return ConfigChange(
        payload=_payload(update), update_id=update.update_id, initiated_by=update.initiated_by, reason=update.reason
    )


def _payload(update: config_pb2.ConfigUpdate) -> Payload | None:
    match update.WhichOneof("update"):
        case "probe_schedule":
            return ProbeSchedule(tuple(_entry(entry) for entry in update.probe_schedule.entries))
        case "overhead_budget":
            return OverheadBudget(update.overhead_budget.budget_pct)
        case "sampling_rate":
            return SamplingRate(update.sampling_rate.component, update.sampling_rate.rate)
        case "threshold":
            return Threshold(update.threshold.component, update.threshold.parameter, update.threshold.value)
        case _:
            return None


def _entry(entry: config_pb2.ProbeScheduleEntry) -> ScheduleEntry:
    return ScheduleEntry(
        probe_type=entry.type,
        period_s=entry.period_seconds,
        sm_coverage=entry.sm_coverage,
        priority=entry.priority,
        enabled=entry.enabled,
        timeout_ms=entry.timeout_ms,
    )


def config_result(result: ConfigResult, applied_by: str) -> config_pb2.ConfigAck:
    """The answer to whoever pushed."""
    return config_pb2.ConfigAck(
        update_id=result.update_id,
        applied=result.applied,
        component_id=applied_by,
        error=result.error,
        config_version=result.version,
    )


def component_ack(ack: config_pb2.ConfigAck, component_id: str) -> ComponentAck:
    """What a component says about an update."""
    return ComponentAck(component_id, ack.update_id, ack.applied, ack.error, ack.config_version)


def update_to_wire(update: VersionedUpdate) -> config_pb2.ConfigUpdate:
    """An update for a component."""
    wire = config_pb2.ConfigUpdate(update_id=update.update_id, initiated_by=update.initiated_by, reason=update.reason)
    match update.payload:
        case ProbeSchedule(entries=entries):
            wire.probe_schedule.entries.extend(_entry_to_wire(entry) for entry in entries)
            wire.probe_schedule.SetInParent()
        case OverheadBudget(budget_pct=budget_pct):
            wire.overhead_budget.budget_pct = budget_pct
            wire.overhead_budget.SetInParent()
        case SamplingRate(component=component, rate=rate):
            wire.sampling_rate.CopyFrom(config_pb2.SamplingRateUpdate(component=component, rate=rate))
        case Threshold(component=component, parameter=parameter, value=value):
            wire.threshold.CopyFrom(config_pb2.ThresholdUpdate(component=component, parameter=parameter, value=value))
    return wire


def _entry_to_wire(entry: ScheduleEntry) -> config_pb2.ProbeScheduleEntry:
    return config_pb2.ProbeScheduleEntry(
        type=probe_pb2.ProbeType.ValueType(entry.probe_type),
        period_seconds=entry.period_s,
        sm_coverage=entry.sm_coverage,
        priority=entry.priority,
        enabled=entry.enabled,
        timeout_ms=entry.timeout_ms,
    )
