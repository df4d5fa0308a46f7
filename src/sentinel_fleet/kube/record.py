"""One version of one stored object, with its JSON serialised at most once."""

from __future__ import annotations

import json

from sentinel_fleet.kube.jsontypes import JsonObject

Key = tuple[str, str]
"""Namespace (empty for cluster-scoped objects) and name; lists are in the order of keys."""


def to_json(obj: object) -> bytes:
    """Compact JSON, as the API server writes it."""
    return json.dumps(obj, separators=(",", ":"), ensure_ascii=False).encode()


class Record:
    """An object as it stood at one resourceVersion; `obj` is shared and must not be changed."""

    __slots__ = ("_body", "key", "obj", "rv")

    def __init__(self, key: Key, obj: JsonObject, rv: int) -> None:
        self.key = key
        self.obj = obj
        self.rv = rv
        self._body: bytes | None = None

    def body(self) -> bytes:
        """The object's JSON without kind and apiVersion, as it stands in a list; kept for the next reader."""
        if self._body is None:
            self._body = to_json({k: v for k, v in self.obj.items() if k not in ("kind", "apiVersion")})
        return self._body
