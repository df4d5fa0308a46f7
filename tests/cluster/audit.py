"""What the API server's audit log tells: who asked for what, and how it was answered.

A request is written down before it is handled, so whoever has its answer finds it here; how it was answered is written
afterwards, and may not be there yet.
"""

from __future__ import annotations

import json
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

    @property
    def writes(self) -> bool:
        """Whether it asked for a change that stays."""
        return self.verb not in READING and not self.dry

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"


@dataclass(frozen=True, slots=True)
class AuditLog:
    """The log of one API server, a file with one JSON event on each line."""

    path: Path

    def end(self) -> int:
        """Where the log ends now; give it to `requests` to see what comes after."""
        return self.path.stat().st_size

    def requests(self, user: str, *, since: int = 0) -> list[Request]:
        """What a user asked for after `since`, in order; a service account is ``system:serviceaccount:<ns>:<name>``."""
        found: dict[str, Request] = {}
        for event in self._events(since):
            if event["user"]["username"] == user and "objectRef" in event:
                found[event["auditID"]] = _request(event)
        return list(found.values())

    def asked(self, user: str, *, since: int = 0) -> set[str]:
        """The different things a user asked for: ``patch nodes``, ``create pods/eviction``."""
        return {str(request) for request in self.requests(user, since=since)}

    def _events(self, since: int) -> list[dict[str, Any]]:
        with self.path.open("rb") as log:
            log.seek(since)
            whole, _, _ = log.read().rpartition(b"\n")
        return [json.loads(line) for line in whole.splitlines()]


def _request(event: dict[str, Any]) -> Request:
    thing = event["objectRef"]
    resource = "/".join(filter(None, (thing.get("resource", ""), thing.get("subresource"))))
    code = event.get("responseStatus", {}).get("code")
    user = event["user"]["username"]
    dry = parse_qs(urlsplit(event["requestURI"]).query).get("dryRun") == ["All"]
    return Request(user, event["verb"], resource, thing.get("namespace", ""), thing.get("name", ""), code, dry)
