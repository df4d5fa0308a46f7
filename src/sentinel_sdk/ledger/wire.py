"""Entries between the wire's message and the value that is hashed."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from sentinel.v1.audit_pb2 import AuditEntry
from sentinel.v1.common_pb2 import GpuIdentifier
from sentinel_sdk.ledger.entry import Entry, EntryGpu

_NS = 1_000_000_000


def entry_from_proto(message: AuditEntry) -> Entry:
    """The entry in a message; an absent GPU and an empty one stay different."""
    return Entry(
        entry_id=message.entry_id,
        entry_type=message.entry_type,
        timestamp_ns=message.timestamp.seconds * _NS + message.timestamp.nanos,
        data=message.data,
        gpu=gpu_from_proto(message.gpu) if message.HasField("gpu") else None,
        previous_hash=message.previous_hash,
        entry_hash=message.entry_hash,
        merkle_root=message.merkle_root,
    )


def entry_to_proto(entry: Entry) -> AuditEntry:
    """The message for an entry."""
    seconds, nanos = divmod(entry.timestamp_ns, _NS)
    return AuditEntry(
        entry_id=entry.entry_id,
        entry_type=entry.entry_type,  # type: ignore[arg-type]  # a number, also one the enum does not know
        timestamp=Timestamp(seconds=seconds, nanos=nanos),
        gpu=None if entry.gpu is None else gpu_to_proto(entry.gpu),
        data=entry.data,
        previous_hash=entry.previous_hash,
        entry_hash=entry.entry_hash,
        merkle_root=entry.merkle_root,
    )


def gpu_from_proto(message: GpuIdentifier) -> EntryGpu:
    """The GPU in a message."""
    return EntryGpu(
        uuid=message.uuid,
        hostname=message.hostname,
        device_index=message.device_index,
        model=message.model,
        driver_version=message.driver_version,
        firmware_version=message.firmware_version,
    )


def gpu_to_proto(gpu: EntryGpu) -> GpuIdentifier:
    """The message for a GPU."""
    return GpuIdentifier(
        uuid=gpu.uuid,
        hostname=gpu.hostname,
        device_index=gpu.device_index,
        model=gpu.model,
        driver_version=gpu.driver_version,
        firmware_version=gpu.firmware_version,
    )
