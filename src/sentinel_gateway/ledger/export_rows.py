"""An entry as the object that stands in an export, and back.

What is hashed stands in it exactly: hashes in hexadecimal, data in base64, the time in nanoseconds. The type's name,
the readable time and the decoded data are there for people; whoever reads an export back must compare them with what
is hashed, or they could be changed unnoticed (`altered`).
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.ledger.export_data import decoded
from sentinel_gateway.ledger.reports.window import iso
from sentinel_gateway.ledger.reports.wire_names import ENTRY_TYPES
from sentinel_sdk.ledger.entry import Entry, EntryGpu

GPU_FIELDS = ("uuid", "hostname", "device_index", "model", "driver_version", "firmware_version")


def row_of(entry: Entry, *, readable: bool = True) -> dict[str, Any]:
    """The object for an entry; `readable`: with its data decoded."""
    row: dict[str, Any] = {
        "entry_id": entry.entry_id,
        "entry_type": ENTRY_TYPES[entry.entry_type],
        "entry_type_number": entry.entry_type,
        "timestamp": iso(entry.timestamp_ns),
        "timestamp_ns": entry.timestamp_ns,
        "gpu": None if entry.gpu is None else {name: getattr(entry.gpu, name) for name in GPU_FIELDS},
        "data": base64.b64encode(entry.data).decode(),
        "previous_hash": entry.previous_hash.hex(),
        "entry_hash": entry.entry_hash.hex(),
        "merkle_root": entry.merkle_root.hex(),
    }
    if readable:
        row["decoded"] = decoded(entry.entry_type, entry.data)
    return row


def entry_of(row: dict[str, Any]) -> Entry:
    """The entry an object stands for.

    Raises:
        Invalid: a field is missing or of another kind; says which.
    """
    return Entry(
        _number(row, "entry_id"),
        _number(row, "entry_type_number"),
        _number(row, "timestamp_ns"),
        _bytes(row, "data"),
        _gpu(row.get("gpu")),
        _hash(row, "previous_hash"),
        _hash(row, "entry_hash"),
        _hash(row, "merkle_root"),
    )


def altered(row: dict[str, Any], entry: Entry) -> tuple[str, ...]:
    """The readable fields of `row` that are not what the hashed ones say; those that are left out are not asked."""
    found = []
    if "entry_type" in row and row["entry_type"] != ENTRY_TYPES[entry.entry_type]:
        found.append("entry_type")
    if "timestamp" in row and row["timestamp"] != iso(entry.timestamp_ns):
        found.append("timestamp")
    if "decoded" in row and row["decoded"] != decoded(entry.entry_type, entry.data):
        found.append("decoded")
    return tuple(found)


def _gpu(value: object) -> EntryGpu | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise Invalid("gpu is neither an object nor null")
    texts = {name: _text(value, name) for name in GPU_FIELDS if name != "device_index"}
    return EntryGpu(device_index=_number(value, "device_index"), **texts)


def _number(row: dict[str, Any], name: str) -> int:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Invalid(f"{name} is no whole number: {value!r:.60}")
    return value


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise Invalid(f"gpu.{name} is no text: {value!r:.60}")
    return value


def _bytes(row: dict[str, Any], name: str) -> bytes:
    value = row.get(name)
    try:
        if isinstance(value, str):
            return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(f"{name} is not base64: {value!r:.60}") from error
    raise Invalid(f"{name} is no text: {value!r:.60}")


def _hash(row: dict[str, Any], name: str) -> bytes:
    value = row.get(name)
    try:
        found = bytes.fromhex(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or (len(found) != 32 and not (name == "merkle_root" and not found)):
        raise Invalid(f"{name} is not the hexadecimal form of 32 bytes: {value!r:.80}")
    return found
