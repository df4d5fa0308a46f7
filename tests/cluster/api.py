"""The hands of a cluster's administrator: plain requests to the API server, for what a test sets up and looks at."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

Object = dict[str, Any]
_TIMEOUT_S = 30
_BUILT_IN = {"v1": "/api/v1"}
_PLURALS = {"PodDisruptionBudget": "poddisruptionbudgets", "PriorityClass": "priorityclasses", "Ingress": "ingresses"}
_CLUSTER_WIDE = frozenset(
    {"Node", "Namespace", "ClusterRole", "ClusterRoleBinding", "PriorityClass", "CustomResourceDefinition"}
)


class Api:
    """One API server, as one of its users."""

    def __init__(self, url: str, ca: Path, token: str) -> None:
        """`token` says who asks."""
        headers = {"Authorization": f"Bearer {token}"}
        context = ssl.create_default_context(cafile=str(ca))
        self._http = httpx2.Client(base_url=url, verify=context, headers=headers, timeout=_TIMEOUT_S, trust_env=False)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def ask(
        self, method: str, path: str, body: object = None, *, kind: str = "application/json", **query: str
    ) -> httpx2.Response:
        """Send one request; its answer, whatever it is."""
        content = None if body is None else json.dumps(body)
        return self._http.request(method, path, content=content, headers={"Content-Type": kind}, params=query)

    def get(self, path: str, **query: str) -> Object:
        """What is at `path`."""
        return _good(self.ask("GET", path, **query))

    def find(self, path: str) -> Object | None:
        """What is at `path`; None when nothing is."""
        answer = self.ask("GET", path)
        return None if answer.status_code == 404 else _good(answer)

    def items(self, path: str, **query: str) -> list[Object]:
        """The objects of a collection, oldest first."""
        found = self.get(path, **query)["items"]
        return sorted(found, key=lambda item: (item["metadata"]["creationTimestamp"], item["metadata"]["name"]))

    def create(self, obj: Mapping[str, Any], *, manager: str = "tester") -> Object:
        """Make an object, and its status too where it says one."""
        made = _good(self.ask("POST", collection_of(obj), obj, fieldManager=manager))
        if "status" not in obj:
            return made
        return self.patch(path_of(obj) + "/status", {"status": obj["status"]}, manager=manager)

    def apply(self, obj: Mapping[str, Any], *, manager: str = "tester") -> Object:
        """Make an object or bring it to this, by server-side apply; fields of others are taken over."""
        kind = "application/apply-patch+yaml"
        return _good(self.ask("PATCH", path_of(obj), obj, kind=kind, fieldManager=manager, force="true"))

    def patch(self, path: str, body: object, *, kind: str = "strategic-merge", manager: str = "tester") -> Object:
        """Patch what is at `path`; `kind` is ``strategic-merge``, ``merge`` or ``json``."""
        return _good(self.ask("PATCH", path, body, kind=f"application/{kind}-patch+json", fieldManager=manager))

    def delete(self, path: str, **query: str) -> None:
        """Delete what is at `path`, or the whole collection; that nothing is there is fine."""
        answer = self.ask("DELETE", path, **query)
        if answer.status_code != 404:
            _good(answer)


def collection_of(obj: Mapping[str, Any]) -> str:
    """The API path of the collection that an object belongs to."""
    version, kind = obj["apiVersion"], obj["kind"]
    root = _BUILT_IN.get(version, f"/apis/{version}")
    plural = _PLURALS.get(kind, f"{kind.lower()}s")
    if kind in _CLUSTER_WIDE:
        return f"{root}/{plural}"
    return f"{root}/namespaces/{obj['metadata'].get('namespace', 'default')}/{plural}"


def path_of(obj: Mapping[str, Any]) -> str:
    """The API path of an object."""
    return f"{collection_of(obj)}/{obj['metadata']['name']}"


def _good(answer: httpx2.Response) -> Object:
    if answer.status_code >= 300:
        raise AssertionError(f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}")
    found: Object = answer.json()
    return found
