"""The player: time passing in a served world.

A world's changes carry whole objects, written without knowledge of what clients did meanwhile. The player therefore
applies the difference between two of the world's versions, so that a cordon, an annotation or a deletion made by a
client stays until the world says something about that very field.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from sentinel_fleet.kube import ObjectStore
from sentinel_fleet.kube.patch import merge_patch
from sentinel_fleet.kube.resources import resource_of
from sentinel_fleet.world import Change

KubeObject: TypeAlias = dict[str, Any]
"""A Kubernetes object as JSON has it."""

_Key: TypeAlias = tuple[str, str, str]
_UNBROKEN = 10
"""Changes applied in a row before others get a turn, when there is much to catch up on."""
_GLANCE_S = 0.1
"""How long the player trusts the clock, which a test may move."""

_log = logging.getLogger(__name__)


class Player:
    """Puts a world's objects into a store and keeps them up with the clock."""

    def __init__(self, store: ObjectStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._written: dict[_Key, KubeObject] = {}
        """The world's own last version of every object, shared with the store where nobody else wrote."""

    def open(self, objects: Iterable[KubeObject]) -> None:
        """Fill the store with the world's first objects."""
        for obj in objects:
            self._written[_key(obj)] = obj
            self._store.put(obj)

    async def play(self, changes: Iterable[Change]) -> None:
        """Apply every change when it is due; returns after the last one."""
        count = 0
        for change in changes:
            while (wait_s := change.at - self._clock()) > 0:  # noqa: ASYNC110 - a clock signals nothing
                await asyncio.sleep(min(wait_s, _GLANCE_S))
            self.apply(change)
            count += 1
            if count % _UNBROKEN == 0:
                await asyncio.sleep(0)
        _log.debug("the world's timeline has ended after %d changes", count)

    def apply(self, change: Change) -> None:
        """Make one change now; what a client deleted stays deleted."""
        key = _key(change.object)
        plural, namespace, name = key
        before = self._written.get(key)
        if change.op == "delete":
            self._written.pop(key, None)
            self._store.delete(plural, name, namespace)
            return
        self._written[key] = change.object
        present = self._store.get(plural, name, namespace)
        if before is None or present is None:
            if before is None:
                self._store.put(change.object)
            return
        patch = difference(before, change.object)
        if "managedFields" in patch.get("metadata", {}):
            patch["metadata"]["managedFields"] = [*_written_by_us(change.object), *_written_by_others(present, before)]
        self._store.put(merge_patch(present, patch))


def _written_by_us(obj: KubeObject) -> list[KubeObject]:
    return list(obj["metadata"].get("managedFields", ()))


def _written_by_others(present: KubeObject, before: KubeObject) -> list[KubeObject]:
    """The entries of writers that are no part of the world: what clients own, they go on owning."""
    ours = {_writer(entry) for entry in _written_by_us(before)}
    return [entry for entry in _written_by_us(present) if _writer(entry) not in ours]


def _writer(entry: KubeObject) -> tuple[object, ...]:
    return entry.get("manager"), entry.get("operation"), entry.get("subresource", "")


def _key(obj: KubeObject) -> _Key:
    metadata = obj["metadata"]
    return resource_of(obj).plural, metadata.get("namespace", ""), metadata["name"]


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON merge patch that leads from one object to the other."""
    patch: dict[str, Any] = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            inner = difference(old, value)
            if inner:
                patch[name] = inner
        elif name not in before or old != value:
            patch[name] = value
    return patch
