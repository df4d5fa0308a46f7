"""Kernel lines of a node's agent as lines of a log: dated, in the order of their boots, from the kernel or not. Pure.

The node has parsed each line and says which boot it is of and who wrote it, so nothing of that is guessed from text.
Any root process may put a line into the kernel's buffer: it is shown, and proves nothing about a GPU, neither a fault
nor which one sits where. A line of which the node does not say that the kernel wrote it counts as such a one. And the
kernel numbers its lines: a number that neither came nor was counted as folded is a line that was lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from gcm_sentinel.datasources.kernel_boots import Boot, boot_of
from gcm_sentinel.datasources.log_lines import LogLine
from gcm_sentinel.datasources.sentinel_gpus import plain
from gcm_sentinel.domain.node_agent import KernelLine

MOST_BYTES = 4 << 20
"""Of the text that is kept of one answer, its newest lines: room for 20,000 of 200 characters."""
_LONGEST = 2000
"""Characters of one line; the kernel's own are below 1,000."""
_MOST_FOLDED = 10_000_000
"""Of one line: more than any kernel prints in the second that folding looks at."""
_XID = "NVRM: Xid ("
_OFF_BUS = "fallen off the bus"
_FAULT = re.compile(r"SXid \(|PCIe Bus Error|AER: (?:Multiple )?(?:Unc|C)orrect")
_PROCESS = "process"
_NUMBERED = "kmsg"
"""The kernel's buffer; the journal keeps no numbers."""
_US_PER_S = 1_000_000


@dataclass(frozen=True, slots=True)
class Gap:
    """Lines that the kernel numbered and nobody has."""

    lines: int
    begins: float
    """Epoch seconds of the last line before it."""
    ends: float
    """Of the first one after it."""


def in_order(found: Iterable[KernelLine], boot_ids: Sequence[str]) -> tuple[tuple[KernelLine, ...], tuple[str, ...]]:
    """The lines boot by boot, each once, and all boots, oldest first; one that the node does not list is the oldest."""
    lines = {(line.boot_id, line.monotonic_us, line.sequence, line.message): line for line in found}
    unlisted = [line.boot_id for line in lines.values() if line.boot_id not in boot_ids]
    boots = tuple(dict.fromkeys([*unlisted, *boot_ids]))
    place = {boot: number for number, boot in enumerate(boots)}
    return tuple(sorted(lines.values(), key=lambda line: (place[line.boot_id], *_order(line)))), boots


def _order(line: KernelLine) -> tuple[bool, int]:
    """Within a boot: the journal's lines are older, and by time; the kernel's are by their numbers."""
    is_numbered = line.source == _NUMBERED
    return is_numbered, line.sequence if is_numbered else line.monotonic_us


def log_lines(found: Iterable[KernelLine], node: str) -> list[LogLine]:
    """Them as a log daemon would have written them, one line each whatever they hold."""
    return [_log_line(line, node) for line in found]


def _log_line(line: KernelLine, node: str) -> LogLine:
    text, program = plain(line.message, _LONGEST), "kernel" if _is_kernels(line) else _PROCESS
    at, folded = line.time.timestamp(), min(line.folded_lines, _MOST_FOLDED)
    uptime_s = min(line.monotonic_us / _US_PER_S, max(at, 0.0))  # no machine booted before 1970, whatever it says
    head = f"{line.time.isoformat(timespec='microseconds')} {node} {program}: [{uptime_s:12.6f}] "
    tail = f" [{folded} more like it were counted by the node]" if folded else ""
    return LogLine(at, node, program, text, uptime_s, head + text + tail, folded)


def _is_kernels(line: KernelLine) -> bool:
    """Whether the kernel wrote it and means it: it also prints the names that devices give themselves."""
    text = line.message[:_LONGEST]
    if not line.from_kernel:
        return False
    if _XID in text:  # a number that the node did not take may be a MIG slice's, which stands where the driver puts it
        return line.xid is not None or (text.startswith(_XID) and bool(line.pci_bus_id))
    named = line.sxid is not None or line.pci_bus_id or line.aer or line.is_off_bus
    return bool(named) or not ("NVRM: " in text and _OFF_BUS in text or _FAULT.search(text))


def newest(lines: Sequence[KernelLine], most_bytes: int = MOST_BYTES) -> Sequence[KernelLine]:
    """The newest of them whose texts are not larger than that together."""
    size = 0
    for place in range(len(lines) - 1, -1, -1):
        size += len(lines[place].message)
        if size > most_bytes:
            return lines[place + 1 :]
    return lines


def boots_in(ordered: Sequence[KernelLine], lines: Sequence[LogLine], boot_ids: Sequence[str]) -> tuple[Boot, ...]:
    """The boots that have lines, by number: the last one of `boot_ids` is the present one, number 0."""
    number = {boot: place - len(boot_ids) + 1 for place, boot in enumerate(boot_ids)}
    found: list[Boot] = []
    first = 0
    for boot, group in groupby(ordered, key=lambda line: line.boot_id):
        end = first + sum(1 for _ in group)
        found.append(boot_of(lines, first, end, number[boot]))
        first = end
    return tuple(found)


def gaps(window: Sequence[KernelLine]) -> tuple[Gap, ...]:
    """Where numbers are missing among all lines of a stretch of time.

    The first line of a second is never folded, and what is folded is of the same second: so from the first line of one
    second to that of the next as many numbers must have come as lines were kept and folded.
    """
    return tuple(gap for _, lines in groupby(window, key=_numbered) for gap in _gaps(list(lines)))


def _numbered(line: KernelLine) -> tuple[str, str]:
    return line.boot_id, line.source


def _gaps(lines: Sequence[KernelLine]) -> Iterator[Gap]:
    if not lines or lines[0].source != _NUMBERED:
        return
    seconds = [list(group) for _, group in groupby(lines, key=lambda line: line.monotonic_us // _US_PER_S)]
    for one, after in pairwise(seconds):
        came = sum(1 + line.folded_lines for line in one)
        lost = after[0].sequence - one[0].sequence - came
        if lost > 0:
            yield Gap(lost, one[-1].time.timestamp(), after[0].time.timestamp())
