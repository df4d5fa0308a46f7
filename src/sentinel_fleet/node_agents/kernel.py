"""The kernel log of a node as its agent tells it: this boot from the kernel buffer, earlier ones from the journal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.json_format import MessageToDict

from sentinel.node.v1 import node_pb2
from sentinel_fleet.logs import KernelLine

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from sentinel_fleet.node_agents.node import NodeNow

USUAL_LINES, MOST_LINES = 1000, 20_000
_PAGE_LINES = 2000
_ADDRESS = r"[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}(?:\.[0-7])?"
_XID = re.compile(rf"NVRM: Xid \((?:PCI:)?({_ADDRESS})\): (\d{{1,5}})\b")
_SXID = re.compile(rf"nvidia-nvswitch\d+: SXid \(PCI:({_ADDRESS})\): (\d{{1,6}})\b(?!, (?:Data \{{|Severity ))")
_OFF_BUS = re.compile(r"NVRM: .*fallen off the bus")
_CORRECTED = re.compile(r"\b(?:Correct(?:ed|able))\b")
_AER = re.compile(
    rf"\S+ {_ADDRESS}: AER: .*error (?:message )?received(?::| from) ({_ADDRESS})"
    rf"|\S+ ({_ADDRESS}): (?:AER: )?PCIe Bus Error: severity="
)
_DEVICE = re.compile(rf"(?:(?<![\w:.-])|(?<=PCI:))({_ADDRESS})(?![\w:-])")
_ERROR_WORDS = re.compile(r"Xid|rror|fail|panic|BUG|fallen off")
_LEVEL_ERROR, _LEVEL_INFO = 3, 6
_SYMBOL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Mention:
    """What a line is about."""

    xid: int | None = None
    sxid: int | None = None
    pci_bus_id: str = ""
    aer: str = ""
    is_off_bus: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines."""

    since_ns: int = 0
    until_ns: int = 0
    """0 for now."""
    boot_id: str = ""
    contains: tuple[str, ...] = ()
    limit: int = MOST_LINES


def mention_of(text: str) -> Mention:
    """What a line of the kernel names."""
    is_off_bus = _OFF_BUS.match(text) is not None
    if xid := _XID.match(text):
        return Mention(xid=int(xid[2]), pci_bus_id=_bus_id(xid[1]), is_off_bus=is_off_bus)
    if sxid := _SXID.match(text):
        return Mention(sxid=int(sxid[2]), pci_bus_id=_bus_id(sxid[1]))
    if aer := _AER.match(text):
        return Mention(pci_bus_id=_bus_id(aer[1] or aer[2]), aer=_gravity(text))
    device = _DEVICE.search(text)
    return Mention(pci_bus_id=_bus_id(device[1]) if device else "", is_off_bus=is_off_bus)


def _gravity(text: str) -> str:
    if _CORRECTED.search(text):
        return "corrected"
    return "non_fatal" if "Non-Fatal" in text or "(Fatal)" not in text else "fatal"


def _bus_id(address: str) -> str:
    """As the kernel writes it: four digits of the domain, and the function."""
    domain, bus, rest = address.lower().split(":")
    return f"{domain[-4:]}:{bus}:{rest if '.' in rest else rest + '.0'}"


def records(node: NodeNow, wanted: Wanted) -> tuple[list[node_pb2.KernelRecord], bool]:
    """The newest lines that are wanted, oldest first, and whether older ones were left out."""
    needles = tuple(needle.casefold() for needle in wanted.contains)
    found = [
        record
        for record in _all(node)
        if wanted.boot_id in ("", record.boot_id)
        and wanted.since_ns <= record.time.ToNanoseconds() <= (wanted.until_ns or node.stamp_ns)
        and (not needles or any(needle in record.message.casefold() for needle in needles))
    ]
    return found[-wanted.limit :], len(found) > wanted.limit


def boots(node: NodeNow) -> list[str]:
    """Oldest first."""
    lines = node.world.kernel_lines(node.name, node.now)
    return list(dict.fromkeys([*(_plain(line.boot_id) for line in lines), node.boot_id]))


def pages(node: NodeNow, wanted: Wanted) -> Iterator[node_pb2.KernelLogPage]:
    """The lines in pages, the last with what was looked through."""
    found, is_truncated = records(node, wanted)
    coverage = node_pb2.KernelLogCoverage(node_name=node.name, boot_ids=boots(node), is_truncated=is_truncated)
    coverage.time.FromNanoseconds(node.stamp_ns)
    while len(found) > _PAGE_LINES:
        yield node_pb2.KernelLogPage(records=found[:_PAGE_LINES])
        found = found[_PAGE_LINES:]
    yield node_pb2.KernelLogPage(records=found, coverage=coverage)


def as_json_lines(node: NodeNow, wanted: Wanted) -> str:
    """A line of JSON for each record, then one with what was looked through."""
    found, is_truncated = records(node, wanted)
    lines = [json.dumps(_as_data(record)) for record in found]
    coverage = {"boots": boots(node), "is_truncated": is_truncated, "lost_lines": 0, "missing": []}
    return "\n".join([*lines, json.dumps({"coverage": coverage}), ""])


def _as_data(record: node_pb2.KernelRecord) -> dict[str, object]:
    told: dict[str, object] = MessageToDict(record, preserving_proto_field_name=True)
    told.pop("time")
    return told | {
        "sequence": record.sequence, "monotonic_us": record.monotonic_us, "unix_ns": record.time.ToNanoseconds(),
    }  # fmt: skip


def _all(node: NodeNow) -> Iterator[node_pb2.KernelRecord]:
    numbers: dict[str, int] = {}
    for line in _shown(node):
        boot_id = _plain(line.boot_id)
        numbers[boot_id] = numbers.get(boot_id, -1) + 1
        seen = mention_of(line.text)
        record = node_pb2.KernelRecord(
            boot_id=boot_id,
            sequence=numbers[boot_id],
            monotonic_us=int(line.uptime_s * 1e6),
            level=_LEVEL_ERROR if _ERROR_WORDS.search(line.text) else _LEVEL_INFO,
            message=_SYMBOL.sub(lambda found: f"\\x{ord(found[0]):02x}", line.text),
            source="kmsg" if boot_id == node.boot_id else "journal",
            xid=seen.xid,
            sxid=seen.sxid,
            pci_bus_id=seen.pci_bus_id,
            aer=seen.aer,
            is_off_bus=seen.is_off_bus,
            from_kernel=True,
        )
        record.time.FromNanoseconds(int(line.at * 1e9))
        yield record


def _shown(node: NodeNow) -> Sequence[KernelLine]:
    empty = node.world.faults.fault("kernel_log", node.name) == "empty"
    return () if empty else node.world.kernel_lines(node.name, node.now)


def _plain(boot_id: str) -> str:
    return boot_id.replace("-", "")


def nanoseconds(moment: Timestamp) -> int:
    """Of a moment on the wire."""
    return moment.seconds * 10**9 + moment.nanos
