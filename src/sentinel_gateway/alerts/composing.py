"""Alerts from happenings: one, several of the same thing summed up, and everything above the limit in one message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sentinel_gateway.domain.alert_rules import AlertRule
from sentinel_gateway.domain.alerts import Alert, Event, GroupKey
from sentinel_gateway.domain.happenings import Happening

MAX_EVIDENCE = 20
"""Ids of events in one alert."""
MAX_FACT = 1000
"""Characters of one fact."""
OVER_LIMIT = "alerts_over_limit"
"""In place of a rule's name, where alerts of several rules are summed up."""
_NAMED_GROUPS = 20


def alert_of(rule: AlertRule, key: GroupKey, happening: Happening) -> Alert:
    """What a rule makes of a happening."""
    return Alert(
        alert_id="",
        key=key,
        event=Event.TRIGGER,
        severity=rule.severity,
        summary=_cut(happening.words),
        facts={name: _cut(value) for name, value in happening.facts().items()},
        first_ns=happening.time_ns,
        last_ns=happening.time_ns,
        gpu=happening.gpu,
        hostname=happening.host,
        evidence=happening.event_ids[-MAX_EVIDENCE:],
    )


def with_another(alert: Alert, other: Alert) -> Alert:
    """Both as one: the newer one's words, the sum of their counts."""
    return replace(
        other,
        first_ns=min(alert.first_ns, other.first_ns),
        last_ns=max(alert.last_ns, other.last_ns),
        count=alert.count + other.count,
        held_back=alert.held_back + other.held_back,
        evidence=(*alert.evidence, *other.evidence)[-MAX_EVIDENCE:],
    )


def resolved(rule: AlertRule, key: GroupKey, happening: Happening) -> Alert:
    """That what a rule told is over."""
    return replace(alert_of(rule, key, happening), event=Event.RESOLVE, summary=f"over: {_cut(happening.words)}")


def summed_up(alerts: Sequence[Alert]) -> Alert:
    """Alerts above the limit as one."""
    rules = Counter(alert.key.rule for alert in alerts)
    words = ", ".join(f"{name} ({number})" for name, number in rules.most_common())
    named = [f"{alert.key.rule} {alert.key.group}" for alert in alerts[:_NAMED_GROUPS]]
    more = len(alerts) - len(named)
    about = "; ".join(named) + (f"; and {more} more" if more else "")
    worst = max(alerts, key=lambda alert: alert.severity)
    return Alert(
        alert_id="",
        key=GroupKey(OVER_LIMIT, "cluster"),
        event=Event.TRIGGER,
        severity=worst.severity,
        summary=_cut(f"alerts above the limit per minute, told in this one message: {words}"),
        facts={"about": _cut(about)},
        first_ns=min(alert.first_ns for alert in alerts),
        last_ns=max(alert.last_ns for alert in alerts),
        count=sum(alert.count for alert in alerts),
        held_back=sum(alert.held_back for alert in alerts),
        evidence=tuple(one for alert in alerts for one in alert.evidence)[:MAX_EVIDENCE],
    )


def _cut(text: str) -> str:
    return text if len(text) <= MAX_FACT else text[: MAX_FACT - 1] + "…"
