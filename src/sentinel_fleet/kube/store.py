"""The objects of the simulated cluster, with resourceVersions, history and ownership; no HTTP here.

Scenario players, tests and the API server all write through this one object, so everybody's watches see every change.
Objects handed in belong to the store afterwards and objects handed out are shared: treat both as frozen. Sharing parts
between objects (tolerations of fifty thousand pods) is therefore safe, and is how a large world stays small.

Single-threaded: call it from the event loop's thread, or before the loop runs.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sentinel_fleet.kube.admission import Webhook
from sentinel_fleet.kube.collection import Collection
from sentinel_fleet.kube.history import Change, ChangeType, Ending, Subscription
from sentinel_fleet.kube.jsontypes import JsonObject
from sentinel_fleet.kube.managed import Writer, after_update
from sentinel_fleet.kube.patch import merge_patch
from sentinel_fleet.kube.record import Key, Record
from sentinel_fleet.kube.resources import STORED, Resource, resource_of
from sentinel_fleet.kube.schema import root_type
from sentinel_fleet.kube.selectors import parse_selector
from sentinel_fleet.kube.strategic import strategic_patch
from sentinel_fleet.kube.unset import with_unset
from sentinel_fleet.times import rfc3339

SYSTEM_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
DEFAULT_HISTORY = 20_000
_FIRST_RV = 1000

Listener = Callable[[str, Change], None]


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """A mutating request the API server received, whether it was carried out or refused."""

    method: str
    path: str
    """Without the query string."""
    user_agent: str
    body: str
    query: str
    status: int
    """The HTTP status it was answered with."""


class ObjectStore:
    """Everything the cluster knows; created with the four namespaces every cluster has."""

    def __init__(self, *, history: int = DEFAULT_HISTORY, clock: Callable[[], float] = time.time) -> None:
        self._rv = _FIRST_RV
        self._clock = clock
        self._collections = {plural: Collection(row, history, self._rv) for plural, row in STORED.items()}
        self._listeners: list[Listener] = []
        self._installed: set[str] = set()
        self.writes: list[WriteRequest] = []
        """Every mutating request in the order of arrival; neither access reviews nor dry runs, which write nothing."""
        self.dry_runs: list[WriteRequest] = []
        """The requests with ``dryRun=All`` in their query, in the order of arrival."""
        self.webhooks: list[Webhook] = []
        """Admission webhooks, as if somebody had registered them."""
        for name in SYSTEM_NAMESPACES:
            labels = {"kubernetes.io/metadata.name": name}
            metadata = {"name": name, "labels": labels}
            spec, status = {"finalizers": ["kubernetes"]}, {"phase": "Active"}
            self.put({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata, "spec": spec, "status": status})

    @property
    def resource_version(self) -> int:
        """The resourceVersion of the newest change."""
        return self._rv

    def now(self) -> str:
        """The store's time as Kubernetes prints it."""
        return rfc3339(self._clock())

    def collection(self, plural: str) -> Collection:
        """The objects of one resource.

        Raises:
            KeyError: no such resource is stored.
        """
        return self._collections[plural]

    def served(self, resource: Resource) -> bool:
        """Whether discovery shows the resource: built-in kinds always, custom ones once there was an object.

        Installable ones as soon as their group is installed.
        """
        if resource.installable:
            return resource.group in self._installed
        return not resource.custom or self._collections[resource.plural].ever_used

    def install(self, group: str) -> None:
        """Serve the installable kinds of an API group, as if somebody had applied their CRDs.

        Raises:
            ValueError: no kind of that group can be installed.
        """
        if not any(row.installable and row.group == group for row in STORED.values()):
            raise ValueError(f"the group {group!r} has no kind that can be installed")
        self._installed.add(group)

    def record(self, plural: str, name: str, namespace: str = "") -> Record | None:
        """The current version of one object with its cached JSON."""
        return self._collections[plural].records.get((namespace, name))

    def get(self, plural: str, name: str, namespace: str = "") -> JsonObject | None:
        """One object, None when there is none of that name."""
        record = self.record(plural, name, namespace)
        return record.obj if record else None

    def put(self, obj: JsonObject, *, manager: str = "") -> JsonObject:
        """Create or replace an object, status included; the stored form is returned.

        A missing uid and creationTimestamp are filled in. With `manager`, managedFields record what changed under that
        name; without, the object's own managedFields are kept. Nothing happens when nothing changes.

        Raises:
            ValueError: no such kind is served.
        """
        resource = resource_of(obj)
        old = self.get(resource.plural, obj["metadata"]["name"], obj["metadata"].get("namespace", ""))
        new = with_unset(self._completed(obj, old))
        if manager:
            new = after_update(old, new, Writer(manager, api_version=resource.api_version), self.now())
        return self.commit(resource, new).obj

    def patch(
        self, plural: str, name: str, patch: Mapping[str, object], *, namespace: str = "", manager: str = ""
    ) -> JsonObject:
        """Patch an object, status included: strategically for built-in kinds, as a merge patch for custom ones.

        Raises:
            KeyError: there is no such object.
        """
        old = self.get(plural, name, namespace)
        if old is None:
            raise KeyError(f"no {plural} {name!r} in namespace {namespace!r}")
        custom = self._collections[plural].resource.custom
        new = merge_patch(old, dict(patch)) if custom else strategic_patch(old, dict(patch), root_type(old["kind"]))
        return self.put(new, manager=manager)

    def delete(self, plural: str, name: str, namespace: str = "") -> JsonObject | None:
        """Remove an object at once; its last state, None when there was none."""
        record = self.record(plural, name, namespace)
        return self.remove(record, self._collections[plural].resource).obj if record else None

    def list(self, plural: str, *, namespace: str = "", labels: str = "", fields: str = "") -> Sequence[JsonObject]:
        """The objects that match, in the order a client would list them.

        Raises:
            ValueError: a selector cannot be read.
        """
        collection = self._collections[plural]
        selector = parse_selector(collection.resource, namespace, labels, fields)
        return [record.obj for record in collection.select(selector)]

    def commit(self, resource: Resource, obj: JsonObject) -> Record:
        """Store an object as it is under a new resourceVersion, unless it equals what is there."""
        metadata = obj["metadata"]
        key: Key = (metadata.get("namespace", ""), metadata["name"])
        previous = self._collections[resource.plural].records.get(key)
        if previous is not None and _same(previous.obj, obj):
            return previous
        self._rv += 1
        stored = {**obj, "metadata": {**metadata, **_ordered(metadata), "resourceVersion": str(self._rv)}}
        record = Record(key, stored, self._rv)
        self._publish(resource.plural, "MODIFIED" if previous else "ADDED", record, previous)
        return record

    def remove(self, record: Record, resource: Resource) -> Record:
        """Remove a stored version; the returned record carries the deletion's resourceVersion."""
        self._rv += 1
        metadata = {**record.obj["metadata"], "resourceVersion": str(self._rv)}
        gone = Record(record.key, {**record.obj, "metadata": metadata}, self._rv)
        self._publish(resource.plural, "DELETED", gone, record)
        return gone

    def _publish(self, plural: str, type_: ChangeType, record: Record, previous: Record | None) -> None:
        change = Change(record.rv, type_, record, previous)
        self._collections[plural].apply(change)
        for listener in tuple(self._listeners):
            listener(plural, change)

    def _completed(self, obj: JsonObject, old: JsonObject | None) -> JsonObject:
        metadata = obj["metadata"]
        if "uid" in metadata and "creationTimestamp" in metadata:
            return obj
        known = old["metadata"] if old else {"uid": str(uuid.uuid4()), "creationTimestamp": self.now()}
        given = {"uid": known["uid"], "creationTimestamp": known["creationTimestamp"]}
        return {**obj, "metadata": given | metadata}

    def listen(self, listener: Listener) -> None:
        """Call `listener(plural, change)` after every write; for controllers, which may write in turn."""
        self._listeners.append(listener)

    def subscribe(self, plural: str, since_rv: int | None = None) -> Subscription:
        """A cursor into the changes of one resource, from now on or after a resourceVersion."""
        return self._collections[plural].log.subscribe(self._rv if since_rv is None else since_rv)

    def compact(self) -> None:
        """Forget all history, as etcd's compaction: older resourceVersions and continue tokens are expired."""
        for collection in self._collections.values():
            collection.log.compact(self._rv)

    def end_watches(self, how: Ending) -> None:
        """End every open watch: `drop` the connection, send an `expire`d error, `close` the stream politely, `tear` it
        in the middle of an event, or `hang` silently until the client gives up, as behind a broken load balancer."""
        for collection in self._collections.values():
            collection.log.end_all(how)

    @property
    def open_watches(self) -> int:
        """How many watches are open now."""
        return sum(collection.log.open_subscriptions for collection in self._collections.values())


def _ordered(metadata: JsonObject) -> JsonObject:
    """Labels and annotations in the order of their keys, as a server written in Go tells its maps."""
    return {name: dict(sorted(metadata[name].items())) for name in ("labels", "annotations") if metadata.get(name)}


def _same(old: JsonObject, new: JsonObject) -> bool:
    """Whether two states differ in nothing but resourceVersion and the times of managedFields."""
    return _comparable(old) == _comparable(new)


def _comparable(obj: JsonObject) -> JsonObject:
    metadata = {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}
    lines = [{**line, "time": ""} for line in metadata.get("managedFields") or ()]
    return {**obj, "metadata": {**metadata, "managedFields": lines}}
