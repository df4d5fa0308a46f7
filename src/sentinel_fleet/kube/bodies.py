"""Request bodies: JSON or YAML in, an object of the right kind out."""

from __future__ import annotations

import json
from typing import Any

import yaml

from sentinel_fleet.kube.events import EVENTS_GROUP, to_core
from sentinel_fleet.kube.jsontypes import JsonObject
from sentinel_fleet.kube.resources import Resource
from sentinel_fleet.kube.status import bad_request, unsupported_media_type
from sentinel_fleet.kube.validate import check_shape

JSON, YAML = "application/json", "application/yaml"


def parse_document(body: bytes, content_type: str) -> Any:  # noqa: ANN401 - whatever the client sent
    """The body's value.

    Raises:
        ApiError: 400 when it cannot be read, 415 when the format is not understood (protobuf, CBOR).
    """
    try:
        if content_type.endswith("yaml"):
            return yaml.safe_load(body)
        if content_type in (JSON, "") or content_type.endswith("+json"):
            return json.loads(body)
    except (ValueError, yaml.YAMLError) as error:
        raise bad_request(f"the object provided is unrecognized (must be of type Object): {error}") from error
    raise unsupported_media_type((JSON, YAML))


def parse_object(body: bytes, content_type: str, resource: Resource, *, applied: bool = False) -> JsonObject:
    """The body as an object of the resource, nulls dropped, in its stored version.

    Raises:
        ApiError: 400 when it is no object or one of another kind, 415 for an unknown format.
    """
    document = without_nulls(parse_document(body, YAML if applied else content_type))
    if not isinstance(document, dict):
        raise bad_request("the object provided is unrecognized (must be of type Object): not an object")
    kind, version = document.get("kind"), document.get("apiVersion")
    obj: JsonObject = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": {}, **document}
    check_shape(obj)
    if applied and not (kind and version):
        raise bad_request("invalid object type: /, Kind=")
    if version and version != resource.api_version:
        expected = f"the expected API version ({resource.api_version})"
        raise bad_request(f"the API version in the data ({version}) does not match {expected}")
    if kind and kind != resource.kind:
        raise bad_request(f'{kind} in version "{version}" cannot be handled as a {resource.kind}')
    return to_core(obj) if resource.group == EVENTS_GROUP else obj


def without_nulls(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The value without fields that are null, which the API treats as absent."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value
