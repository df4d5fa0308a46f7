"""Which GPU failed what lately: what is looked through for causes that many GPUs share.

Sightings go by when a failure was received, because a cause that many GPUs share is told by many hosts at one moment,
however late they are: the failures of an outage all come when it ends. They are stored, because the failures that a
cause explains leave no other trace.
"""

from __future__ import annotations

from typing import NamedTuple


class Failed(NamedTuple):
    """Failures of one kind in a round."""

    earliest_ns: int
    """When the first of them happened."""
    event_id: str
    """Of one of them."""


class Sighted(NamedTuple):
    """A GPU failed something."""

    received_ns: int
    """When the gateway last heard of it."""
    earliest_ns: int
    """When the first of those failures happened that were received since `turned_ns`."""
    event_id: str
    """Of one of the latest."""
    before_ns: int | None
    """`earliest_ns` is kept window by window, so that it moves on while a GPU keeps failing; of the window before."""
    turned_ns: int
    """When this window began."""

    @classmethod
    def first(cls, failed: Failed, now_ns: int) -> Sighted:
        """Sighted now, and not before."""
        return cls(now_ns, failed.earliest_ns, failed.event_id, None, now_ns)

    def again(self, failed: Failed, now_ns: int, window_ns: int) -> Sighted:
        """Sighted once more."""
        if now_ns - self.turned_ns >= 2 * window_ns:
            return Sighted.first(failed, now_ns)
        if now_ns - self.turned_ns >= window_ns:
            turned_ns = self.turned_ns + window_ns
            return Sighted(now_ns, failed.earliest_ns, failed.event_id, self.earliest_ns, turned_ns)
        earliest_ns = min(failed.earliest_ns, self.earliest_ns)
        return Sighted(now_ns, earliest_ns, failed.event_id, self.before_ns, self.turned_ns)

    @property
    def since_ns(self) -> int:
        """When the first of the failures happened that were received within the window, or not long before it."""
        return self.earliest_ns if self.before_ns is None else min(self.earliest_ns, self.before_ns)
