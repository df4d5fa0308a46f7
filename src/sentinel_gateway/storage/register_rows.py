"""The smaller registers as rows: sources, trust, TMR rounds, configuration, components, faults, telemetry."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import Connection, text

from sentinel_gateway.domain.batches import BatchKey, BatchKind, Source
from sentinel_gateway.domain.configuration import ComponentState, VersionedUpdate, subject
from sentinel_gateway.domain.faults import Fault
from sentinel_gateway.domain.tmr import TmrOutcome, TmrVerdict
from sentinel_gateway.domain.trust import Edge, Pair
from sentinel_gateway.storage.changes import Canary
from sentinel_gateway.storage.statements import inserting, inserting_unless_there, replacing
from sentinel_gateway.storage.values import (
    ack_of,
    ack_text,
    fault_of,
    fault_text,
    gpu_of,
    gpu_text,
    payload_of,
    payload_text,
)

_KEY_BYTES = 16
_UPDATE_COLUMNS = ("version", "update_id", "subject", "initiated_by", "reason", "pushed_by", "payload", "time_ns")
_SOURCE_COLUMNS = ("kind", "hostname", "highest", "last_batch_ns", "batches", "missing")
_EDGE_COLUMNS = ("gpu_a", "gpu_b", "agreements", "disagreements", "last_comparison_ns", "agreed", "disagreed")
_FAULT_COLUMNS = ("injection_id", "request", "activated_ns", "expires_ns", "injected_by")

SAVE_SOURCE = replacing("sources", _SOURCE_COLUMNS, ("kind", "hostname"))
SAVE_BATCH = inserting_unless_there("seen_batches", ("batch_key", "received_ns"))
SAVE_TAG = inserting_unless_there("seen_results", ("tag", "received_ns"))
SAVE_EDGE = replacing("trust_edges", _EDGE_COLUMNS, ("gpu_a", "gpu_b"))
SAVE_CANARY = inserting("tmr_rounds", ("canary_id", "outcome", "consensus_hash", "dissenting_gpu", "time_ns"))
SAVE_UPDATE = inserting("config_updates", _UPDATE_COLUMNS)
SAVE_COMPONENT = replacing("components", ("component_id", "ack", "time_ns"), ("component_id",))
SAVE_FAULT = replacing("faults", _FAULT_COLUMNS, ("injection_id",))
REMOVE_FAULT = text("DELETE FROM faults WHERE injection_id = :injection_id")
SAVE_TELEMETRY = replacing("gpu_telemetry", ("gpu_id", "received_ns", "report"), ("gpu_id",))

_NEWEST_UPDATES = text(
    "SELECT u.* FROM config_updates u JOIN (SELECT subject, max(version) AS newest FROM config_updates "
    "GROUP BY subject) AS s ON s.subject = u.subject AND s.newest = u.version ORDER BY u.version"
)


def batch_key(key: BatchKey) -> bytes:
    """16 bytes that stand for a batch: its own digest is already over everything it holds."""
    source = f"{key.kind}\0{key.hostname}\0{key.sequence}\0".encode()
    return hashlib.sha256(source + key.digest).digest()[:_KEY_BYTES]


def source_row(source: Source) -> dict[str, Any]:
    """One host's batches of one kind. Numbers go up to 2**64 - 1, which no integer column holds."""
    return {
        "kind": str(source.kind),
        "hostname": source.hostname,
        "highest": str(source.highest),
        "last_batch_ns": source.last_batch_ns,
        "batches": source.batches,
        "missing": source.missing,
    }


def load_sources(connection: Connection) -> tuple[Source, ...]:
    """All of them."""
    rows = connection.execute(text("SELECT * FROM sources")).mappings()
    return tuple(
        Source(
            BatchKind(row["kind"]),
            row["hostname"],
            int(row["highest"]),
            row["last_batch_ns"],
            row["batches"],
            row["missing"],
        )
        for row in rows
    )


