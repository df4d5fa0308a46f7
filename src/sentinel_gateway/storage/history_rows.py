"""A GPU's history as rows: writing it, reading stretches of it in order of time, forgetting what is old."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Connection, TextClause, text

from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.history import Correlation, ReliabilitySample, StateTransition, Window
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.text import MAX_TIME_NS
from sentinel_gateway.storage.statements import inserting, replacing
from sentinel_gateway.storage.values import packed, unpacked

_TRANSITION_COLUMNS = ("gpu_id", "from_state", "to_state", "time_ns", "reason", "initiated_by", "directive_id")
SAVE_TRANSITION = inserting("transitions", _TRANSITION_COLUMNS)
_CORRELATION_COLUMNS = (
    *("event_id", "gpu_id", "sm_id", "pattern_type", "confidence", "severity", "events", "description"),
    *("recommended_action", "time_ns"),
)
SAVE_CORRELATION = inserting("correlations", _CORRELATION_COLUMNS)
SAVE_SAMPLE = replacing("samples", ("gpu_id", "time_ns", "alpha", "beta"), ("gpu_id", "time_ns"))
_MAX_LATEST = 10_000
_LATEST = text(
    "SELECT * FROM correlations WHERE gpu_id IS NOT NULL ORDER BY time_ns DESC, correlation_id DESC LIMIT :limit"
)
_QUARANTINES = text(
    "SELECT t.time_ns FROM transitions t LEFT JOIN directives d ON d.directive_id = t.directive_id "
    "WHERE t.to_state = :state AND t.initiated_by = :by AND t.time_ns >= :since_ns "
    "AND COALESCE(d.requires_approval, 0) = 0 ORDER BY t.time_ns"
)
"""Without those that a person approved."""


class Place(NamedTuple):
    """Where something stands in a history: by time, then by kind, then by its number."""

    time_ns: int
    kind: int
    number: int


class Item(NamedTuple):
    """Something in its place."""

    place: Place
    value: StateTransition | Correlation | ReliabilitySample


_TRANSITION, _CORRELATION, _SAMPLE = 0, 1, 2
_AFTER = "(time_ns > :time_ns OR (time_ns = :time_ns AND (:is_past OR (:is_same AND {number} > :number))))"


def _reading(table: str, number: str) -> TextClause:
    after = _AFTER.format(number=number)
    return text(
        f"SELECT *, {number} AS place_number FROM {table} WHERE gpu_id = :gpu_id AND time_ns < :end_ns "  # noqa: S608
        f"AND time_ns >= :time_ns AND {after} ORDER BY time_ns, place_number LIMIT :limit"
    )


_READ: dict[int, TextClause] = {
    _TRANSITION: _reading("transitions", "transition_id"),
    _CORRELATION: _reading("correlations", "correlation_id"),
    _SAMPLE: _reading("samples", "0"),
}
"""By kind. `is_past`: the kind comes after that of the place at the same time; `is_same`: it is that kind."""


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """What is read."""

    gpu_id: int
    gpu: Gpu
    window: Window
    limit: int
    after: Place | None
    """Where the page before ended; None to begin."""


def history_items(connection: Connection, query: HistoryQuery) -> list[Item]:
    """Up to `limit` items after the place, in order."""
    streams = [_items(connection, query, kind) for kind in (_TRANSITION, _CORRELATION, _SAMPLE)]
    return list(islice(merge(*streams, key=lambda item: item.place), query.limit))


def _items(connection: Connection, query: HistoryQuery, kind: int) -> list[Item]:
    after = query.after or Place((query.window.start_ns or 0), -1, -1)
    parameters = {
        "gpu_id": query.gpu_id,
        "end_ns": MAX_TIME_NS if query.window.end_ns is None else query.window.end_ns,
        "time_ns": after.time_ns,
        "is_past": kind > after.kind,
        "is_same": kind == after.kind,
        "number": after.number,
        "limit": query.limit,
    }
    rows = connection.execute(_READ[kind], parameters).mappings()
    return [Item(Place(row["time_ns"], kind, row["place_number"]), _value_of(kind, row, query.gpu)) for row in rows]


def _value_of(kind: int, row: Mapping[Any, Any], gpu: Gpu) -> StateTransition | Correlation | ReliabilitySample:
    if kind == _TRANSITION:
        return StateTransition(
            gpu.uuid,
            HealthState(row["from_state"]),
            HealthState(row["to_state"]),
            row["time_ns"],
            row["reason"],
            row["initiated_by"],
            row["directive_id"],
        )
    if kind == _SAMPLE:
        return ReliabilitySample(gpu.uuid, row["time_ns"], row["alpha"], row["beta"])
    return _correlation_of(row, gpu)


def _correlation_of(row: Mapping[Any, Any], gpu: Gpu) -> Correlation:
    return Correlation(
        event_id=row["event_id"],
        events=tuple(unpacked(row["events"])),
        pattern_type=row["pattern_type"],
        confidence=row["confidence"],
        gpu=gpu,
        sm_id=row["sm_id"],
        description=row["description"],
        time_ns=row["time_ns"],
        severity=row["severity"],
        recommended_action=row["recommended_action"],
    )


def transition_row(transition: StateTransition, gpu_id: int) -> dict[str, Any]:
    """One change of state."""
    return {
        "gpu_id": gpu_id,
        "from_state": int(transition.from_state),
        "to_state": int(transition.to_state),
        "time_ns": transition.time_ns,
        "reason": transition.reason,
        "initiated_by": transition.initiated_by,
        "directive_id": transition.directive_id,
    }


def sample_row(sample: ReliabilitySample, gpu_id: int) -> dict[str, Any]:
    """One sample."""
    return {"gpu_id": gpu_id, "time_ns": sample.time_ns, "alpha": sample.alpha, "beta": sample.beta}


def correlation_row(found: Correlation, gpu_id: int | None) -> dict[str, Any]:
    """One finding; None for one about many GPUs."""
    return {
        "event_id": found.event_id,
        "gpu_id": gpu_id,
        "sm_id": found.sm_id,
        "pattern_type": found.pattern_type,
        "confidence": found.confidence,
        "severity": found.severity,
        "events": packed(found.events),
        "description": found.description,
        "recommended_action": found.recommended_action,
        "time_ns": found.time_ns,
    }


def latest_correlations(connection: Connection, gpus: Mapping[int, Gpu]) -> tuple[Correlation, ...]:
    """The newest ones about single GPUs, oldest first."""
    rows = connection.execute(_LATEST, {"limit": _MAX_LATEST}).mappings()
    found = [_correlation_of(row, gpus[row["gpu_id"]]) for row in rows if row["gpu_id"] in gpus]
    return tuple(reversed(found))


def quarantine_times(connection: Connection, by: str, since_ns: int) -> tuple[int, ...]:
    """When `by` quarantined GPUs, oldest first."""
    rows = connection.execute(_QUARANTINES, {"state": int(HealthState.QUARANTINED), "by": by, "since_ns": since_ns})
    return tuple(row.time_ns for row in rows)
