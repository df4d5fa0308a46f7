"""The kernel's log between wire and values, and its cut into pages that fit into messages."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sentinel.node.v1 import node_pb2
from sentinel_node.domain.errors import Invalid
from sentinel_node.domain.kernel import KernelPage, KernelQuery, KernelRecord
from sentinel_node.service.wire_values import cut, timestamp, unix_ns

USUAL_LINES = 1000
MOST_LINES = 20_000
_PAGE_BYTES = 1 << 20
_MOST_LINE_BYTES = 8192
_MOST_NEEDLES = 50
_LONGEST_NEEDLE = 500
_BOOT_DIGITS = 32


def query_of(request: node_pb2.KernelLogRequest) -> KernelQuery:
    """What is asked for.

    Raises:
        Invalid: a field cannot be; names it.
    """
    if request.limit > MOST_LINES:
        raise Invalid(f"limit is {request.limit}, {MOST_LINES} at most; ask for a shorter time")
    if request.boot_id and (len(request.boot_id) != _BOOT_DIGITS or not request.boot_id.isalnum()):
        raise Invalid(f"boot_id must be {_BOOT_DIGITS} hexadecimal digits without dashes, not {request.boot_id!r:.80}")
    if len(request.contains) > _MOST_NEEDLES or any(not 0 < len(text) <= _LONGEST_NEEDLE for text in request.contains):
        raise Invalid(f"contains takes {_MOST_NEEDLES} texts of 1 to {_LONGEST_NEEDLE} characters")
    since = unix_ns(request.since, "since") if request.HasField("since") else 0
    until = unix_ns(request.until, "until") if request.HasField("until") else 0
    if until and until < since:
        raise Invalid("until is before since")
    return KernelQuery(since, until, request.boot_id, tuple(request.contains), request.limit or USUAL_LINES)


def page_messages(page: KernelPage, unix_ns_now: int, node_name: str) -> Iterator[node_pb2.KernelLogPage]:
    """The lines in pages, the last with what was looked through."""
    message = node_pb2.KernelLogPage()
    size = 0
    for record in page.records:
        line = _record_message(record)
        if size and size + line.ByteSize() > _PAGE_BYTES:
            yield message
            message, size = node_pb2.KernelLogPage(), 0
        message.records.append(line)
        size += line.ByteSize()
    message.coverage.CopyFrom(
        node_pb2.KernelLogCoverage(
            time=timestamp(unix_ns_now),
            node_name=node_name,
            boot_ids=page.boots,
            is_truncated=page.is_truncated,
            lost_lines=page.lost_lines,
            missing=page.missing,
        )
    )
    yield message


def json_lines(page: KernelPage) -> str:
    """A line of JSON for each record, then one with what was looked through."""
    lines = [_as_json(record) for record in page.records]
    coverage = {
        "boots": page.boots,
        "is_truncated": page.is_truncated,
        "lost_lines": page.lost_lines,
        "missing": page.missing,
    }
    return "\n".join([*lines, json.dumps({"coverage": coverage}), ""])


def _as_json(record: KernelRecord) -> str:
    told = {
        "boot_id": record.boot_id,
        "sequence": record.sequence,
        "monotonic_us": record.monotonic_us,
        "unix_ns": record.unix_ns,
        "level": record.level,
        "message": record.message,
        "source": record.source,
        "xid": record.xid,
        "sxid": record.sxid,
        "pci_bus_id": record.pci_bus_id,
        "aer": record.aer,
        "is_off_bus": record.is_off_bus or None,
        "folded_lines": record.folded or None,
        "from_kernel": record.is_from_kernel,
    }
    return json.dumps({name: value for name, value in told.items() if value not in (None, "")})


def _record_message(record: KernelRecord) -> node_pb2.KernelRecord:
    return node_pb2.KernelRecord(
        boot_id=record.boot_id,
        sequence=record.sequence,
        monotonic_us=record.monotonic_us,
        time=timestamp(record.unix_ns),
        level=record.level,
        message=cut(record.message, _MOST_LINE_BYTES)[0],
        source=record.source,
        xid=record.xid,
        sxid=record.sxid,
        pci_bus_id=record.pci_bus_id,
        aer=record.aer,
        is_off_bus=record.is_off_bus,
        folded_lines=record.folded,
        from_kernel=record.is_from_kernel,
    )
