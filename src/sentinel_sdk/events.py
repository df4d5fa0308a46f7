"""Following what happens at a gateway, and the canaries it wants computed, without end.

An event's position says where to go on, so nothing is lost over any number of restarts, on either side; what was
delivered and not come back from is delivered again. Canaries have no past: one that was told while nobody listened is
scheduled anew by the gateway when its time is over. An event that no value can hold is told by its position alone, or
nothing would ever be heard after it.
"""

from __future__ import annotations

import logging

from sentinel.ext.v1 import events_pb2, tmr_pb2
from sentinel.v1 import trust_pb2
from sentinel_sdk import methods
from sentinel_sdk.conversion import prepared
from sentinel_sdk.following import Course
from sentinel_sdk.types.events import Event
from sentinel_sdk.types.trust import TmrRequest

log = logging.getLogger("sentinel_sdk")


class Events(Course[Event]):
    """Everything that could concern somebody on call."""

    method = methods.FOLLOW_EVENTS
    ends_with_the_server = False

    def __init__(self, after_position: int, hostname: str, *, from_now: bool) -> None:
        """Raises `InvalidArgumentError` for what cannot be asked."""
        self._request = prepared(
            lambda: events_pb2.FollowEventsRequest(after_position=after_position, from_now=from_now, hostname=hostname)
        )

    def request(self) -> events_pb2.FollowEventsRequest:
        """From where it was begun, or after the last event that was handled."""
        return self._request

    def read(self, message: events_pb2.Event) -> Event:
        """An event."""
        try:
            return Event.from_proto(message)
        except (OverflowError, ValueError) as error:
            log.warning("event.unreadable position=%d error=%s", message.position, error)
            return Event(position=message.position)

    def handled(self, item: Event) -> None:
        """The next connection goes on after it."""
        self._request.after_position, self._request.from_now = item.position, False


class Canaries(Course[TmrRequest]):
    """What three GPUs are to compute at the same time."""

    method = methods.FOLLOW_CANARIES
    ends_with_the_server = False

    def __init__(self, hostname: str) -> None:
        """Raises `InvalidArgumentError` for what cannot be asked."""
        self._request = prepared(lambda: tmr_pb2.FollowCanariesRequest(hostname=hostname))

    def request(self) -> tmr_pb2.FollowCanariesRequest:
        """The same each time."""
        return self._request

    def read(self, message: trust_pb2.TmrRequest) -> TmrRequest:
        """A canary."""
        return TmrRequest.from_proto(message)
