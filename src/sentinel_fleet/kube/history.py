"""The recent past of one resource: a ring of changes that watches follow and that old list pages are rebuilt from.

Watches hold no queue. Each has a cursor into this log and is woken when it grows, so a slow client costs nothing; one
that falls out of the ring is told so (410 Expired), as etcd's compaction does.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal

from sentinel_fleet.kube.record import Record

ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]
Ending = Literal["drop", "expire", "close", "tear", "hang"]


class Compacted(Exception):
    """Raised when a resourceVersion is older than the history kept."""

    def __init__(self, wanted: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {wanted} ({oldest})")


@dataclass(frozen=True, slots=True)
class Change:
    """One write: what the object was and what it became."""

    rv: int
    type: ChangeType
    record: Record
    """The new state; for DELETED the last state, carrying the deletion's resourceVersion."""
    previous: Record | None


def _rv(change: Change) -> int:
    return change.rv


class ChangeLog:
    """The ring of changes of one resource, oldest first."""

    def __init__(self, limit: int, start_rv: int) -> None:
        self._limit = limit
        self._changes: list[Change] = []
        self._start_rv = start_rv
        self._lost_rv = start_rv
        self._subscriptions: set[Subscription] = set()

    @property
    def oldest_rv(self) -> int:
        """Every change after this resourceVersion is still known."""
        return self._start_rv

    def append(self, change: Change) -> None:
        """Add the newest change and wake the subscribers."""
        self._changes.append(change)
        if len(self._changes) > self._limit + self._limit // 4:
            self.compact(self._changes[-self._limit - 1].rv)
        for subscription in self._subscriptions:
            subscription.wake()

    def after(self, rv: int) -> list[Change]:
        """The changes after `rv`.

        Raises:
            Compacted: some of them are no longer known.
        """
        if rv < self._start_rv:
            raise Compacted(rv, self._start_rv)
        return self._changes[bisect_right(self._changes, rv, key=_rv) :]

    def missed(self, rv: int) -> list[Change]:
        """As `after`, for a reader that has followed all along: a compaction it has outrun does not concern it."""
        if rv < self._lost_rv:
            raise Compacted(rv, self._start_rv)
        return self._changes[bisect_right(self._changes, rv, key=_rv) :]

    def compact(self, rv: int) -> None:
        """Forget the changes up to and including `rv`."""
        cut = bisect_right(self._changes, rv, key=_rv)
        if cut:
            self._lost_rv = self._changes[cut - 1].rv
        self._changes = self._changes[cut:]
        self._start_rv = max(self._start_rv, rv)

    def subscribe(self, rv: int) -> Subscription:
        """A cursor that stands after `rv`; close it when done."""
        subscription = Subscription(self, rv)
        self._subscriptions.add(subscription)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        """Stop waking a subscriber."""
        self._subscriptions.discard(subscription)

    def end_all(self, how: Ending) -> None:
        """End every open subscription."""
        for subscription in tuple(self._subscriptions):
            subscription.end(how)

    @property
    def open_subscriptions(self) -> int:
        """How many watches are open."""
        return len(self._subscriptions)


class Subscription:
    """One reader's place in a change log. Use as a context manager."""

    def __init__(self, log: ChangeLog, rv: int) -> None:
        self._log = log
        self._event = asyncio.Event()
        self.rv = rv
        self.ending: Ending | None = None
        """Set when the server wants this reader gone: `drop` the connection, say `expire`d, `close` politely, `tear`
        the stream in the middle of an event, or `hang`: never say a word again on an open connection."""

    def take(self) -> list[Change]:
        """The changes since the last call; the cursor moves behind them.

        Raises:
            Compacted: the reader was too slow and some changes are lost to it.
        """
        self._event.clear()
        changes = self._log.missed(self.rv)
        if changes:
            self.rv = changes[-1].rv
        return changes

    def wake(self) -> None:
        """Let `wait` return."""
        self._event.set()

    def end(self, how: Ending) -> None:
        """Ask the reader to leave."""
        self.ending = how
        self._event.set()

    async def wait(self, timeout_s: float) -> bool:
        """Wait for news; False when none came within the timeout."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Leave the log."""
        self._log.forget(self)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
