"""Boots in a system log: where one ends and the next begins, and whether it ended in good order. Pure.

A boot begins with the kernel's ``Linux version`` line, or where the uptime in the kernel's brackets falls back (the
first lines of a boot may be lost). The last boot in the log is the present one, number 0; the one before is -1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gcm_sentinel.datasources.log_lines import LogLine

_ORDERLY = re.compile(
    r"systemd-shutdown|Sending SIGTERM to remaining processes|Syncing filesystems and block devices"
    r"|reboot: (?:Restarting system|Power down)|Reached target .*(?:Reboot|Power.?[Oo]ff|Shutdown)"
    r"|Received SIGTERM from PID 1|Shutting down\."
)
_BANNER = "Linux version "
_TAIL = 80
"""How many lines before the end of a boot may speak of its shutdown."""
_BACKWARDS_S = 60.0
"""A smaller fall of the uptime is lines out of order."""


@dataclass(frozen=True, slots=True)
class Boot:
    """One boot: the lines [first, end) of the log."""

    number: int
    first: int
    end: int
    started: float | None
    """Epoch seconds; from the first line's uptime, else the time of the ``Linux version`` line, else None."""
    ended: float | None
    """The last line's time; None for the present boot."""
    clean: bool | None
    """Whether it ended with an orderly shutdown; None for the present boot."""


def split_boots(lines: Sequence[LogLine]) -> tuple[Boot, ...]:
    """The boots in a log, oldest first."""
    if not lines:
        return ()
    starts = sorted({0, *_starts(lines)})
    ends = [*starts[1:], len(lines)]
    count = len(starts)
    return tuple(
        boot_of(lines, first, end, place - count + 1)
        for place, (first, end) in enumerate(zip(starts, ends, strict=True))
    )


def _starts(lines: Sequence[LogLine]) -> Iterator[int]:
    uptime = 0.0
    for place, line in enumerate(lines):
        if not line.from_kernel:
            continue
        begins = line.text.startswith(_BANNER)
        if begins or (line.uptime_s is not None and line.uptime_s + _BACKWARDS_S < uptime):
            yield place
            uptime = 0.0
        if line.uptime_s is not None:
            uptime = line.uptime_s


def boot_of(lines: Sequence[LogLine], first: int, end: int, number: int) -> Boot:
    """The boot whose lines are [first, end), at least one."""
    present = number == 0
    return Boot(
        number=number,
        first=first,
        end=end,
        started=_started(lines[first : min(end, first + 50)]),
        ended=None if present else lines[end - 1].at,
        clean=None if present else any(_ORDERLY.search(line.raw) for line in lines[max(first, end - _TAIL) : end]),
    )


def _started(head: Sequence[LogLine]) -> float | None:
    for line in head:
        if line.at is not None and line.uptime_s is not None:
            return line.at - line.uptime_s
    first = head[0]
    return first.at if first.from_kernel and first.text.startswith(_BANNER) else None
