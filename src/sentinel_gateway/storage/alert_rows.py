"""Alerts as rows: themselves, what each channel owes of them, and what is remembered of their groups.

`save` works in a transaction of its caller, so that an alert is stored with the change it tells of. It numbers
alerts in the order in which they were decided, so that the end of something never overtakes its beginning: ids are
random within a millisecond, and clocks are set back. The other functions serve the delivery and the list; they take an
open connection, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, text

from sentinel_gateway.domain.alerts import (
    Alert,
    AlertChanges,
    DeliveryState,
    Event,
    Group,
    GroupKey,
    Severity,
    Waiting,
)
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.storage.statements import inserting, replacing, run_many
from sentinel_gateway.storage.values import packed, unpacked

_MAX_WORDS = 500
_GROUP_COLUMNS = (
    *("rule", "group_name", "told_ns", "level", "held_back", "is_open", "due_ns", "is_over_limit", "waiting"),
)
_SAVE_ALERT = inserting(
    "alerts", ("alert_id", "rule", "group_name", "event", "severity", "created_ns", "payload", "position")
)
_SAVE_DELIVERY = inserting(
    "alert_deliveries",
    ("alert_id", "channel", "state", "created_ns", "attempts", "next_try_ns", "finished_ns", "words", "position"),
)
_LAST = text("SELECT coalesce(max(position), 0) FROM alerts")
_SAVE_GROUP = replacing("alert_groups", _GROUP_COLUMNS, ("rule", "group_name"))
_REMOVE_GROUP = text("DELETE FROM alert_groups WHERE rule = :rule AND group_name = :group_name")
_OWED = text(
    "SELECT d.alert_id, d.channel, d.created_ns, d.attempts, d.next_try_ns, a.payload FROM alert_deliveries d "
    "JOIN alerts a ON a.alert_id = d.alert_id WHERE d.state = 'pending' AND d.channel = :channel "
    "ORDER BY d.position LIMIT :limit"
)
_FINISH = text(
    "UPDATE alert_deliveries SET state = :state, attempts = attempts + :tries, finished_ns = :now_ns, words = :words "
    "WHERE alert_id = :alert_id AND channel = :channel AND state = 'pending'"
)
_PUT_OFF = text(
    "UPDATE alert_deliveries SET attempts = attempts + 1, next_try_ns = :next_try_ns, words = :words "
    "WHERE alert_id = :alert_id AND channel = :channel AND state = 'pending'"
)
_PENDING = text("SELECT channel, count(*) AS owed FROM alert_deliveries WHERE state = 'pending' GROUP BY channel")
_OVERDUE = text(
    "SELECT d.alert_id, d.channel, d.created_ns, d.attempts, d.next_try_ns, a.payload FROM alert_deliveries d "
    "JOIN alerts a ON a.alert_id = d.alert_id WHERE d.state = 'pending' AND d.created_ns < :before "
    "ORDER BY d.position LIMIT :limit"
)
_OLD = text(
    "SELECT alert_id FROM alerts WHERE created_ns < :before AND NOT EXISTS "
    "(SELECT 1 FROM alert_deliveries d WHERE d.alert_id = alerts.alert_id AND d.state = 'pending') "
    "ORDER BY created_ns LIMIT :most"
)
_FORGET = tuple(
    text(f"DELETE FROM {table} WHERE alert_id IN :ids").bindparams(bindparam("ids", expanding=True))  # noqa: S608  ours
    for table in ("alert_deliveries", "alerts")
)
_NEWEST = text("SELECT alert_id, created_ns, payload FROM alerts ORDER BY position DESC LIMIT :limit")
_OF_ALERT = text(
    "SELECT channel, state, attempts, words FROM alert_deliveries WHERE alert_id = :alert_id ORDER BY channel"
)


@dataclass(frozen=True, slots=True)
class Owed:
    """One alert that one channel still owes."""

    alert: Alert
    channel: str
    created_ns: int
    attempts: int
    next_try_ns: int


@dataclass(frozen=True, slots=True)
class Told:
    """What became of an alert on one channel."""

    channel: str
    state: DeliveryState
    attempts: int
    words: str
    """What the channel said last."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An alert with what became of it."""

    alert: Alert
    created_ns: int
    told: tuple[Told, ...]


def save(connection: Connection, changes: AlertChanges) -> None:
    """Store what was decided; nobody else may do so at the same time."""
    if changes.alerts:
        _save_alerts(connection, changes)
    run_many(connection, _SAVE_GROUP, (_group_row(group) for group in changes.groups.values() if group is not None))
    gone = (key for key, group in changes.groups.items() if group is None)
    run_many(connection, _REMOVE_GROUP, ({"rule": key.rule, "group_name": key.group} for key in gone))


def _save_alerts(connection: Connection, changes: AlertChanges) -> None:
    now_ns, last = changes.now_ns, int(connection.scalar(_LAST) or 0)
    positions = {alert.alert_id: place for place, alert in enumerate(changes.alerts, last + 1)}
    alerts = ({**_alert_row(one, now_ns), "position": positions[one.alert_id]} for one in changes.alerts)
    owed = ({**_delivery_row(*one, now_ns), "position": positions[one.alert_id]} for one in changes.deliveries)
    run_many(connection, _SAVE_ALERT, alerts)
    run_many(connection, _SAVE_DELIVERY, owed)


