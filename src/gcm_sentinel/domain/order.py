"""An order: one exact operation on one exact object, asked for in one investigation, and the digest that names it.

Whatever is decided about an action (by policy, by a person) is decided about its digest. Another target of the same
name, one changed argument, another incident or another list of API calls make another digest, and the decision no
longer counts.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TypeAlias

from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.operations import Operation

_DOMAIN = "gcm-sentinel.order.v1"
NODE_UID = "node_uid"
"""Argument of an order about a GPU: UID of the node it was found in."""


@dataclass(frozen=True, slots=True)
class ActionTarget:
    """What an action is done to, by the identity it had when it was proposed."""

    kind: str
    """``node``, ``pod``, ``gpu``."""
    name: str
    uid: str
    """UID of the API object, UUID of a GPU: another object of the same name is another target."""
    node: str = ""


CallBody: TypeAlias = JsonObject | list[JsonObject]
"""An object, or the list of operations of a JSON patch (RFC 6902)."""


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One request an operation sends, as it is shown in a dry run and to whoever approves."""

    method: str
    """``PATCH``, ``POST``, ``DELETE``; ``CALL`` for a method of the SENTINEL gateway."""
    path: str
    body: CallBody = field(default_factory=dict)
    content_type: str = "application/json"

    def __str__(self) -> str:
        """One line: ``PATCH /api/v1/nodes/n1 {"spec":{"unschedulable":true}}``."""
        return f"{self.method} {self.path} {_canonical(self.body)}"


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for."""

    operation: Operation
    target: ActionTarget
    incident_id: str
    investigation_id: str
    arguments: JsonObject = field(default_factory=dict)
    """Beyond the target: key and effect of a taint, for example."""
    calls: tuple[ApiCall, ...] = ()
    """What would be sent, in order; the operation may send these and nothing else."""
    reason: str = ""
    asked_by: str = ""
    """Engine, or person."""

    @property
    def key(self) -> str:
        """The same for every order of this operation on this object in this incident: what is done once."""
        return f"{self.incident_id}/{self.operation}/{self.target.uid}"

    @property
    def handle(self) -> str:
        """Names what the order makes elsewhere (a custom resource, a directive), so that one sent again is known.

        A valid name of a Kubernetes object, drawn from the key; calls may bear it, because it does not depend on them.
        """
        return f"gcm-sentinel-{hashlib.sha256(self.key.encode(errors='surrogatepass')).hexdigest()[:20]}"

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over incident, operation, target (kind, name, UID, node), arguments and calls.

        Who asked and why are left out: they are words, and the thing done is the same.
        """
        target = [self.target.kind, self.target.name, self.target.uid, self.target.node]
        calls = [[call.method, call.path, call.content_type, call.body] for call in self.calls]
        parts = [_DOMAIN, self.incident_id, str(self.operation), target, self.arguments, calls]
        return hashlib.sha256(_canonical(parts).encode(errors="surrogatepass")).hexdigest()


def call_from_json(reader: JsonReader) -> ApiCall:
    """The call written as an object with the fields of `ApiCall`.

    Raises:
        BadConfiguration: it is not one; the message names the place.
    """
    patch = isinstance(reader.data.get("body"), list)
    body: CallBody = reader.each("body", lambda part: part.data) if patch else reader.inside("body").data
    return ApiCall(reader.get("method", str), reader.get("path", str), body, reader.get("content_type", str))


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