def edge_row(edge: Edge) -> dict[str, Any]:
    """One pair of GPUs."""
    return {
        "gpu_a": edge.pair.gpu_a,
        "gpu_b": edge.pair.gpu_b,
        "agreements": edge.agreements,
        "disagreements": edge.disagreements,
        "last_comparison_ns": edge.last_comparison_ns,
        "agreed": edge.agreed,
        "disagreed": edge.disagreed,
    }


def load_edges(connection: Connection) -> tuple[Edge, ...]:
    """All pairs that were compared."""
    rows = connection.execute(text("SELECT * FROM trust_edges")).mappings()
    return tuple(
        Edge(
            Pair(row["gpu_a"], row["gpu_b"]),
            row["agreements"],
            row["disagreements"],
            row["last_comparison_ns"],
            row["agreed"],
            row["disagreed"],
        )
        for row in rows
    )


def canary_row(canary: Canary) -> dict[str, Any]:
    """One TMR round."""
    verdict = canary.verdict
    return {
        "canary_id": verdict.canary_id,
        "outcome": int(verdict.outcome),
        "consensus_hash": verdict.consensus_hash,
        "dissenting_gpu": gpu_text(verdict.dissenting_gpu) if verdict.dissenting_gpu else None,
        "time_ns": canary.time_ns,
    }


def verdict_of(row: dict[str, Any]) -> TmrVerdict:
    """The verdict of a round."""
    dissenter = gpu_of(row["dissenting_gpu"]) if row["dissenting_gpu"] else None
    return TmrVerdict(row["canary_id"], TmrOutcome(row["outcome"]), bytes(row["consensus_hash"]), dissenter)


def update_row(update: VersionedUpdate) -> dict[str, Any]:
    """One configuration update."""
    return {
        "version": update.version,
        "update_id": update.update_id,
        "subject": subject(update.payload),
        "initiated_by": update.initiated_by,
        "reason": update.reason,
        "pushed_by": update.pushed_by,
        "payload": payload_text(update.payload),
        "time_ns": update.time_ns,
    }


def update_of(row: dict[str, Any]) -> VersionedUpdate:
    """The update of a row."""
    return VersionedUpdate(
        version=row["version"],
        update_id=row["update_id"],
        initiated_by=row["initiated_by"],
        reason=row["reason"],
        payload=payload_of(row["payload"]),
        time_ns=row["time_ns"],
        pushed_by=row["pushed_by"],
    )


def newest_updates(connection: Connection) -> tuple[VersionedUpdate, ...]:
    """The newest of each subject, in order of version."""
    return tuple(update_of(dict(row)) for row in connection.execute(_NEWEST_UPDATES).mappings())


def component_row(state: ComponentState) -> dict[str, Any]:
    """What one component last said."""
    return {"component_id": state.ack.component_id, "ack": ack_text(state.ack), "time_ns": state.time_ns}


def load_components(connection: Connection) -> tuple[ComponentState, ...]:
    """All of them."""
    rows = connection.execute(text("SELECT ack, time_ns FROM components")).mappings()
    return tuple(ComponentState(ack_of(row["ack"]), row["time_ns"]) for row in rows)


def fault_row(fault: Fault) -> dict[str, Any]:
    """One fault."""
    return {
        "injection_id": fault.injection_id,
        "request": fault_text(fault.request),
        "activated_ns": fault.activated_ns,
        "expires_ns": fault.expires_ns,
        "injected_by": fault.injected_by,
    }


def load_faults(connection: Connection) -> tuple[Fault, ...]:
    """Those that are registered, oldest first."""
    rows = connection.execute(text("SELECT * FROM faults ORDER BY activated_ns, injection_id")).mappings()
    return tuple(
        Fault(row["injection_id"], fault_of(row["request"]), row["activated_ns"], row["expires_ns"], row["injected_by"])
        for row in rows
    )
