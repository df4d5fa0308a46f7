"""What followers are told, as rows in the order in which it happened; and the common causes that are known now.

An event keeps what was told as it was then, so that a follower who comes later hears the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from enum import Enum
from typing import Any

from sqlalchemy import Connection, text

from sentinel_gateway.domain.directives import Approval, Directive, DirectiveRecord, DirectiveStatus
from sentinel_gateway.domain.happened import GuardChange, Happened, Happening
from sentinel_gateway.domain.health import Action, HealthState
from sentinel_gateway.domain.history import Correlation, StateTransition
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.storage.changes import RaisedGuard
from sentinel_gateway.storage.statements import inserting, replacing
from sentinel_gateway.storage.values import packed, unpacked

_GUARD_COLUMNS = ("guard_key", "shared", "value", "probe_types", "gpus", "of_gpus", "since_ns", "told")
SAVE_GUARD = replacing("guards", _GUARD_COLUMNS, ("guard_key",))
REMOVE_GUARD = text("DELETE FROM guards WHERE guard_key = :guard_key")
SAVE_EVENT = inserting("events", ("position", "time_ns", "kind", "hostname", "payload"))
_AFTER = text("SELECT * FROM events WHERE position > :after ORDER BY position LIMIT :limit")


def guard_row(guard: RaisedGuard) -> dict[str, Any]:
    """One common cause."""
    return {
        "guard_key": guard.key,
        "shared": guard.shared,
        "value": guard.value,
        "probe_types": guard.probe_types,
        "gpus": guard.gpus,
        "of_gpus": guard.of,
        "since_ns": guard.since_ns,
        "told": int(guard.is_told),
    }


def load_guards(connection: Connection) -> tuple[RaisedGuard, ...]:
    """All that are known."""
    rows = connection.execute(text("SELECT * FROM guards ORDER BY guard_key")).mappings()
    return tuple(
        RaisedGuard(
            row["guard_key"],
            row["shared"],
            row["value"],
            row["probe_types"],
            row["gpus"],
            row["of_gpus"],
            row["since_ns"],
            bool(row["told"]),
        )
        for row in rows
    )


def event_row(happened: Happened) -> dict[str, Any]:
    """One event."""
    kind = next(name for name, known in _KINDS.items() if isinstance(happened.what, known))
    gpu = asdict(happened.gpu) if happened.gpu else None
    return {
        "position": happened.position,
        "time_ns": happened.time_ns,
        "kind": kind,
        "hostname": happened.gpu.hostname if happened.gpu else "",
        "payload": packed({"gpu": gpu, "what": _plain(asdict(happened.what)) if happened.what else None}),
    }


def events_after(connection: Connection, position: int, limit: int) -> list[Happened]:
    """Events after a position, in order."""
    rows = connection.execute(_AFTER, {"after": position, "limit": limit}).mappings()
    return [_event_of(row) for row in rows]


def first_position(connection: Connection) -> int:
    """Of the oldest event; 0 where there is none."""
    return int(connection.scalar(text("SELECT min(position) FROM events")) or 0)


def last_position(connection: Connection) -> int:
    """Of the newest event; 0 where there is none."""
    return int(connection.scalar(text("SELECT max(position) FROM events")) or 0)


def _event_of(row: Mapping[Any, Any]) -> Happened:
    stored = unpacked(row["payload"])
    gpu = Gpu(**stored["gpu"]) if stored["gpu"] else None
    return Happened(row["position"], row["time_ns"], _OF[row["kind"]](stored["what"]), gpu)


def _plain(value: Any) -> Any:  # noqa: ANN401  whatever a dataclass holds
    """The value without types that JSON does not have."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


def _transition_of(stored: dict[str, Any]) -> StateTransition:
    known = StateTransition(**stored)
    return replace(known, from_state=HealthState(known.from_state), to_state=HealthState(known.to_state))


def _correlation_of(stored: dict[str, Any]) -> Correlation:
    gpu = Gpu(**stored["gpu"]) if stored["gpu"] else None
    return Correlation(**{**stored, "gpu": gpu, "events": tuple(stored["events"])})


def _directive_of(stored: dict[str, Any]) -> DirectiveRecord:
    asked = stored["directive"]
    parts = {
        "gpu": Gpu(**asked["gpu"]),
        "action": Action(asked["action"]),
        "evidence": tuple(asked["evidence"]),
        "approval": Approval(**asked["approval"]) if asked["approval"] else None,
    }
    states = {name: HealthState(stored[name]) for name in ("from_state", "resulting_state")}
    status = DirectiveStatus(stored["status"])
    return DirectiveRecord(**{**stored, **states, "status": status, "directive": Directive(**{**asked, **parts})})


def _cause_of(stored: dict[str, Any]) -> GuardChange:
    return GuardChange(**{**stored, "probe_types": tuple(stored.get("probe_types", ()))})


_KINDS = {"state": StateTransition, "correlation": Correlation, "directive": DirectiveRecord, "cause": GuardChange}
_OF: Mapping[str, Callable[[dict[str, Any]], Happening]] = {
    "state": _transition_of,
    "correlation": _correlation_of,
    "directive": _directive_of,
    "cause": _cause_of,
}
