"""Where a sink goes on with what it has shown of an incident before: a Slack message, an alert of a pager.

Kept in the database, so that after a restart, or by another replica, the same thread goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from gcm_sentinel.domain.jsontypes import JsonObject


@dataclass(frozen=True, slots=True)
class Thread:
    """What one sink has shown of one incident."""

    incident_id: str
    mark: str
    """By which the sink knows it: a message's ``ts``, an alert's key."""
    place: str = ""
    """Where it is: a channel."""
    revision: int = 0
    """Of the newest investigation shown there."""
    told: JsonObject = field(default_factory=dict)
    """What was said of it last, in the sink's own words."""
    closed: bool = False
    """Whether it says that the incident is over; set by `Closer`'s caller, never by `put`."""


class ThreadBook(Protocol):
    """Keeps threads."""

    async def get(self, sink: str, incident_id: str) -> Thread | None:
        """What `sink` has shown of an incident; None where it has shown nothing.

        Raises:
            Retryable: the database is away.
        """
        ...

    async def put(self, sink: str, thread: Thread) -> None:
        """Keep it, in place of what was known.

        Raises:
            Retryable: the database is away.
        """
        ...


@dataclass(frozen=True, slots=True)
class OverThread:
    """A thread whose incident is closed, which the sink has not said yet."""

    thread: Thread
    reason: str
    """Why it was closed."""


class Closer(Protocol):
    """A sink that says in its thread that the incident is over; optional beside `Notifier`."""

    @property
    def name(self) -> str:
        """The name it has as a `Notifier`."""
        ...

    async def close(self, over: OverThread) -> None:
        """Say it; a second time must not hurt.

        Raises:
            Retryable: try again later.
            Permanent: it will not work.
        """
        ...
