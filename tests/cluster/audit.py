"""What the API server's audit log tells: who asked for what, and how it was answered.

A request is written down before it is handled, so whoever has its answer finds it here; how it was answered is written
afterwards, and may not be there yet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

READING = frozenset({"get", "list", "watch"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request for a resource."""

    user: str
    verb: str
    resource: str
    """``nodes``, or with its subresource ``pods/eviction``."""
    namespace: str = ""
    name: str = ""
    code: int | None = None
    """The HTTP status; None while it is not answered, or not written down."""
    dry: bool = False
    """Whether it asked only what would become of it."""
    group: str = ""
    """The API group of the resource; empty for the core one."""
    body: Any = None
    """What it sent, where it is a service account's write."""
    uri: str = ""
    """The path and query that it asked for."""

    @property
    def writes(self) -> bool:
        """Whether it asked for a change that stays."""
        return self.verb not in READING and not self.dry

    @property
    def fields(self) -> frozenset[str]:
        """What of the object a patch is about: ``metadata.annotations.gcm-sentinel/severity``, ``spec.taints``."""
        if isinstance(self.body, list):  # a JSON patch
            return frozenset(_dotted(pointer) for step in self.body for pointer in _changed(step))
        return frozenset(_leaves(self.body))

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"


@dataclass(frozen=True, slots=True)
class AuditLog:
    """The log of one API server, a file with one JSON event on each line."""

    path: Path

    def end(self) -> int:
        """Where the log ends now; give it to `requests` to see what comes after."""
        return self.path.stat().st_size

    def requests(self, user: str, *, since: int = 0, end: int | None = None, pod: str = "") -> list[Request]:
        """What a user asked for after `since`, in order; a service account is ``system:serviceaccount:<ns>:<name>``.

        With `end`, only what came before; how the last of it was answered may be missing.
        With `pod`, only what was asked with the token that was made for that Pod, not with another of the account.
        """
        found: dict[str, Request] = {}
        for event in self._events(since, end):
            if event["user"]["username"] == user and "objectRef" in event and pod in ("", _pod_of(event)):
                found[event["auditID"]] = _request(event)
        return list(found.values())

    def asked(self, user: str, *, since: int = 0) -> set[str]:
        """The different things a user asked for: ``patch nodes``, ``create pods/eviction``."""
        return {str(request) for request in self.requests(user, since=since)}

    def _events(self, since: int, end: int | None) -> list[dict[str, Any]]:
        with self.path.open("rb") as log:
            log.seek(since)
            whole, _, _ = log.read(-1 if end is None else end - since).rpartition(b"\n")
        return [json.loads(line) for line in whole.splitlines()]


def _request(event: dict[str, Any]) -> Request:
    thing = event["objectRef"]
    resource = "/".join(filter(None, (thing.get("resource", ""), thing.get("subresource"))))
    code = event.get("responseStatus", {}).get("code")
    user = event["user"]["username"]
    where = (thing.get("namespace", ""), thing.get("name", ""))
    return Request(
        user,
        event["verb"],
        resource,
        *where,
        code,
        _is_dry(event, resource),
        thing.get("apiGroup", ""),
        event.get("requestObject"),
        event["requestURI"],
    )


def _is_dry(event: dict[str, Any], resource: str) -> bool:
    """Whether nothing was to stay.

    A delete with a body has its options there, and the server does not look at the query then: only a body that says so
    is believed. An eviction says it in either; where the two differ it is refused.
    """
    body = event.get("requestObject") or {}
    if event["verb"] in ("delete", "deletecollection"):
        return bool(body.get("dryRun") == ["All"])
    if resource == "pods/eviction" and (body.get("deleteOptions") or {}).get("dryRun") == ["All"]:
        return True
    return parse_qs(urlsplit(event["requestURI"]).query).get("dryRun") == ["All"]


def _pod_of(event: dict[str, Any]) -> str:
    """The Pod that the token of the request was bound to."""
    names: list[str] = event["user"].get("extra", {}).get("authentication.kubernetes.io/pod-name", [""])
    return names[0]


def _changed(step: dict[str, Any]) -> Iterator[str]:
    """The JSON pointers of what one step of a JSON patch changes: a move takes away from where it moves."""
    if step["op"] != "test":
        yield step["path"]
    if step["op"] == "move":
        yield step["from"]


def _leaves(body: Any, *above: str) -> Iterator[str]:
    """The paths of everything that a merge patch sets or removes."""
    if isinstance(body, dict) and body:
        for key, value in body.items():
            yield from _leaves(value, *above, key)
    elif above:
        yield ".".join(above)


def _dotted(pointer: str) -> str:
    """A JSON pointer without the place in a list: ``/spec/taints/0`` is about ``spec.taints``."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.strip("/").split("/")]
    return ".".join(part for part in parts if part != "-" and not part.isdigit())
