"""System log lines taken apart: time, host, program and text, in the shapes that log daemons write. Pure.

Understood are rsyslog's ISO shape, the traditional syslog shape (no year, no zone: taken as UTC and as the latest such
moment that is not in the future), ``dmesg -T`` and journal text, each with or without a syslog priority before it. A
line without a time of its own gets that of the line before it, because it continues it. Whether times carried a zone
is told by `zoneless`, because a node whose clock is not set to UTC shifts every one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_ISO = re.compile(
    r"(?:<\d+>)?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?)(Z|[+-]\d\d:?\d\d)?\s+(\S+)\s+([^\s:\[]+)"
    r"(?:\[(\d+)\])?:\s?(.*)",
    re.DOTALL,
)
_OLD = re.compile(
    r"(?:<\d+>)?([A-Z][a-z]{2}\s+\d{1,2} \d\d:\d\d:\d\d)(?:\.\d+)?\s+(\S+)\s+([^\s:\[]+)(?:\[(\d+)\])?:\s?(.*)",
    re.DOTALL,
)
_DMESG = re.compile(r"\[([A-Z][a-z]{2} [A-Z][a-z]{2}\s+\d{1,2} \d\d:\d\d:\d\d \d{4})\]\s?(.*)", re.DOTALL)
_UPTIME = re.compile(r"\[\s*(\d+\.\d+)\]\s?")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a system log."""

    at: float | None
    """Epoch seconds; None when neither the line nor one before it has a time."""
    host: str
    program: str
    """``kernel`` for kernel messages; empty when the line does not say."""
    text: str
    """The message without its wrapping."""
    uptime_s: float | None
    """Seconds since boot, where the kernel printed them."""
    raw: str
    folded: int = 0
    """Lines like this one that came right after it and were counted by whoever read the log, not kept."""

    @property
    def from_kernel(self) -> bool:
        """Whether the log daemon took it from the kernel; a program may print what looks like a kernel message."""
        return self.program == "kernel"


def parse_lines(lines: Iterable[str], now: datetime) -> Iterator[LogLine]:
    """The lines of a log in order, blank ones left out; `now` dates lines that carry no year."""
    last: float | None = None
    for raw in lines:
        if not raw or raw.isspace():
            continue
        line = parse_line(raw, now, last)
        last = line.at
        yield line


def zoneless(lines: Iterable[LogLine]) -> bool:
    """Whether the times of a log name no zone, by its first line that has a time of its own."""
    for line in lines:
        iso = _ISO.match(line.raw)
        if iso:
            return iso.group(2) is None
        if _OLD.match(line.raw) or _DMESG.match(line.raw):
            return True
    return False


def parse_line(raw: str, now: datetime, last: float | None = None) -> LogLine:
    """One line; `last` is the time of the line before it."""
    found = _ISO.match(raw)
    if found:
        moment, zone, host, program, _pid, text = found.groups()
        return _line(_iso_epoch(moment, zone), host, program, text, raw)
    found = _OLD.match(raw)
    if found:
        stamp, host, program, _pid, text = found.groups()
        return _line(_old_epoch(stamp, now), host, program, text, raw)
    found = _DMESG.match(raw)
    if found:
        return _line(_dmesg_epoch(found.group(1)), "", "kernel", found.group(2), raw)
    return _line(last, "", "kernel" if _UPTIME.match(raw) else "", raw, raw)


def _line(at: float | None, host: str, program: str, text: str, raw: str) -> LogLine:
    uptime = None
    if program == "kernel" and text.startswith("["):
        found = _UPTIME.match(text)
        if found:
            uptime, text = float(found.group(1)), text[found.end() :]
    return LogLine(at, host, program, text, uptime, raw)


def _iso_epoch(moment: str, zone: str | None) -> float | None:
    try:
        return datetime.fromisoformat(moment.replace(",", ".") + (zone or "Z")).timestamp()
    except ValueError:
        return None


def _old_epoch(stamp: str, now: datetime) -> float | None:
    month, day, clock = stamp.split()
    hour, minute, second = (int(part) for part in clock.split(":"))
    for year in (now.year + 1, now.year, now.year - 1):
        try:
            moment = datetime(year, _MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=UTC)
        except ValueError:
            continue
        if moment <= now + timedelta(days=1):
            return moment.timestamp()
    return None


def _dmesg_epoch(stamp: str) -> float | None:
    _weekday, month, day, clock, year = stamp.split()
    try:
        hour, minute, second = (int(part) for part in clock.split(":"))
        return datetime(int(year), _MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return None
