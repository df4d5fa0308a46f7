"""Looking up what requests name: batches, directives, canaries, updates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, TextClause, bindparam, text

from sentinel_gateway.storage import directive_rows, register_rows
from sentinel_gateway.storage.changes import Found, Needs

Value = TypeVar("Value")

_AT_ONCE = 500
"""Values in one IN list; SQLite takes no more than 32,766 in a statement."""


def _among(table: str, column: str) -> TextClause:
    query = text(f"SELECT * FROM {table} WHERE {column} IN :ids")  # noqa: S608  our own words
    return query.bindparams(bindparam("ids", expanding=True))


_BATCHES = _among("seen_batches", "batch_key")
_TAGS = _among("seen_results", "tag")
_CANARIES = _among("tmr_rounds", "canary_id")
_UPDATES = _among("config_updates", "update_id")


def found(connection: Connection, needs: Needs) -> Found:
    """What of it exists."""
    directives = [
        pair for ids in _chunks(needs.directives) for pair in directive_rows.directives_by_id(connection, ids).items()
    ]
    canaries = map(register_rows.verdict_of, _rows(connection, _CANARIES, needs.canaries))
    updates = map(register_rows.update_of, _rows(connection, _UPDATES, needs.updates))
    return Found(
        batches=_seen(connection, needs),
        tags=frozenset(bytes(row["tag"]) for row in _rows(connection, _TAGS, needs.tags)),
        directives=dict(directives),
        canaries={verdict.canary_id: verdict for verdict in canaries},
        updates={update.update_id: update for update in updates},
    )


def _seen(connection: Connection, needs: Needs) -> frozenset[Any]:
    keys = {register_rows.batch_key(key): key for key in needs.batches}
    rows = _rows(connection, _BATCHES, list(keys))
    return frozenset(keys[bytes(row["batch_key"])] for row in rows)


def _rows(connection: Connection, query: TextClause, ids: Sequence[Any]) -> Iterator[dict[str, Any]]:
    for chunk in _chunks(ids):
        for row in connection.execute(query, {"ids": list(chunk)}).mappings():
            yield dict(row)


def _chunks(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]
