"""Everything that a reset would take away, as named parts; one that cannot be had says why and keeps no other away."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from hashlib import sha256

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

from sentinel.node.v1 import node_pb2
from sentinel_fleet.node_agents.diagnostics import CHECKS, diagnose
from sentinel_fleet.node_agents.facts import PartName
from sentinel_fleet.node_agents.kernel import Wanted, as_json_lines
from sentinel_fleet.node_agents.node import NodeNow
from sentinel_fleet.node_agents.readings import samples
from sentinel_fleet.node_agents.refusals import Refusal, unavailable

_CHUNK_BYTES = 256 << 10
_JSON, _JSON_LINES = "application/json", "application/x-ndjson"

_Part = tuple[PartName, str, str, Callable[[], str]]
"""Of which part of the agent it is, its name, what it is, and how to get it."""
Needs = Callable[[PartName], None]
"""Raises `Refusal` where a part of the agent does not work."""


def gather(
    node: NodeNow, request: node_pb2.EvidenceRequest, wanted: Wanted, gpus: list[node_pb2.GpuIdentity], needs: Needs
) -> Iterator[node_pb2.EvidenceEvent]:
    """The parts one after the other, then the manifest."""
    manifest = node_pb2.EvidenceManifest(
        node_name=node.name, boot_id=node.boot_id, gpus=gpus, reason=request.reason
    )  # fmt: skip
    for moment in (manifest.started, manifest.ended):
        moment.FromNanoseconds(node.stamp_ns)
    for part, name, media_type, content in _parts(node, request.gpu_uuid, wanted):
        text, missing = "", ""
        try:
            needs(part)
            text = content()
        except Refusal as refusal:
            missing = refusal.words
        yield from _events(node, manifest, (name, media_type, text.encode(), missing))
    yield node_pb2.EvidenceEvent(manifest=manifest)


def _parts(node: NodeNow, gpu_uuid: str, wanted: Wanted) -> Iterator[_Part]:
    yield "kernel_log", "kernel_log.jsonl", _JSON_LINES, partial(as_json_lines, node, wanted)
    yield "telemetry", "telemetry.json", _JSON, partial(_telemetry, node, gpu_uuid)
    yield "processes", "processes.json", _JSON, partial(_processes, node, gpu_uuid)
    for name in CHECKS:
        yield "diagnostics", f"diagnostics/{name}.json", _JSON, partial(_diagnosis, node, name)


def _telemetry(node: NodeNow, gpu_uuid: str) -> str:
    told = ",\n".join(map(_as_json, samples(node, (gpu_uuid,) if gpu_uuid else ())))
    return f"[{told}]\n"


def _diagnosis(node: NodeNow, name: str) -> str:
    return _as_json(diagnose(node, name))


def _processes(node: NodeNow, gpu_uuid: str) -> str:
    if node.missing("telemetry"):
        raise unavailable(f"telemetry: {node.missing('telemetry')}")
    about = {gpu.index for gpu in node.gpus if gpu_uuid in ("", gpu.uuid)}
    found = [one for one in node.processes if one.gpu in about]
    told = {"compute_process_ids": [one.pid for one in found], "processes": [asdict(one) for one in found]}
    return json.dumps(told, indent=1)


def _events(
    node: NodeNow, manifest: node_pb2.EvidenceManifest, gathered: tuple[str, str, bytes, str]
) -> Iterator[node_pb2.EvidenceEvent]:
    name, media_type, content, missing = gathered
    for start in range(0, len(content), _CHUNK_BYTES):
        chunk = node_pb2.EvidenceChunk(name=name, content=content[start : start + _CHUNK_BYTES])
        yield node_pb2.EvidenceEvent(chunk=chunk)
    part = node_pb2.EvidencePart(
        name=name, media_type=media_type, size_bytes=len(content), sha256=sha256(content).digest(), missing=missing
    )
    part.time.FromNanoseconds(node.stamp_ns)
    manifest.parts.append(part)
    yield node_pb2.EvidenceEvent(part=part)


def _as_json(message: Message) -> str:
    return MessageToJson(message, preserving_proto_field_name=True)
