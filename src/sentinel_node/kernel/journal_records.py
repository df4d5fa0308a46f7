"""One entry of the journal as `journalctl --output=json` prints it.

Every value is text; bytes that are no UTF-8 come as a list of numbers, a value too large as null
(https://systemd.io/JOURNAL_EXPORT_FORMATS, "Journal JSON Format").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sentinel_node.domain.kernel import KernelRecord
from sentinel_node.domain.pci import kernel_form
from sentinel_node.kernel.kmsg import one_line
from sentinel_node.kernel.lines import Mention, mention_of

_NS_PER_US = 1000
_INFORMATIONAL = 6
_MISSED = re.compile(r"Missed (\d+) kernel messages")


@dataclass(frozen=True, slots=True)
class Entry:
    """A line, or the journal's own notice that it missed some."""

    record: KernelRecord | None
    lost_lines: int = 0


def parse_entry(fields: Mapping[str, object]) -> Entry | None:
    """What an entry says; None for one without boot or time."""
    boot_id = fields.get("_BOOT_ID")
    written_us = _number(fields.get("__REALTIME_TIMESTAMP"))
    if not isinstance(boot_id, str) or written_us is None:
        return None
    message = one_line(_text(fields.get("MESSAGE")))
    if fields.get("_TRANSPORT") != "kernel":
        missed = _MISSED.match(message)
        return Entry(None, int(missed[1])) if missed else None
    read_us = _number(fields.get("__MONOTONIC_TIMESTAMP")) or 0
    printed_us = _number(fields.get("_SOURCE_MONOTONIC_TIMESTAMP"))
    monotonic_us = read_us if printed_us is None else printed_us
    is_kernels = _number(fields.get("SYSLOG_FACILITY")) in (0, None)
    mention = mention_of(message) if is_kernels else Mention()
    return Entry(
        KernelRecord(
            boot_id=boot_id,
            sequence=0,
            monotonic_us=monotonic_us,
            unix_ns=(written_us - (read_us - monotonic_us)) * _NS_PER_US,
            level=_level(fields.get("PRIORITY")),
            message=message,
            source="journal",
            xid=mention.xid,
            sxid=mention.sxid,
            pci_bus_id=mention.pci_bus_id or _device(fields.get("_KERNEL_DEVICE")),
            aer=mention.aer,
            is_off_bus=mention.is_off_bus,
            is_from_kernel=is_kernels,
        )
    )


def _text(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, list):
        return bytes(part for part in value if isinstance(part, int) and 0 <= part <= 0xFF)
    return b""


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, str) and value.isdecimal() else None


def _level(value: object) -> int:
    level = _number(value)
    return _INFORMATIONAL if level is None else level


def _device(value: object) -> str:
    """From ``+pci:0000:9b:00.0``."""
    return kernel_form(value.removeprefix("+pci:")) if isinstance(value, str) and value.startswith("+pci:") else ""
