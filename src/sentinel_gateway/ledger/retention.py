"""Removing old entries so that what is kept stays verifiable, and so that the removal itself is on record.

Whole batches go, from the beginning. What stays of them: the hash that the first kept entry names, the perfect subtrees
over everything removed, the signed tree head at the cut, and an entry that tells of it; a beginning without such an
entry is a deletion, and verification says so. Proofs of kept entries and between trees not smaller than the cut go on
working. One run removes a bounded number of entries, so that the gateway never stands still for long; run it again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import structlog
from sqlalchemy import Connection, text

from sentinel_gateway.ledger.cuts import Cut, newest_cut, store_cut
from sentinel_gateway.ledger.nodes import STORED_EVERY, Nodes
from sentinel_gateway.ledger.records import cut_entry
from sentinel_gateway.ledger.writer import Appended, LedgerWriter

log = structlog.get_logger(__name__)

_OLD = text("SELECT max(last_entry_id) FROM ledger_batches WHERE timestamp_ns < :before")
_BEYOND = text("SELECT max(last_entry_id) FROM ledger_batches WHERE last_entry_id <= :size")
_NEXT = text("SELECT min(last_entry_id) FROM ledger_batches WHERE last_entry_id > :removed")
_DELETE = (
    text("DELETE FROM ledger_entries WHERE entry_id <= :removed"),
    text("DELETE FROM ledger_batches WHERE last_entry_id < :removed"),
    text("DELETE FROM ledger_requests WHERE last_entry_id <= :removed"),
)
_DELETE_NODES = text("DELETE FROM ledger_nodes WHERE level = :level AND node_index < :first")
_UNUSED_GPUS = text("""
    DELETE FROM ledger_gpus
    WHERE NOT EXISTS (SELECT 1 FROM ledger_entries e WHERE e.gpu_key = ledger_gpus.gpu_key)
    RETURNING gpu_key
""")
_LEVELS = range(STORED_EVERY, 64, STORED_EVERY)


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept; without either limit, everything."""

    max_age: timedelta | None = None
    """Batches sealed longer ago than this go."""
    max_entries: int | None = None
    """Of the newest entries at least this many stay."""
    per_run: int = 50_000
    """About as many entries go in one run; always at least one batch."""


def apply_retention(connection: Connection, writer: LedgerWriter, retention: Retention, now_ns: int) -> Appended | None:
    """Remove what is due in the transaction of `connection`; None where nothing is.

    As with every append, call the writer's `committed` or `rolled_back` after the transaction.
    """
    cut = _due(connection, retention, writer.size, now_ns)
    if cut is None:
        return None
    fields = {"max_age": retention.max_age or "", "max_entries": retention.max_entries or ""}
    appended = writer.append(connection, [cut_entry(cut, now_ns, fields)])
    store_cut(connection, replace(cut, recorded_as=appended.last_entry_id))
    for statement in _DELETE:
        connection.execute(statement, {"removed": cut.removed})
    for level in _LEVELS:
        connection.execute(_DELETE_NODES, {"level": level, "first": cut.removed >> level})
    writer.retire_gpus(connection.scalars(_UNUSED_GPUS).all())
    log.info("ledger.cut", first_kept_entry_id=cut.first_kept, recorded_as=appended.last_entry_id)
    return appended


def _due(connection: Connection, retention: Retention, size: int, now_ns: int) -> Cut | None:
    before = newest_cut(connection)
    removed = before.removed if before else 0
    last = max(_too_old(connection, retention, now_ns), _too_many(connection, retention, size))
    if last <= removed:
        return None
    if last > removed + retention.per_run:
        last = _scalar(connection, _BEYOND, size=removed + retention.per_run)
        last = last if last > removed else _scalar(connection, _NEXT, removed=removed)
    nodes = Nodes(connection, before)
    return Cut(last + 1, nodes.subtree(0, last - 1), tuple(nodes.edge(last).subtrees()))


def _too_old(connection: Connection, retention: Retention, now_ns: int) -> int:
    if retention.max_age is None:
        return 0
    age_ns = retention.max_age // timedelta(microseconds=1) * 1000
    return _scalar(connection, _OLD, before=now_ns - age_ns)


def _too_many(connection: Connection, retention: Retention, size: int) -> int:
    if retention.max_entries is None:
        return 0
    return _scalar(connection, _BEYOND, size=size - retention.max_entries)


def _scalar(connection: Connection, statement: object, **values: int) -> int:
    return int(connection.scalar(statement, values) or 0)  # type: ignore[call-overload]
