"""The real API server in the place of the simulated one's store, as tests/acting_tools puts things into it.

So the tests of a tool are carried out once more against the real server, unchanged. What differs is what only a server
decides: an object gets its UID there, and a node is looked at once its controllers have found it ready.
"""

from __future__ import annotations

from typing import Any

from tests.cluster.api import Api, Object, collection_of, path_of
from tests.cluster.control_plane import KWOK
from tests.cluster.servers import until

_READY_WITHIN_S = 60
_PATHS = {"nodes": "/api/v1/nodes/{name}", "pods": "/api/v1/namespaces/{namespace}/pods/{name}"}


class RealStore:
    """Objects of one API server."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._nodes: set[str] = set()

    def get(self, plural: str, name: str, namespace: str = "") -> Object | None:
        """One object; None when there is none of that name."""
        return self._api.find(_PATHS[plural].format(name=name, namespace=namespace))

    def put(self, obj: Object, *, manager: str = "tester") -> Object:
        """Make or replace an object, status included."""
        path, metadata = path_of(obj), dict(obj["metadata"])
        metadata.pop("uid", None)
        found = self._api.find(path)
        if obj["kind"] == "Node":
            metadata["labels"] = {"kubernetes.io/hostname": metadata["name"], **metadata.get("labels", {})}
            metadata["annotations"] = {KWOK: "fake", **metadata.get("annotations", {})}  # it renews the node's lease
        if found is None:
            self._api.ask("POST", collection_of(obj), {**obj, "metadata": metadata}, fieldManager=manager)
        else:
            answer = self._api.ask("PUT", path, {**obj, "metadata": metadata}, fieldManager=manager)
            assert answer.status_code == 200, answer.text
        if found is None and "status" in obj:
            self._api.patch(f"{path}/status", {"status": obj["status"]}, manager="kubelet")
        if obj["kind"] == "Node":
            self._nodes.add(metadata["name"])
            until(lambda: not _awaited(self._api.get(path)), _READY_WITHIN_S, "the node is ready")
        return self._api.get(path)

    def patch(self, plural: str, name: str, patch: Any, *, namespace: str = "", manager: str = "tester") -> Object:
        """Patch an object strategically."""
        return self._api.patch(_PATHS[plural].format(name=name, namespace=namespace), patch, manager=manager)

    def delete(self, plural: str, name: str, namespace: str = "") -> None:
        """Delete an object."""
        self._api.delete(_PATHS[plural].format(name=name, namespace=namespace))

    def clear(self) -> None:
        """Delete the nodes that were made here."""
        for name in self._nodes:
            self.delete("nodes", name)


def _awaited(node: Object) -> bool:
    """Whether it still bears the taint that admission gives a new node."""
    return any(taint["key"] == "node.kubernetes.io/not-ready" for taint in node["spec"].get("taints", ()))
