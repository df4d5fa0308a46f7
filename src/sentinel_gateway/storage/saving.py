"""Writing what one round of the core changed."""

from __future__ import annotations

from sqlalchemy import Connection, text

from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_gateway.storage import (
    alert_rows,
    directive_rows,
    event_rows,
    gpu_rows,
    history_rows,
    kept_rows,
    register_rows,
)
from sentinel_gateway.storage.changes import Changes
from sentinel_gateway.storage.statements import run_many
from sentinel_gateway.storage.values import report_text

_NEXT_ROUND = text("UPDATE core_round SET round = :next WHERE round = :now")


def save(connection: Connection, changes: Changes, round_number: int) -> None:
    """See `Store.save`."""
    moved = connection.execute(_NEXT_ROUND, {"now": round_number, "next": round_number + 1})
    if moved.rowcount != 1:
        raise BadConfiguration(
            "another gateway has taken this database over: this one stores nothing more; stop one of the two"
        )
    run_many(connection, gpu_rows.SAVE, map(gpu_rows.gpu_row, changes.gpus.values()))
    _save_history(connection, changes)
    _save_findings(connection, changes)
    kept_rows.save(connection, changes)
    _save_batches(connection, changes)
    _save_directives(connection, changes)
    _save_trust(connection, changes)
    _save_configuration(connection, changes)
    _save_faults(connection, changes)


def _save_history(connection: Connection, changes: Changes) -> None:
    ids = {uuid: known.gpu_id for uuid, known in changes.gpus.items()}
    transitions = (history_rows.transition_row(one, ids[one.gpu_uuid]) for one in changes.transitions)
    run_many(connection, history_rows.SAVE_TRANSITION, transitions)
    samples = (history_rows.sample_row(one, ids[one.gpu_uuid]) for one in changes.samples)
    run_many(connection, history_rows.SAVE_SAMPLE, samples)
    found = (
        history_rows.correlation_row(one, ids[one.gpu.uuid] if one.gpu is not None else None)
        for one in changes.correlations
    )
    run_many(connection, history_rows.SAVE_CORRELATION, found)


def _save_findings(connection: Connection, changes: Changes) -> None:
    kept = (event_rows.guard_row(guard) for guard in changes.guards.values() if guard is not None)
    run_many(connection, event_rows.SAVE_GUARD, kept)
    gone = ({"guard_key": key} for key, guard in changes.guards.items() if guard is None)
    run_many(connection, event_rows.REMOVE_GUARD, gone)
    run_many(connection, event_rows.SAVE_EVENT, map(event_rows.event_row, changes.events))
    if changes.alerts:
        alert_rows.save(connection, changes.alerts)


def _save_batches(connection: Connection, changes: Changes) -> None:
    run_many(connection, register_rows.SAVE_SOURCE, map(register_rows.source_row, changes.sources.values()))
    batches = ({"batch_key": register_rows.batch_key(key), "received_ns": changes.now_ns} for key in changes.batches)
    run_many(connection, register_rows.SAVE_BATCH, batches)
    tags = ({"tag": tag, "received_ns": changes.now_ns} for tag in changes.tags)
    run_many(connection, register_rows.SAVE_TAG, tags)
    telemetry = (
        {"gpu_id": gpu_id, "received_ns": latest.received_ns, "report": report_text(latest.report)}
        for gpu_id, latest in changes.telemetry.items()
    )
    run_many(connection, register_rows.SAVE_TELEMETRY, telemetry)


def _save_directives(connection: Connection, changes: Changes) -> None:
    run_many(connection, directive_rows.SAVE, map(directive_rows.directive_row, changes.directives.values()))
    news = (directive_rows.news_row(one, changes.now_ns) for one in changes.news)
    run_many(connection, directive_rows.SAVE_NEWS, news)


def _save_trust(connection: Connection, changes: Changes) -> None:
    run_many(connection, register_rows.SAVE_EDGE, map(register_rows.edge_row, changes.edges.values()))
    run_many(connection, register_rows.SAVE_CANARY, map(register_rows.canary_row, changes.canaries))


def _save_configuration(connection: Connection, changes: Changes) -> None:
    run_many(connection, register_rows.SAVE_UPDATE, map(register_rows.update_row, changes.updates))
    run_many(connection, register_rows.SAVE_COMPONENT, map(register_rows.component_row, changes.components.values()))


def _save_faults(connection: Connection, changes: Changes) -> None:
    kept = (register_rows.fault_row(fault) for fault in changes.faults.values() if fault is not None)
    run_many(connection, register_rows.SAVE_FAULT, kept)
    gone = ({"injection_id": injection_id} for injection_id, fault in changes.faults.items() if fault is None)
    run_many(connection, register_rows.REMOVE_FAULT, gone)
