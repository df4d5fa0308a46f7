"""What people are told: alerts, what is remembered of each kind of them, and what one decision about them changes.

An alert belongs to a rule and to a group of that rule: a GPU, a host, a common cause, or the whole cluster. Of each
group it is remembered when it was last told, how much was kept back since, and whether it stands open; all of it is
stored with the round that decided it, so a restart neither repeats nor forgets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import NamedTuple, Protocol

from sentinel_gateway.domain.happenings import Happening
from sentinel_gateway.domain.identity import Gpu


class Severity(IntEnum):
    """How bad; numbers equal `sentinel.v1.Severity`."""

    INFO = 1
    WARNING = 2
    HIGH = 3
    CRITICAL = 4


class Medium(StrEnum):
    """Kinds of channels."""

    SLACK = "slack"
    PAGERDUTY = "pagerduty"
    EMAIL = "email"
    WEBHOOK = "webhook"


class Event(StrEnum):
    """Whether something began or is over."""

    TRIGGER = "trigger"
    RESOLVE = "resolve"


class DeliveryState(StrEnum):
    """What became of an alert on one channel."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    """Given up."""


class GroupKey(NamedTuple):
    """Alerts with the same key are about the same thing."""

    rule: str
    group: str
    """Such as ``gpu/GPU-…``, ``host/node-1`` or ``cluster``."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One message, whatever the channel."""

    alert_id: str
    """UUID version 7; empty while it is held. Receivers drop by it what they have seen."""
    key: GroupKey
    event: Event
    severity: Severity
    summary: str
    """One line; may hold words of others."""
    facts: Mapping[str, str]
    first_ns: int
    last_ns: int
    gpu: Gpu | None = None
    hostname: str = ""
    count: int = 1
    """Happenings that this message tells of."""
    held_back: int = 0
    """Happenings since the message before it that were told by none."""
    evidence: tuple[str, ...] = ()
    """Ids of events, the latest ones."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that is held."""

    alert: Alert
    due_ns: int
    is_over_limit: bool = False
    """Held because too much was told in the minute, not because the same was told just now."""


@dataclass(frozen=True, slots=True)
class Group:
    """What is remembered of alerts with one key."""

    key: GroupKey
    told_ns: int = 0
    """When it was last told; 0 for never."""
    level: int = 0
    """The counter when it was last told, for rules that tell of rises only; else 0."""
    held_back: int = 0
    is_open: bool = False
    """Was told, and its end will be."""
    waiting: Waiting | None = None


class Delivery(NamedTuple):
    """An alert that one channel owes."""

    alert_id: str
    channel: str


@dataclass(frozen=True, slots=True)
class AlertChanges:
    """What one decision changes; nothing of it holds before it is stored."""

    alerts: Sequence[Alert] = ()
    deliveries: Sequence[Delivery] = ()
    groups: Mapping[GroupKey, Group | None] = field(default_factory=dict)
    """None for one that is forgotten."""
    now_ns: int = 0

    def __bool__(self) -> bool:
        """Whether there is anything to store."""
        return bool(self.alerts or self.groups)


class Alerts(Protocol):
    """What whoever decides rounds needs of alerting."""

    def decide(self, happenings: Sequence[Happening], now_ns: int) -> AlertChanges:
        """What is to be told and remembered, to be stored with what happened. Call it also when nothing happened."""
        ...

    def committed(self, changes: AlertChanges) -> None:
        """It is stored, or there was nothing to store: what `decide` answered last holds now."""
        ...

    def missed(self) -> None:
        """The database is away, so a round could not be stored: whoever reported in it was not heard."""
        ...
