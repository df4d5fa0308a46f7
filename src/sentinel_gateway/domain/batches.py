"""How a batch is judged before anything of it counts: clocks, numbers, what was seen before.

Agents restart their numbers at 0, send batches again, and send them late and out of order; all that is normal. What is
recognised is the same content under the same number from the same host. A number above all others of its host cannot
have been seen before; every other one is looked up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from sentinel_gateway.domain.errors import Denied, Invalid
from sentinel_gateway.domain.settings import IngestSettings
from sentinel_gateway.domain.text import MAX_NAME, checked_text

_NS_PER_S = 1_000_000_000
_LATEST_NS = 253_402_300_799 * _NS_PER_S
_MAX_GAP = 1_000_000
"""A larger jump is no gap but another way of counting."""


class BatchKind(StrEnum):
    """What a batch holds; each kind counts its numbers by itself."""

    PROBE = "probe"
    ANOMALY = "anomaly"
    TELEMETRY = "telemetry"


class BatchKey(NamedTuple):
    """What makes two batches the same."""

    kind: BatchKind
    hostname: str
    sequence: int
    digest: bytes
    """32 bytes over the content."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of one host's batches of one kind."""

    kind: BatchKind
    hostname: str
    highest: int = -1
    """The highest number it ever used."""
    last_batch_ns: int = 0
    """When its last batch came."""
    batches: int = 0
    missing: int = 0
    """Numbers that were skipped; those that came later were not taken off."""

    def is_surely_new(self, sequence: int) -> bool:
        """Whether a batch with this number cannot have been seen before."""
        return sequence > self.highest

    def after(self, sequence: int, now_ns: int) -> Source:
        """The source after one more batch that was not seen before."""
        skipped = sequence - self.highest - 1 if self.highest >= 0 else 0
        return replace(
            self,
            highest=max(self.highest, sequence),
            last_batch_ns=now_ns,
            batches=self.batches + 1,
            missing=self.missing + (skipped if 0 < skipped <= _MAX_GAP else 0),
        )


@dataclass(frozen=True, slots=True)
class Clock:
    """Which times are believable now."""

    now_ns: int
    latest_ns: int
    earliest_ns: int

    def objection(self, time_ns: int) -> str:
        """Why a result of this time is refused; empty where it is taken."""
        if time_ns > self.latest_ns:
            ahead_s = (time_ns - self.now_ns) / _NS_PER_S
            return f"{ahead_s:.0f} s in the future: it says {shown(time_ns)}, this gateway's clock {shown(self.now_ns)}"
        if time_ns < self.earliest_ns:
            return f"too old: it says {shown(time_ns)}, this gateway's clock {shown(self.now_ns)}"
        return ""

    def batch_objection(self, time_ns: int | None) -> str:
        """Why a whole batch of this time is refused. An old one is not: it may have waited, its parts decide."""
        return self.objection(time_ns) if time_ns is not None and time_ns > self.latest_ns else ""


def clock_at(now_ns: int, settings: IngestSettings) -> Clock:
    """Which times are believable at `now_ns`."""
    future_ns = int(settings.max_future.total_seconds() * _NS_PER_S)
    age_ns = int(settings.max_age.total_seconds() * _NS_PER_S)
    return Clock(now_ns, now_ns + future_ns, now_ns - age_ns)


def shown(time_ns: int) -> str:
    """A time for people; far ones as their number of seconds."""
    if not 0 <= time_ns <= _LATEST_NS:
        return f"{time_ns // _NS_PER_S} s since 1970"
    return datetime.fromtimestamp(time_ns // _NS_PER_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_shape(hostname: str, caller: str, items: int, what: str, settings: IngestSettings) -> None:
    """What a batch must have to be looked at; `caller` is who its sender proved to be.

    Raises:
        Invalid: no hostname, nothing in it, too much in it.
        Denied: it is another host's, and callers report for themselves only.
    """
    if not hostname:
        raise Invalid("the batch must name its host")
    checked_text("the batch's hostname", hostname, MAX_NAME)
    if settings.own_hostname and hostname != caller:
        raise Denied(f"{caller!r} reports for the host of that name only, not for {hostname!r}")
    if not items:
        raise Invalid(f"the batch of {hostname} has no {what}")
    if items > settings.max_batch:
        raise Invalid(f"the batch of {hostname} has {items} {what}, at most {settings.max_batch} are taken: split it")