def load_groups(connection: Connection) -> tuple[Group, ...]:
    """All that is remembered, the longest quiet first."""
    rows = connection.execute(text("SELECT * FROM alert_groups ORDER BY told_ns, rule, group_name")).mappings()
    return tuple(_group_of(row) for row in rows)


def owed(connection: Connection, channel: str, limit: int) -> list[Owed]:
    """What a channel owes, in the order in which it was decided."""
    return _owed_of(connection.execute(_OWED, {"channel": channel, "limit": limit}).mappings())


def overdue(connection: Connection, before_ns: int, limit: int) -> list[Owed]:
    """What is owed since before a time, whatever the channel, oldest first."""
    return _owed_of(connection.execute(_OVERDUE, {"before": before_ns, "limit": limit}).mappings())


def finish(connection: Connection, one: Owed, state: DeliveryState, words: str, now_ns: int) -> None:
    """An alert was sent (which took a try), or given up."""
    tries = int(state is DeliveryState.SENT)
    row = {"state": state.value, "tries": tries, "now_ns": now_ns, "words": words[:_MAX_WORDS]}
    connection.execute(_FINISH, {**row, "alert_id": one.alert.alert_id, "channel": one.channel})


def put_off(connection: Connection, one: Owed, next_try_ns: int, words: str) -> None:
    """A try failed; the next is due at `next_try_ns`."""
    row = {"next_try_ns": next_try_ns, "words": words[:_MAX_WORDS]}
    connection.execute(_PUT_OFF, {**row, "alert_id": one.alert.alert_id, "channel": one.channel})


def pending(connection: Connection) -> dict[str, int]:
    """How much each channel owes."""
    return {row["channel"]: int(row["owed"]) for row in connection.execute(_PENDING).mappings()}


def forget(connection: Connection, before_ns: int, most: int) -> int:
    """Delete up to `most` alerts from before a time that nobody owes any more; says how many."""
    ids = list(connection.scalars(_OLD, {"before": before_ns, "most": most}))
    if ids:
        for statement in _FORGET:
            connection.execute(statement, {"ids": ids})
    return len(ids)


def newest(connection: Connection, limit: int) -> list[Listed]:
    """The newest alerts first, with what became of them."""
    rows = connection.execute(_NEWEST, {"limit": limit}).mappings().all()
    return [
        Listed(_alert_of(unpacked(row["payload"])), row["created_ns"], _told_of(connection, row["alert_id"]))
        for row in rows
    ]


def _told_of(connection: Connection, alert_id: str) -> tuple[Told, ...]:
    rows = connection.execute(_OF_ALERT, {"alert_id": alert_id}).mappings()
    return tuple(Told(row["channel"], DeliveryState(row["state"]), row["attempts"], row["words"]) for row in rows)


def _alert_row(alert: Alert, now_ns: int) -> dict[str, Any]:
    return {
        "alert_id": alert.alert_id,
        "rule": alert.key.rule,
        "group_name": alert.key.group,
        "event": alert.event.value,
        "severity": int(alert.severity),
        "created_ns": now_ns,
        "payload": packed(_values(alert)),
    }


def _delivery_row(alert_id: str, channel: str, now_ns: int) -> dict[str, Any]:
    return {
        "alert_id": alert_id,
        "channel": channel,
        "state": DeliveryState.PENDING.value,
        "created_ns": now_ns,
        "attempts": 0,
        "next_try_ns": now_ns,
        "finished_ns": None,
        "words": "",
    }


def _group_row(group: Group) -> dict[str, Any]:
    waiting = group.waiting
    return {
        "rule": group.key.rule,
        "group_name": group.key.group,
        "told_ns": group.told_ns,
        "level": group.level,
        "held_back": group.held_back,
        "is_open": int(group.is_open),
        "due_ns": waiting.due_ns if waiting else None,
        "is_over_limit": int(bool(waiting and waiting.is_over_limit)),
        "waiting": packed(_values(waiting.alert)) if waiting else None,
    }


def _group_of(row: Mapping[Any, Any]) -> Group:
    waiting = None
    if row["waiting"] is not None:
        alert = _alert_of(unpacked(row["waiting"]))
        waiting = Waiting(alert, row["due_ns"], is_over_limit=bool(row["is_over_limit"]))
    key = GroupKey(row["rule"], row["group_name"])
    return Group(key, row["told_ns"], row["level"], row["held_back"], is_open=bool(row["is_open"]), waiting=waiting)


def _owed_of(rows: Iterable[Mapping[Any, Any]]) -> list[Owed]:
    return [
        Owed(
            _alert_of(unpacked(row["payload"])),
            row["channel"],
            row["created_ns"],
            row["attempts"],
            row["next_try_ns"],
        )
        for row in rows
    ]


def _values(alert: Alert) -> dict[str, Any]:
    return {**asdict(alert), "facts": dict(alert.facts)}


def _alert_of(stored: dict[str, Any]) -> Alert:
    parts = {
        "key": GroupKey(*stored["key"]),
        "event": Event(stored["event"]),
        "severity": Severity(stored["severity"]),
        "gpu": Gpu(**stored["gpu"]) if stored["gpu"] else None,
        "evidence": tuple(stored["evidence"]),
    }
    return Alert(**{**stored, **parts})
