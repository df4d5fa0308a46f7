"""What alerting did since it started; read by the metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class AlertCounters:
    """Totals since start; they only grow, except `pending`."""

    told: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Alerts decided, by rule and event (``trigger``, ``resolve``)."""
    held: Counter[str] = field(default_factory=Counter)
    """Happenings whose alert is told later, by rule."""
    kept_back: Counter[str] = field(default_factory=Counter)
    """Happenings dropped for cooling down, by rule."""
    over_limit: Counter[str] = field(default_factory=Counter)
    """Alerts above the limit per minute, by rule."""
    sent: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Deliveries, by channel and rule."""
    failed: Counter[str] = field(default_factory=Counter)
    """Tries that failed, by channel."""
    given_up: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Deliveries given up, by channel and rule."""
    pending: dict[str, int] = field(default_factory=dict)
    """Deliveries that are owed, by channel."""
