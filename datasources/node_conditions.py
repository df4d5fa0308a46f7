"""A node's conditions as summaries: polarity, age, parsed message, and whether they are older than the present boot."""

from __future__ import annotations

from datetime import datetime, timedelta

from gcm_sentinel.clients.kubernetes import KubeObject, conditions, parse_time
from gcm_sentinel.clients.kubernetes.objects import text
from gcm_sentinel.datasources.cluster_reads import age_s, iso
from gcm_sentinel.domain.condition_message import parse_message
from gcm_sentinel.domain.conditions import ConditionState, state_of
from gcm_sentinel.domain.summaries import ConditionSummary

_MESSAGE_MAX = 1200
_BOOT_SLACK = timedelta(seconds=60)
"""Clocks of a booting node move; only what is clearly older counts as older."""
_ORDER: dict[ConditionState, int] = {"problem": 0, "unknown": 1, "unlisted": 2, "ok": 3}


def condition_summaries(
    node: KubeObject, *, patterns: tuple[str, ...], now: datetime, booted_at: datetime | None
) -> list[ConditionSummary]:
    """The node's conditions, bad ones first, latest transition first among equals.

    `booted_at` None: the boot is not known, and `before_boot` is left out.
    """
    found = [_summary(entry, patterns, now, booted_at) for entry in conditions(node)]
    return sorted(found, key=lambda entry: (_ORDER[entry["state"]], entry["age_s"] or 0.0))


def _summary(
    condition: KubeObject, patterns: tuple[str, ...], now: datetime, booted_at: datetime | None
) -> ConditionSummary:
    type_, status = text(condition.get("type")), text(condition.get("status"))
    state = state_of(type_, status, patterns)
    message = text(condition.get("message"))
    changed_at = parse_time(condition.get("lastTransitionTime"))
    summary = ConditionSummary(
        type=type_,
        status=status,
        state=state,
        reason=text(condition.get("reason")),
        message=message[:_MESSAGE_MAX],
        parsed=parse_message(message, bad=state == "problem"),
        last_transition_at=iso(changed_at),
        age_s=age_s(now, changed_at),
        heartbeat_age_s=age_s(now, parse_time(condition.get("lastHeartbeatTime"))),
    )
    if booted_at is not None and changed_at is not None:
        summary["before_boot"] = changed_at < booted_at - _BOOT_SLACK
    return summary
