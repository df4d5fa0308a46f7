"""/openapi/v3: just enough of a schema that kubectl accepts our kinds and leaves validation to the server.

kubectl looks here for the `fieldValidation` parameter of a kind's PATCH, which tells it not to validate by itself, and
for the kind's group, version and kind. Objects themselves are described as open.
"""

from __future__ import annotations

from sentinel_fleet.kube.discovery import group_versions, served
from sentinel_fleet.kube.jsontypes import JsonObject
from sentinel_fleet.kube.resources import Resource
from sentinel_fleet.kube.store import ObjectStore

_PARAMETERS = [
    {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
    for name in ("dryRun", "fieldManager", "fieldValidation")
]


def index(store: ObjectStore) -> JsonObject:
    """/openapi/v3: the documents there are."""
    names = ["api/v1"] + [
        f"apis/{g}/{version}" for g, versions in group_versions(store).items() for version in versions
    ]
    return {"paths": {name: {"serverRelativeURL": f"/openapi/v3/{name}"} for name in names}}


def document(store: ObjectStore, name: str) -> JsonObject | None:
    """One group version's document, None when there is no such version."""
    parts = name.split("/")
    group, version = ("", parts[1]) if parts[0] == "api" and len(parts) == 2 else (parts[1:3] + ["", ""])[:2]
    rows = [r for r in served(store) if (r.group, r.version) == (group, version)]
    if name not in index(store)["paths"]:
        return None
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": {path: item for row in rows for path, item in _paths(name, row).items()},
        "components": {"schemas": {_schema_name(row): _schema(row) for row in rows}},
    }


def _gvk(resource: Resource) -> JsonObject:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _schema_name(resource: Resource) -> str:
    return f"sentinel-fleet.{resource.group or 'core'}.{resource.version}.{resource.kind}"


def _schema(resource: Resource) -> JsonObject:
    return {
        "type": "object",
        "description": f"{resource.kind}, as the simulated fleet serves it: fields are not described.",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
        },
        "x-kubernetes-preserve-unknown-fields": True,
        "x-kubernetes-group-version-kind": [_gvk(resource)],
    }


def _paths(name: str, resource: Resource) -> JsonObject:
    base = f"/{name}/namespaces/{{namespace}}" if resource.namespaced else f"/{name}"
    return {
        f"{base}/{resource.plural}": {m: _operation(resource, m) for m in ("get", "post")},
        f"{base}/{resource.plural}/{{name}}": {m: _operation(resource, m) for m in ("get", "put", "patch", "delete")},
    }


def _operation(resource: Resource, method: str) -> JsonObject:
    return {
        "operationId": f"{method}{resource.kind}",
        "x-kubernetes-action": method,
        "x-kubernetes-group-version-kind": _gvk(resource),
        "parameters": _PARAMETERS if method in ("post", "put", "patch") else [],
        "responses": {"200": {"description": "OK"}},
    }
