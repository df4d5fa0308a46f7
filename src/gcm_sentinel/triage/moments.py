"""Ages and deadlines that a clock stepping backwards can neither crash nor wedge.

A moment that lies ahead of now was written before the clock stepped back, or by a replica whose clock is ahead. A
little ahead, it counts as just now. Further ahead than the wait that began with it, it is no measure of anything: the
wait is over, because the alternative is to stand still until the clock has caught up, which may take days.
"""

from __future__ import annotations

from datetime import datetime, timedelta


def end_of(since: datetime, wait: timedelta, now: datetime) -> datetime:
    """When a wait that began at `since` ends: never more than twice `wait` from now."""
    return since + wait if since - now <= wait else now


def is_over(since: datetime, wait: timedelta, now: datetime) -> bool:
    """Whether a wait that began at `since` has ended."""
    return end_of(since, wait, now) <= now


def is_within(since: datetime, window: timedelta, now: datetime) -> bool:
    """Whether `since` is no longer ago than `window`; a moment ahead of now is not long ago."""
    return now - since <= window
