"""One entry of the audit ledger as values: before it has a place, and in its place."""

from __future__ import annotations

from dataclasses import dataclass

HASH_BYTES = 32
GENESIS_HASH = bytes(HASH_BYTES)
"""`previous_hash` of entry 1."""


@dataclass(frozen=True, slots=True)
class EntryGpu:
    """The GPU an entry is about: `sentinel.v1.GpuIdentifier`."""

    uuid: str
    hostname: str = ""
    device_index: int = 0
    model: str = ""
    driver_version: str = ""
    firmware_version: str = ""


@dataclass(frozen=True, slots=True)
class NewEntry:
    """Something to be recorded."""

    entry_type: int
    """`sentinel.v1.AuditEntryType`; 1 to 6."""
    timestamp_ns: int
    """When it happened, nanoseconds since 1970 UTC."""
    data: bytes
    """The event as a serialised message."""
    gpu: EntryGpu | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry in its place in the chain."""

    entry_id: int
    """From 1, without gaps."""
    entry_type: int
    timestamp_ns: int
    data: bytes
    gpu: EntryGpu | None
    previous_hash: bytes
    entry_hash: bytes
    merkle_root: bytes = b""
    """Root of the tree of all entries up to this one, where it is the last of a batch; else empty. Not hashed."""
