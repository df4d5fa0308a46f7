"""Request bodies: JSON or YAML in, an object of the right kind out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import yaml

from sentinel_fleet.kube.decoding import Decoded, WrongValue, decode
from sentinel_fleet.kube.events import EVENTS_GROUP, to_core
from sentinel_fleet.kube.jsontypes import JsonObject, dig
from sentinel_fleet.kube.object_types import type_of
from sentinel_fleet.kube.resources import Resource
from sentinel_fleet.kube.status import (
    bad_request,
    failure,
    invalid_field,
    invalid_kind,
    unsupported_media_type,
)

JSON, YAML = "application/json", "application/yaml"
UNREADABLE = "couldn't get version/kind; json parse error"
_UNRECOGNIZED = "the object provided is unrecognized (must be of type %s)"


def parse_document(body: bytes, content_type: str, unreadable: str = UNREADABLE) -> Any:  # noqa: ANN401 - whatever was sent
    """The body's value; `unreadable` says what is wrong with one that cannot be read, before the parser's words.

    Raises:
        ApiError: 400 when it cannot be read, 415 when the format is not understood (protobuf, CBOR).
    """
    try:
        if content_type.endswith("yaml"):
            return yaml.safe_load(body)
        if content_type in (JSON, "") or content_type.endswith("+json"):
            return json.loads(body)
    except (ValueError, yaml.YAMLError) as error:
        raise bad_request(f"{unreadable}: {_why(body, error)}") from error
    raise unsupported_media_type((JSON, YAML))


def _why(body: bytes, error: Exception) -> str:
    """Why a body cannot be read; of one that is cut off as the real server says it."""
    cut_off = isinstance(error, json.JSONDecodeError) and error.pos >= len(body.decode(errors="replace").rstrip())
    return "unexpected end of JSON input" if cut_off else str(error)


def parse_object(body: bytes, content_type: str, resource: Resource, *, strict: bool = False) -> Decoded:
    """The body as an object of the resource in its stored version, without fields that its type does not have.

    Raises:
        ApiError: 400 when it is no object, one of another kind, has a value of another type than its field, or, where
            that is `strict`, a field that there is not; 415 for an unknown format.
    """
    document = parse_document(body, content_type, f"{_UNRECOGNIZED % resource.kind}: {UNREADABLE}")
    obj = _of_kind(document, resource)
    unreadable = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}'
    try:
        decoded = decode(obj, type_of(resource))
    except WrongValue as error:
        raise bad_request(f"{unreadable}: {error}") from error
    if strict and decoded.unknown:
        raise bad_request(f"{unreadable}: {strictly(decoded.unknown)}")
    return replace(decoded, obj=to_core(decoded.obj)) if resource.group == EVENTS_GROUP else decoded


def parse_applied(body: bytes, resource: Resource, where: str) -> JsonObject:
    """The body as a configuration to apply to the object `where`, which is `namespace/name`.

    Raises:
        ApiError: 400 when it is no object or one of another kind; 500 for a field that there is not or another type.
    """
    document = parse_document(body, YAML, "error decoding YAML: error converting YAML to JSON")
    if not isinstance(document, dict) or not (document.get("kind") and document.get("apiVersion")):
        raise bad_request("invalid object type: /, Kind=")
    kind = f"{resource.group}/{resource.version}, Kind={resource.kind}"
    try:
        decoded = decode(_of_kind(document, resource), type_of(resource))
    except WrongValue as error:
        raise failure(500, "", f"failed to create typed patch object ({where}; {kind}): {error.applied}") from error
    if decoded.unknown:
        why = f".{min(decoded.unknown)}: field not declared in schema"
        raise failure(500, "", f"failed to create typed patch object ({where}; {kind}): {why}")
    return to_core(decoded.obj) if resource.group == EVENTS_GROUP else decoded.obj


def strictly(unknown: Sequence[str]) -> str:
    """Why an object with these fields is refused where that is asked for."""
    return f"strict decoding error: {', '.join(f'unknown field {json.dumps(place)}' for place in unknown)}"


def _of_kind(document: object, resource: Resource) -> JsonObject:
    if not isinstance(document, dict):
        raise bad_request(f"{_UNRECOGNIZED % resource.kind}: not an object")
    kind, short = document.get("kind") or resource.kind, str(document.get("apiVersion", "")).rpartition("/")[2]
    why = not_of_kind(document, resource)
    if resource.custom and kind != resource.kind:
        name = str(dig(document, "metadata", "name") or "")
        raise invalid_kind(resource.group, kind, name, [invalid_field("kind", kind, f"must be {resource.kind}")])
    if why:
        raise bad_request(
            f'{kind} in version "{short or resource.version}" cannot be handled as a {resource.kind}: {why}'
        )
    metadata = document.get("metadata")
    settled = {"kind": resource.kind, "apiVersion": resource.api_version}
    return {**document, **settled, "metadata": {} if metadata is None else metadata}


def not_of_kind(document: JsonObject, resource: Resource) -> str:
    """Why a document is none of the resource's, empty where it is or does not say."""
    kind, version = document.get("kind") or resource.kind, document.get("apiVersion") or resource.api_version
    if kind != resource.kind:
        return f"converting ({str(version).rpartition('/')[2]}.{kind}) to ({_internal(resource)}): unknown conversion"
    if version != resource.api_version:
        return f'no kind "{kind}" is registered for version "{version}" in scheme "pkg/runtime/scheme.go:111"'
    return ""


def _internal(resource: Resource) -> str:
    """The type's name inside the server."""
    return f"{resource.group.split('.')[0] or 'core'}.{resource.kind}"
