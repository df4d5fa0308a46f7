"""What a real API server says of the fields of its objects, in the few words that the simulated one needs.

The simulated server reads it from `src/sentinel_fleet/kube/object_types.txt`, and a test holds that file against the
server these tests run. After a step to another version, write the new text there: `FILE.write_text(described(answer))`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sentinel_fleet.kube

FILE = Path(sentinel_fleet.kube.__file__).with_name("object_types.txt")
_ROOTS = (
    *(f"core.v1.{kind}" for kind in ("ConfigMap", "Event", "Namespace", "Node", "Pod", "Secret", "Service")),
    *(f"apps.v1.{kind}" for kind in ("ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")),
    *("batch.v1.CronJob", "batch.v1.Job", "coordination.v1.Lease", "events.v1.Event"),
    *("policy.v1.Eviction", "policy.v1.PodDisruptionBudget"),
)
_PLAIN = {
    "Time": "time",
    "MicroTime": "microtime",
    "Quantity": "quantity",
    "IntOrString": "intorstring",
    "RawExtension": "any",
    "FieldsV1": "any",
}


def described(openapi: Mapping[str, Any]) -> str:
    """The file's text for an answer to GET /openapi/v2: a type a line, with its fields and their types."""
    found: dict[str, dict[str, str]] = {}
    for root in _ROOTS:
        _walk(openapi["definitions"], f"io.k8s.api.{root}", found)
    lines = (" ".join((name, *(f"{key}:{type_}" for key, type_ in fields.items()))) for name, fields in found.items())
    return "\n".join(sorted(lines)) + "\n"


def _walk(definitions: Mapping[str, Any], full: str, found: dict[str, dict[str, str]]) -> None:
    if _short(full) in found:
        return
    fields = found[_short(full)] = {}
    for name, said in sorted(definitions[full].get("properties", {}).items()):
        fields[name] = _type(definitions, said, found)


def _short(full: str) -> str:
    name = full.rpartition(".")[2]
    return f"events.{name}" if full.startswith("io.k8s.api.events.") else name


def _type(definitions: Mapping[str, Any], said: Mapping[str, Any], found: dict[str, dict[str, str]]) -> str:
    if "$ref" in said:
        full = said["$ref"].removeprefix("#/definitions/")
        if _short(full) in _PLAIN:
            return _PLAIN[_short(full)]
        _walk(definitions, full, found)
        return _short(full)
    if said["type"] == "array":
        return "[]" + _type(definitions, said["items"], found)
    if said["type"] == "object":
        return "{}" + _type(definitions, said["additionalProperties"], found)
    if said["type"] == "integer":
        return str(said.get("format", "int64"))
    return "bool" if said["type"] == "boolean" else "string"
