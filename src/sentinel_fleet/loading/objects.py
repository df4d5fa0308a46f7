"""A world's Kubernetes objects in the etcd of a real API server, as if restored from a backup.

Created through the API an object would be born now, under a UID of the server's, and who wrote its fields, and when,
would be forgotten: ages, owners and events would no longer fit together. So the objects are written where the API
server keeps them, and it serves them as its own: the versions are etcd's, everything else is the world's. Controllers
must not run there, because the world already says what they have written.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any

import aiohttp

from sentinel_fleet.kube.resources import BY_KIND, RESOURCES, Resource, resource_of
from sentinel_fleet.objects import KubeObject
from sentinel_fleet.objects.cluster import SYSTEM_NAMESPACES

_ROOT = "/registry"
_KEPT_AS = {"nodes": "minions"}
"""Collections whose key in etcd is older than their name."""
_TOGETHER = 100
_TOGETHER_BYTES = 500_000
"""Objects in one transaction, and their size: etcd takes 128 operations and 1.5 MiB, in base 64."""


class Etcd:
    """The objects of an API server, by its etcd's HTTP gateway."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        """`session` has the URL of etcd as its base."""
        self._session = session

    async def put(self, objects: Iterable[KubeObject]) -> None:
        """Write objects, over those of the same name; of several of one name the last.

        Raises:
            aiohttp.ClientError: etcd did not take them.
        """
        newest = {key_of(obj): json.dumps(obj) for obj in objects}
        for together in _batches(newest.items()):
            puts = [{"key": _encoded(key), "value": _encoded(value)} for key, value in together]
            await self._post("txn", {"success": [{"requestPut": put} for put in puts]})

    async def clear(self) -> None:
        """Delete every object of the kinds that a world has, but for the namespaces that the server itself needs.

        Raises:
            aiohttp.ClientError: etcd did not take it.
        """
        for resource in RESOURCES:
            begin, end = f"{_prefix(resource)}/", f"{_prefix(resource)}0"  # "0" comes after "/"
            kept = SYSTEM_NAMESPACES if resource.plural == "namespaces" else ()
            for low, high in _around(begin, end, sorted(begin + name for name in kept)):
                await self._post("deleterange", {"key": _encoded(low), "range_end": _encoded(high)})

    async def _post(self, what: str, body: object) -> None:
        async with self._session.post(f"/v3/kv/{what}", json=body) as answer:
            answer.raise_for_status()
            await answer.read()


def key_of(obj: KubeObject) -> str:
    """Where the API server keeps an object.

    Raises:
        ValueError: the simulated fleet has no such kind.
    """
    metadata = obj["metadata"]
    names = (metadata["namespace"], metadata["name"]) if metadata.get("namespace") else (metadata["name"],)
    return "/".join([_prefix(resource_of(obj)), *names])


def definitions(objects: Iterable[KubeObject]) -> list[KubeObject]:
    """The CustomResourceDefinitions without which some of the objects cannot be read, each once."""
    kinds = dict.fromkeys((obj["apiVersion"], obj["kind"]) for obj in objects)
    return [_definition(resource) for kind in kinds if (resource := BY_KIND[kind]).custom]


def _batches(pairs: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    batch: list[tuple[str, str]] = []
    size_bytes = 0
    for key, value in pairs:
        if batch and (len(batch) == _TOGETHER or size_bytes + len(value) > _TOGETHER_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append((key, value))
        size_bytes += len(value)
    if batch:
        yield batch


def _prefix(resource: Resource) -> str:
    group = [resource.group] if resource.custom else []
    return "/".join([_ROOT, *group, _KEPT_AS.get(resource.plural, resource.plural)])


def _around(begin: str, end: str, kept: list[str]) -> Iterator[tuple[str, str]]:
    """The ranges from `begin` to `end` without the keys that are kept."""
    for key in kept:
        yield begin, key
        begin = f"{key}\0"
    yield begin, end


def _definition(resource: Resource) -> KubeObject:
    names = {"plural": resource.plural, "singular": resource.singular, "kind": resource.kind}
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version: dict[str, Any] = {
        "name": resource.version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
    }
    version["schema"] = {"openAPIV3Schema": anything}
    scope = "Namespaced" if resource.namespaced else "Cluster"
    spec = {"group": resource.group, "names": names, "scope": scope, "versions": [version]}
    metadata = {"name": resource.qualified}
    kind = "CustomResourceDefinition"
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


def _encoded(text: str) -> str:
    return b64encode(text.encode()).decode()
