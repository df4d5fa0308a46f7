"""Relevance by time: how near a record stands to the moment the problem was reported.

A node that lives long collects old records; a fault explains a trigger only if it happened around it. The anchor is the
trigger's own transition where it has one, else the moment it was observed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from gcm_sentinel.llm.playbook.observations import Observations, moment

NEAR = timedelta(minutes=45)
"""A check that runs every five minutes with retries reports well within this."""
RECENT = timedelta(hours=6)
SAME_DAY = timedelta(hours=26)
"""Repeats "once a day" must still count."""


def anchor(obs: Observations) -> datetime:
    """The moment of the trigger."""
    return obs.trigger.transition_at or obs.trigger.observed_at


def closeness(obs: Observations, last_at: str | None, *, boot: int = 0) -> float:
    """1 for a record near the trigger, less for earlier ones, 0 for one that is too old to explain it.

    What came after the trigger counts by its distance from it or from now, whichever is nearer: an old condition may
    still be true. Records of an earlier boot count only when the node rebooted around the trigger: the boot may be the
    consequence.
    """
    at = moment(last_at)
    if at is None:
        return 0.0
    gap = anchor(obs) - at if at <= anchor(obs) else min(at - anchor(obs), max(obs.now - at, timedelta(0)))
    if boot < 0 and gap > RECENT:
        return 0.0
    if gap <= NEAR:
        return 1.0
    if gap <= RECENT:
        return 0.75
    return 0.25 if gap <= SAME_DAY else 0.0


def age_hours(obs: Observations, text: str | None) -> float | None:
    """Hours between a time and now; None for an unreadable time."""
    at = moment(text)
    return (obs.now - at).total_seconds() / 3600 if at else None


def kernel_covers(obs: Observations) -> bool:
    """Whether the kernel log that was read reaches back before the trigger, so that absence in it means something."""
    if obs.kernel is None:
        return False
    start = moment(obs.kernel.data["covers_from"])
    return start is not None and start <= anchor(obs) - timedelta(minutes=10)
