"""The stretch of time a report or export is about: half open, in nanoseconds since 1970 UTC.

Half open (`start` counts, `end` does not) so that two reports over adjoining windows count every entry once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sentinel_gateway.domain.errors import Invalid

NS_PER_S = 1_000_000_000
NS_PER_HOUR = 3600 * NS_PER_S
NS_PER_DAY = 24 * NS_PER_HOUR
USUAL_DAYS = 90
"""How long a period is where only its end is said: a quarter."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_NS = 253_402_300_799 * NS_PER_S
"""The last second of the year 9999: what a `datetime` can show."""


@dataclass(frozen=True, slots=True)
class Window:
    """From `start_ns` up to, not including, `end_ns`."""

    start_ns: int
    end_ns: int

    def __post_init__(self) -> None:
        if self.start_ns >= self.end_ns:
            raise Invalid(f"the window ends ({iso(self.end_ns)}) before or when it starts ({iso(self.start_ns)})")

    @property
    def length_ns(self) -> int:
        """How long it is."""
        return self.end_ns - self.start_ns

    def __contains__(self, timestamp_ns: int) -> bool:
        return self.start_ns <= timestamp_ns < self.end_ns

    def overlap_ns(self, from_ns: int, to_ns: int) -> int:
        """How much of [`from_ns`, `to_ns`) lies inside; 0 where it is empty or turned round."""
        return max(0, min(to_ns, self.end_ns) - max(from_ns, self.start_ns))


def usual(start_ns: int | None, end_ns: int | None, now_ns: int) -> Window:
    """What was asked for; without an end up to now, without a start `USUAL_DAYS` before the end.

    Raises:
        Invalid: it ends before or when it starts.
    """
    until_ns = now_ns if end_ns is None else end_ns
    return Window(max(until_ns - USUAL_DAYS * NS_PER_DAY, 0) if start_ns is None else start_ns, until_ns)


def iso(timestamp_ns: int) -> str:
    """UTC in RFC 3339 with as many decimals as are needed; a time no calendar can show is given in nanoseconds."""
    if not 0 <= timestamp_ns <= _LAST_NS:
        return f"{timestamp_ns} ns"
    seconds, rest = divmod(timestamp_ns, NS_PER_S)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:09d}".rstrip("0") + "Z" if rest else f"{text}Z"


def to_seconds(timestamp_ns: int) -> str:
    """`iso` without what is shorter than a second, for tables."""
    return iso(timestamp_ns - timestamp_ns % NS_PER_S) if 0 <= timestamp_ns <= _LAST_NS else iso(timestamp_ns)


def parse_ns(text: str) -> int:
    """A day (`2026-11-01`, its midnight UTC) or an RFC 3339 time; one without an offset is read as UTC.

    Raises:
        Invalid: neither.
    """
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError as error:
        message = f"{text[:60]!r} is no time; write 2026-11-01 or 2026-11-01T10:00:00Z"
        raise Invalid(message) from error
    return to_ns(at if at.tzinfo else at.replace(tzinfo=UTC))


def to_ns(at: datetime) -> int:
    """Nanoseconds since 1970 of an aware time, without rounding through a float."""
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1000
