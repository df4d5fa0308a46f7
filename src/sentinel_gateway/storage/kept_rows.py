"""What GPUs are on trial for, and canaries that are waited for, as rows: a few where all is well, none of it for ever.

Sightings of probes and of anomalies share a table; `source` tells them apart. Ids of events are an agent's words, and
so kept as JSON, which has no character that a database refuses.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, text

from sentinel_gateway.domain.acquittals import Acquittal, Span
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.sightings import Sighted
from sentinel_gateway.domain.tmr import OpenCanary, TmrRequest
from sentinel_gateway.storage.changes import Changes, Kept
from sentinel_gateway.storage.statements import replacing, run_many
from sentinel_gateway.storage.values import packed, unpacked

_PROBE, _ANOMALY = "probe", "anomaly"
_SIGHTING_KEY = ("source", "uuid", "kind")
_SIGHTED = ("received_ns", "earliest_ns", "event_id", "before_ns", "turned_ns")
_SAVE_SIGHTING = replacing("sightings", (*_SIGHTING_KEY, *_SIGHTED), _SIGHTING_KEY)
_REMOVE_SIGHTING = text("DELETE FROM sightings WHERE source = :source AND uuid = :uuid AND kind = :kind")
_SAVE_ACQUITTAL = replacing("acquittals", ("uuid", "spans", "elsewhere_ns"), ("uuid",))
_REMOVE_ACQUITTAL = text("DELETE FROM acquittals WHERE uuid = :uuid")
_SAVE_DOUBTED = replacing("doubted_gpus", ("uuid", "asked_ns"), ("uuid",))
_REMOVE_DOUBTED = text("DELETE FROM doubted_gpus WHERE uuid = :uuid")
_SAVE_CANARY = replacing("open_canaries", ("canary_id", "number", "due_ns", "request"), ("canary_id",))
_REMOVE_CANARY = text("DELETE FROM open_canaries WHERE canary_id = :canary_id")


def save(connection: Connection, changes: Changes) -> None:
    """Write what changed of it."""
    _save_sightings(connection, _PROBE, changes.sightings)
    _save_sightings(connection, _ANOMALY, changes.anomalous)
    acquittals = (_acquittal_row(uuid, one) for uuid, one in changes.acquittals.items() if one is not None)
    run_many(connection, _SAVE_ACQUITTAL, acquittals)
    run_many(connection, _REMOVE_ACQUITTAL, _gone("uuid", changes.acquittals))
    doubted = ({"uuid": uuid, "asked_ns": one} for uuid, one in changes.doubted.items() if one is not None)
    run_many(connection, _SAVE_DOUBTED, doubted)
    run_many(connection, _REMOVE_DOUBTED, _gone("uuid", changes.doubted))
    canaries = (_canary_row(one) for one in changes.open_canaries.values() if one is not None)
    run_many(connection, _SAVE_CANARY, canaries)
    run_many(connection, _REMOVE_CANARY, _gone("canary_id", changes.open_canaries))


def load(connection: Connection) -> Kept:
    """All of it."""
    sightings: dict[str, dict[tuple[str, int], Sighted]] = {_PROBE: {}, _ANOMALY: {}}
    for row in connection.execute(text("SELECT * FROM sightings")).mappings():
        seen = Sighted(*(row[name] for name in _SIGHTED))
        sightings[row["source"]][row["uuid"], row["kind"]] = seen._replace(event_id=unpacked(seen.event_id))
    acquittals = connection.execute(text("SELECT * FROM acquittals")).mappings()
    doubted = connection.execute(text("SELECT uuid, asked_ns FROM doubted_gpus"))
    canaries = connection.execute(text("SELECT * FROM open_canaries ORDER BY number")).mappings()
    return Kept(
        sightings[_PROBE],
        sightings[_ANOMALY],
        {row["uuid"]: _acquittal_of(row["spans"], row["elsewhere_ns"]) for row in acquittals},
        {row.uuid: row.asked_ns for row in doubted},
        tuple(OpenCanary(row["number"], _request_of(row["request"]), row["due_ns"]) for row in canaries),
    )


def _save_sightings(connection: Connection, source: str, changed: Mapping[tuple[str, int], Sighted | None]) -> None:
    kept, gone = [], []
    for (uuid, kind), seen in changed.items():
        key = {"source": source, "uuid": uuid, "kind": kind}
        if seen is None:
            gone.append(key)
        else:
            kept.append({**key, **seen._asdict(), "event_id": packed(seen.event_id)})
    run_many(connection, _SAVE_SIGHTING, kept)
    run_many(connection, _REMOVE_SIGHTING, gone)


def _gone(key: str, changed: Mapping[str, object | None]) -> list[dict[str, Any]]:
    return [{key: name} for name, value in changed.items() if value is None]


def _acquittal_row(uuid: str, acquittal: Acquittal) -> dict[str, Any]:
    spans = packed([[kind, *span] for kind, span in acquittal.spans.items()])
    return {"uuid": uuid, "spans": spans, "elsewhere_ns": acquittal.elsewhere_ns}


def _acquittal_of(spans: str, elsewhere_ns: int) -> Acquittal:
    return Acquittal({kind: Span(*times) for kind, *times in unpacked(spans)}, elsewhere_ns)


def _canary_row(canary: OpenCanary) -> dict[str, Any]:
    request = {**asdict(canary.request), "input_hash": b64encode(canary.request.input_hash).decode()}
    return {
        "canary_id": canary.request.canary_id,
        "number": canary.number,
        "due_ns": canary.due_ns,
        "request": packed(request),
    }


def _request_of(stored: str) -> TmrRequest:
    values = unpacked(stored)
    first, second, third = (Gpu(**gpu) for gpu in values.pop("gpus"))
    return TmrRequest(**{**values, "gpus": (first, second, third), "input_hash": b64decode(values["input_hash"])})
