"""One request that both servers are asked, and what it is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

NODE, POD = "/api/v1/nodes/same", "/api/v1/namespaces/default/pods/same"
EVENTS = "/api/v1/namespaces/default/events"
TAINT = {"key": "theirs", "effect": "NoSchedule"}
OURS = {"key": "gcm-sentinel/unfit", "value": "xid-79", "effect": "NoSchedule"}
KINDS = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


@dataclass(frozen=True)
class Asked:
    """One request."""

    name: str
    method: str
    path: str
    body: Any = None
    kind: str = "application/json"
    query: dict[str, str] = field(default_factory=dict)


def patch(name: str, kind: str, body: Any, path: str = NODE, **query: str) -> Asked:
    return Asked(name, "PATCH", path, body, KINDS.get(kind, kind), {"fieldManager": "me", **query})


def node(**parts: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "same", **parts.pop("metadata", {})}, **parts}


def event(namespace: str = "default", **parts: Any) -> dict[str, Any]:
    about = {"apiVersion": "v1", "kind": "Node", "name": "same", "uid": "same"}
    told = {"reason": "GCMSentinel", "message": "m", "type": "Warning", "source": {"component": "gcm-sentinel"}}
    metadata = {"name": "same", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Event", "metadata": metadata, "involvedObject": about, **told, **parts}


def eviction(name: str = "same", **more: Any) -> dict[str, Any]:
    return {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "default"}, **more}


def access(verb: str, resource: str) -> dict[str, Any]:
    attributes = {"verb": verb, "resource": resource}
    head = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    return {**head, "spec": {"resourceAttributes": attributes}}
