"""The audit ledger: its entries, queries over them, and their verification by the server.

What an entry holds is read when it is asked for, never when it arrives: an entry whose data nobody can read is an entry
all the same, with its hashes and its bytes.
"""

from __future__ import annotations

from typing import Any, Self, TypeAlias

from google.protobuf.message import Message as Proto

from sentinel.v1 import audit_pb2
from sentinel_sdk.ledger import content
from sentinel_sdk.ledger.entry import Entry, EntryGpu
from sentinel_sdk.types.anomaly import AnomalyEvent
from sentinel_sdk.types.common import GpuIdentifier
from sentinel_sdk.types.config import ConfigUpdate
from sentinel_sdk.types.enums import AuditEntryType
from sentinel_sdk.types.message import Message
from sentinel_sdk.types.probe import ProbeExecution
from sentinel_sdk.types.records import SystemRecord
from sentinel_sdk.types.timestamps import UtcDatetime, nanoseconds, to_timestamp
from sentinel_sdk.types.trust import TmrRecord

_NS_PER_US = 1000
Event: TypeAlias = ProbeExecution | AnomalyEvent | ConfigUpdate | TmrRecord | SystemRecord
"""What an entry may hold."""
_EVENTS: dict[str, type[Event]] = {
    kind.wire.DESCRIPTOR.full_name: kind
    for kind in (ProbeExecution, AnomalyEvent, ConfigUpdate, TmrRecord, SystemRecord)
}


class AuditEntry(Message):
    """An entry of the ledger; `data` is the event as a serialised message, `event` and `fields` the same read.

    Whoever may record entries chose what stands in them: their texts are data, to be escaped where they are shown.
    """

    wire = audit_pb2.AuditEntry
    entry_id: int = 0
    entry_type: AuditEntryType = AuditEntryType.UNSPECIFIED
    timestamp: UtcDatetime | None = None
    gpu: GpuIdentifier | None = None
    data: bytes = b""
    previous_hash: bytes = b""
    entry_hash: bytes = b""
    merkle_root: bytes = b""
    timestamp_ns: int = 0
    """`timestamp` to the nanosecond, as it was hashed; read from the wire, where `timestamp` has microseconds only."""

    @property
    def event(self) -> Event | None:
        """The event as a value of its own type; None where the data are no message known here: see `unread`."""
        found = self._content()
        if isinstance(found, content.Unread):
            return None
        try:
            return _EVENTS[found.name].from_proto(found.message)
        except OverflowError:
            return None

    @property
    def fields(self) -> dict[str, Any]:
        """The event's fields by their names on the wire, as protobuf's JSON has them; empty where it cannot be read."""
        found = self._content()
        told = found if isinstance(found, content.Unread) else content.fields_of(found)
        return {} if isinstance(told, content.Unread) else told

    @property
    def unread(self) -> str:
        """What of `data` `event` and `fields` do not tell, and why; empty where they tell all of it."""
        found = self._content()
        if isinstance(found, content.Unread):
            return found.reason
        told = content.fields_of(found)
        if isinstance(told, content.Unread):
            return told.reason
        return "" if found.complete else f"the {found.name} has bytes that this version cannot account for"

    def _content(self) -> content.Content | content.Unread:
        return content.read(self.entry_type, self.data)

    @classmethod
    def from_proto(cls, message: Proto) -> Self:
        """The entry of an `AuditEntry` message."""
        entry = super().from_proto(message)
        if isinstance(message, audit_pb2.AuditEntry):
            entry.timestamp_ns = nanoseconds(message.timestamp)
        return entry

    def to_proto(self) -> audit_pb2.AuditEntry:
        """An `AuditEntry` message; to the nanosecond while `timestamp` is the one that was read."""
        message: audit_pb2.AuditEntry = super().to_proto()
        if self.timestamp is None:
            return message
        to_the_microsecond = nanoseconds(to_timestamp(self.timestamp))
        if to_the_microsecond == self.timestamp_ns // _NS_PER_US * _NS_PER_US:
            message.timestamp.nanos += self.timestamp_ns % _NS_PER_US
        return message

    def as_ledger_entry(self) -> Entry:
        """The entry in the form that `sentinel_sdk.ledger` hashes and verifies."""
        gpu = EntryGpu(**self.gpu.model_dump()) if self.gpu is not None else None
        return Entry(
            self.entry_id, self.entry_type, self.timestamp_ns, self.data, gpu, self.previous_hash, self.entry_hash
        )


class AuditQueryFilters(Message):
    """Which entries are asked for; UNSPECIFIED asks for all types."""

    wire = audit_pb2.AuditQueryRequest
    gpu: GpuIdentifier | None = None
    start_time: UtcDatetime | None = None
    end_time: UtcDatetime | None = None
    entry_type: AuditEntryType = AuditEntryType.UNSPECIFIED
    limit: int = 100
    page_token: str = ""
    descending: bool = False


class AuditQueryResponse(Message):
    """A page of entries; `total_count` may be approximate, `next_page_token` is empty on the last page."""

    wire = audit_pb2.AuditQueryResponse
    entries: list[AuditEntry] = []
    next_page_token: str = ""
    total_count: int = 0


class AuditIngestResponse(Message):
    """How many entries were recorded, and the last one's number."""

    wire = audit_pb2.AuditIngestResponse
    success: bool = False
    entries_ingested: int = 0
    last_entry_id: int = 0
    error: str = ""


class ChainVerificationResult(Message):
    """Whether the server found the chain whole, or which entry is the first bad one."""

    wire = audit_pb2.ChainVerificationResponse
    valid: bool = False
    first_invalid_entry_id: int = 0
    failure_description: str = ""
    entries_verified: int = 0
    batches_verified: int = 0
    verification_time_ms: int = 0
