"""Evidence, its result and the entities it shows as JSON and back, whole: nothing is cut or rounded.

The shape follows the values field by field, times as ISO-8601, enums by their value. Every `..._from_json` and
`read_...` raises `BadConfiguration` with the place that is wrong. (The report's JSON, web/report_json.py, is another
shape: it is for readers and leaves raw text out.)
"""

from __future__ import annotations

from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.evidence import Evidence, ResultStatus, TimeRange, ToolResult
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import JsonObject


def evidence_to_json(evidence: Evidence) -> JsonObject:
    """One piece of evidence as plain JSON values."""
    return {
        "id": evidence.id,
        "source": evidence.source,
        "tool": evidence.tool,
        "arguments": evidence.arguments,
        "result": result_to_json(evidence.result),
        "observed_at": evidence.observed_at.isoformat(),
        "digest": evidence.digest,
    }


def evidence_from_json(data: object) -> Evidence:
    """The evidence that `evidence_to_json` wrote."""
    return read_evidence(JsonReader.of(data, "evidence"))


def read_evidence(read: JsonReader) -> Evidence:
    """The evidence under `read`."""
    return Evidence(
        id=read.get("id", str),
        source=read.get("source", str),
        tool=read.get("tool", str),
        arguments=read.inside("arguments").data,
        result=read_result(read.inside("result")),
        observed_at=read.moment("observed_at"),
        digest=read.get("digest", str),
    )


def result_to_json(result: ToolResult) -> JsonObject:
    """One tool result as plain JSON values."""
    span = result.time_range
    return {
        "status": str(result.status),
        "query": result.query,
        "summary": result.summary,
        "raw": result.raw,
        "time_range": {"start": span.start.isoformat(), "end": span.end.isoformat()} if span else None,
        "entities": [entity_to_json(entity) for entity in result.entities],
        "note": result.note,
    }


def result_from_json(data: object) -> ToolResult:
    """The result that `result_to_json` wrote."""
    return read_result(JsonReader.of(data, "result"))


def read_result(read: JsonReader) -> ToolResult:
    """The result under `read`."""
    span = read.inside("time_range") if read.has("time_range") else None
    return ToolResult(
        status=read.member("status", ResultStatus),
        query=read.get("query", str),
        summary=read.inside("summary").data,
        raw=read.get("raw", str),
        time_range=TimeRange(span.moment("start"), span.moment("end")) if span else None,
        entities=tuple(read.each("entities", read_entity)),
        note=read.get("note", str),
    )


def entity_to_json(entity: Entity) -> JsonObject:
    """One entity as plain JSON values."""
    return {
        "kind": str(entity.kind),
        "name": entity.name,
        "node": entity.node,
        "index": entity.index,
        "uuid": entity.uuid,
        "pci": entity.pci,
        "serial": entity.serial,
    }


def read_entity(read: JsonReader) -> Entity:
    """The entity under `read`; one written before `serial` was known has none."""
    return Entity(
        kind=read.member("kind", EntityKind),
        name=read.get("name", str),
        node=read.optional("node", str),
        index=read.optional("index", int),
        uuid=read.optional("uuid", str),
        pci=read.optional("pci", str),
        serial=read.optional("serial", str),
    )
