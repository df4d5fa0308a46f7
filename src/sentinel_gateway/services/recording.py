"""What callers may put into the ledger by themselves, so that nobody's words pass for what the gateway saw.

Reports count every entry of a type alike, and believe the names of events. So the types that tell what happened to the
fleet are the gateway's and an admin's (who moves a ledger from elsewhere, say), and nobody may use the gateway's own
names of events, or the details that only it gives, in a SYSTEM_EVENT. Data are kept as they come; the texts that
describe a GPU stand in columns of their own and must be such as every database can hold.
"""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.message import DecodeError

from sentinel.ext.v1 import records_pb2
from sentinel.v1 import audit_pb2
from sentinel_gateway.domain.errors import Denied, Invalid
from sentinel_gateway.domain.roles import Caller, Role
from sentinel_gateway.domain.text import MAX_NAME, checked_text
from sentinel_sdk.ledger.entry import EntryGpu, NewEntry

_PREFIX = "AUDIT_ENTRY_TYPE_"
_SYSTEM = int(audit_pb2.AUDIT_ENTRY_TYPE_SYSTEM_EVENT)
_FREE_TYPES = frozenset({_SYSTEM, int(audit_pb2.AUDIT_ENTRY_TYPE_ANOMALY_EVENT)})
"""What every caller with the permission to record may record."""
_HELD_TYPES = frozenset(audit_pb2.AuditEntryType.values()) - _FREE_TYPES - {0}
OWN_EVENTS = (
    "alert",
    "anomalies",
    "auth",
    "common_cause",
    "config",
    "correlation",
    "deep_test",
    "directive",
    "failures",
    "fault",
    "gateway",
    "gpu",
    "ingest",
    "ledger",
    "probe",
)
"""First words of the gateway's own events."""
_GPU_TEXTS = ("uuid", "hostname", "model", "driver_version", "firmware_version")
_TAKEN_DETAILS = frozenset({None, "assessment"})


def check_recordable(caller: Caller, entries: Iterable[NewEntry]) -> None:
    """Whether this caller may record all of these.

    Raises:
        Denied: a type that only the gateway and an admin record.
        Invalid: an event that only the gateway tells of, or a text of a GPU that cannot be stored.
    """
    may_all = Role.ADMIN in caller.roles
    for number, entry in enumerate(entries):
        if not may_all and entry.entry_type in _HELD_TYPES:
            free = " and ".join(_name(each) for each in sorted(_FREE_TYPES))
            raise Denied(
                f"entries[{number}]: {caller.name!r} may record {free}, not {_name(entry.entry_type)};"
                " admin may record every type"
            )
        if entry.gpu is not None:
            _check_gpu(entry.gpu, number)
        if entry.entry_type == _SYSTEM:
            _check_event(entry.data, number)


def _check_gpu(gpu: EntryGpu, number: int) -> None:
    for field in _GPU_TEXTS:
        checked_text(f"entries[{number}].gpu.{field}", getattr(gpu, field), MAX_NAME)


def _check_event(data: bytes, number: int) -> None:
    try:
        record = records_pb2.SystemRecord.FromString(data)
    except DecodeError:
        return  # no SystemRecord, so nobody reads it as one
    if record.event.strip().lower().partition(".")[0] in OWN_EVENTS:
        names = ", ".join(f"{word}.*" for word in OWN_EVENTS)
        raise Invalid(f"entries[{number}]: the event {record.event[:100]!r} is the gateway's own; so are {names}")
    detail = record.WhichOneof("detail")
    if detail not in _TAKEN_DETAILS:
        raise Invalid(f"entries[{number}]: a SYSTEM_EVENT with {detail} is the gateway's own; only assessment is taken")


def _name(entry_type: int) -> str:
    return audit_pb2.AuditEntryType.Name(audit_pb2.AuditEntryType.ValueType(entry_type)).removeprefix(_PREFIX)
