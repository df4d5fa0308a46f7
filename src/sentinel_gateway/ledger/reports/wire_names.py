"""Numbers of the wire as words; a number this version does not know is shown, not dropped."""

from __future__ import annotations

from google.protobuf.descriptor import EnumDescriptor

from sentinel.ext.v1 import tmr_pb2
from sentinel.v1 import anomaly_pb2, audit_pb2, common_pb2, health_pb2, probe_pb2, quarantine_pb2


class Names:
    """The names of one enum without their common beginning."""

    __slots__ = ("_by_number",)

    def __init__(self, enum: EnumDescriptor, prefix: str) -> None:
        self._by_number = {value.number: value.name.removeprefix(prefix) for value in enum.values}

    def __getitem__(self, number: int) -> str:
        return self._by_number.get(number) or f"UNKNOWN_{number}"

    def known(self) -> tuple[str, ...]:
        """All names but that of 0, in the order of their numbers."""
        return tuple(name for number, name in sorted(self._by_number.items()) if number)

    def number(self, name: str) -> int | None:
        """The number of a name, in any case; None where there is none."""
        wanted = name.strip().upper().replace("-", "_")
        return next((number for number, known in self._by_number.items() if known == wanted and number), None)


ENTRY_TYPES = Names(audit_pb2.DESCRIPTOR.enum_types_by_name["AuditEntryType"], "AUDIT_ENTRY_TYPE_")
PROBE_TYPES = Names(probe_pb2.DESCRIPTOR.enum_types_by_name["ProbeType"], "PROBE_TYPE_")
PROBE_RESULTS = Names(probe_pb2.DESCRIPTOR.enum_types_by_name["ProbeResult"], "PROBE_RESULT_")
ANOMALY_TYPES = Names(anomaly_pb2.DESCRIPTOR.enum_types_by_name["AnomalyType"], "ANOMALY_TYPE_")
ANOMALY_SOURCES = Names(anomaly_pb2.DESCRIPTOR.enum_types_by_name["AnomalySource"], "ANOMALY_SOURCE_")
SEVERITIES = Names(common_pb2.DESCRIPTOR.enum_types_by_name["Severity"], "SEVERITY_")
STATES = Names(health_pb2.DESCRIPTOR.enum_types_by_name["GpuHealthState"], "GPU_HEALTH_STATE_")
ACTIONS = Names(quarantine_pb2.DESCRIPTOR.enum_types_by_name["QuarantineAction"], "QUARANTINE_ACTION_")
TMR_OUTCOMES = Names(tmr_pb2.DESCRIPTOR.enum_types_by_name["TmrOutcome"], "TMR_OUTCOME_")
