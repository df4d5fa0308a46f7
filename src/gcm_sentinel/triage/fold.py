"""Triggers of one node that arrive together become one incident, led by the earliest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from gcm_sentinel.domain.trigger import Incident, Trigger


def fold(triggers: Iterable[Trigger], now: datetime) -> tuple[Incident, ...]:
    """One incident per node, its triggers in order of their transition, in order of the earliest one."""
    by_node: dict[str, list[Trigger]] = {}
    for trigger in triggers:
        by_node.setdefault(trigger.node, []).append(trigger)
    groups = [tuple(sorted(group, key=_onset)) for group in by_node.values()]
    return tuple(Incident(incident_id(group), group, now) for group in sorted(groups, key=lambda g: _onset(g[0])))


def incident_id(triggers: tuple[Trigger, ...]) -> str:
    """``inc-…``, the same for the same triggers."""
    text = "\x1f".join(sorted(trigger.fingerprint for trigger in triggers))
    return f"inc-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _onset(trigger: Trigger) -> tuple[datetime, str]:
    return (trigger.transition_at or trigger.observed_at, trigger.kind)
