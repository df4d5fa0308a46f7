"""Deleting what is old, a little at a time, so that no transaction holds the database for long."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, TextClause, text


@dataclass(frozen=True, slots=True)
class Horizons:
    """Times before which things are forgotten, nanoseconds since 1970."""

    samples_ns: int
    history_ns: int
    """Transitions, correlations, events, decided directives and their news, TMR rounds, replaced settings."""
    batches_ns: int
    """What is known of batches and signed results, so that none counts twice."""


def _deleting(table: str, key: str, condition: str) -> TextClause:
    return text(
        f"DELETE FROM {table} WHERE {key} IN "  # noqa: S608  our own words
        f"(SELECT {key} FROM {table} WHERE {condition} ORDER BY {key} LIMIT :most)"
    )


_SAMPLES = text(
    "DELETE FROM samples WHERE (gpu_id, time_ns) IN "
    "(SELECT gpu_id, time_ns FROM samples WHERE time_ns < :before ORDER BY time_ns LIMIT :most)"
)
_SEEN = tuple(
    text(
        f"DELETE FROM {table} WHERE {key} IN "  # noqa: S608  our own words
        f"(SELECT {key} FROM {table} WHERE received_ns < :before ORDER BY received_ns LIMIT :most)"
    )
    for table, key in (("seen_batches", "batch_key"), ("seen_results", "tag"))
)
_HISTORY = (
    _deleting("transitions", "transition_id", "time_ns < :before"),
    _deleting("correlations", "correlation_id", "time_ns < :before"),
    _deleting("events", "position", "time_ns < :before AND position < (SELECT max(position) FROM events)"),
    _deleting("directives", "number", "issued_ns < :before AND status <> 1"),
    _deleting(
        "directive_news", "position", "directive_id NOT IN (SELECT directive_id FROM directives) AND time_ns < :before"
    ),
    _deleting("tmr_rounds", "canary_id", "time_ns < :before"),
    _deleting(
        "config_updates",
        "version",
        "time_ns < :before AND version NOT IN (SELECT max(version) FROM config_updates GROUP BY subject)",
    ),
)


def forget(connection: Connection, horizons: Horizons, most: int) -> int:
    """Delete up to `most` rows of each kind that are older than the horizons; says how many were deleted."""
    deleted = connection.execute(_SAMPLES, {"before": horizons.samples_ns, "most": most}).rowcount
    for statement in _SEEN:
        deleted += connection.execute(statement, {"before": horizons.batches_ns, "most": most}).rowcount
    for statement in _HISTORY:
        deleted += connection.execute(statement, {"before": horizons.history_ns, "most": most}).rowcount
    return deleted
