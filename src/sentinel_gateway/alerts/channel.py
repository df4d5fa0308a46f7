"""What a channel is to those who deliver: something that takes an alert and says what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Protocol

from sentinel_gateway.domain.alerts import Alert


class Verdict(Enum):
    """What became of one try."""

    DELIVERED = "delivered"
    LATER = "later"
    """The channel is away, busy, or set up wrongly: it will take nothing else now either."""
    NEVER = "never"
    """The receiver refuses this message for what it says; the next one may pass."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a try ended."""

    verdict: Verdict
    words: str = ""
    """For logs and lists: what the receiver said; without secrets."""
    retry_after: timedelta | None = None
    """How long the receiver wants to be left alone."""


class Channel(Protocol):
    """One way to reach people."""

    @property
    def name(self) -> str:
        """Such as ``slack`` or ``webhook.pager``."""
        ...

    async def send(self, alert: Alert) -> Answer:
        """Try once. The same alert may be sent again, under the same key, where an answer was lost."""
        ...

    async def close(self) -> None:
        """Let connections go."""
        ...
