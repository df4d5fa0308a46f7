"""All objects of one resource: keyed, ordered, indexed, and with the recent past to look back into."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence

from sentinel_fleet.kube.history import Change, ChangeLog
from sentinel_fleet.kube.record import Key, Record
from sentinel_fleet.kube.resources import Resource
from sentinel_fleet.kube.selectors import Selector, field_value


class Collection:
    """The store's part for one resource; written by `ObjectStore` only."""

    def __init__(self, resource: Resource, history_limit: int, start_rv: int) -> None:
        self.resource = resource
        self.log = ChangeLog(history_limit, start_rv)
        self.records: dict[Key, Record] = {}
        self.ever_used = False
        self._keys: list[Key] = []
        self._unsorted = False
        self._indexes: dict[str, dict[str, set[Key]]] = {path: {} for path in resource.indexed}

    def apply(self, change: Change) -> None:
        """Take over a change."""
        key = change.record.key
        self.ever_used = True
        if change.previous is not None:
            self._unindex(change.previous)
        if change.type == "DELETED":
            del self.records[key]
            keys = self._sorted_keys()
            del keys[bisect_left(keys, key)]
        else:
            if change.type == "ADDED":
                self._keys.append(key)
                self._unsorted = True
            self.records[key] = change.record
            self._index(change.record)
        self.log.append(change)

    def _index(self, record: Record) -> None:
        for path, index in self._indexes.items():
            index.setdefault(field_value(record.obj, path), set()).add(record.key)

    def _unindex(self, record: Record) -> None:
        for path, index in self._indexes.items():
            index[field_value(record.obj, path)].discard(record.key)

    def _sorted_keys(self) -> list[Key]:
        if self._unsorted:
            self._keys.sort()
            self._unsorted = False
        return self._keys

    def select(self, selector: Selector) -> Iterator[Record]:
        """The current objects a selector wants, in key order."""
        for path, index in self._indexes.items():
            value = selector.exact(path)
            if value is not None:
                found = (self.records[key] for key in sorted(index.get(value, ())))
                return (record for record in found if selector.matches(record.obj))
        return scan(self._sorted_keys(), self.records, selector, ("", ""))

    def at(self, rv: int) -> tuple[Sequence[Key], Mapping[Key, Record]]:
        """Keys in order and records as they stood at `rv`.

        Raises:
            Compacted: that is too long ago.
        """
        undone = self.log.after(rv)
        if not undone:
            return self._sorted_keys(), self.records
        records, keys = dict(self.records), list(self._sorted_keys())
        for change in reversed(undone):
            key = change.record.key
            if change.previous is None:
                del records[key]
                del keys[bisect_left(keys, key)]
            else:
                if change.type == "DELETED":
                    insort(keys, key)
                records[key] = change.previous
        return keys, records


def scan(keys: Sequence[Key], records: Mapping[Key, Record], selector: Selector, start: Key) -> Iterator[Record]:
    """The selected records from key `start` on."""
    if selector.namespace and start[0] < selector.namespace:
        start = (selector.namespace, "")
    for at in range(bisect_left(keys, start), len(keys)):
        if selector.namespace and keys[at][0] != selector.namespace:
            return
        record = records[keys[at]]
        if selector.unfiltered or selector.matches(record.obj):
            yield record
