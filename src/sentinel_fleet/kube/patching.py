"""PATCH by the four patch types: what the object is to become, and the words in which each of them refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sentinel_fleet.kube.bodies import not_of_kind, parse_applied, parse_document, strictly
from sentinel_fleet.kube.body import APPLY, Body
from sentinel_fleet.kube.context import Caller, Context
from sentinel_fleet.kube.decoding import Decoded, WrongValue, decode, go_value
from sentinel_fleet.kube.events import EVENTS_GROUP, to_core, to_events_api
from sentinel_fleet.kube.jsontypes import JsonObject
from sentinel_fleet.kube.listing import is_true
from sentinel_fleet.kube.managed import Writer, apply
from sentinel_fleet.kube.object_types import type_of
from sentinel_fleet.kube.patch import BadDirective, BadPatch, PatchFailed, json_patch, merge_patch
from sentinel_fleet.kube.paths import ResourcePath
from sentinel_fleet.kube.record import to_json
from sentinel_fleet.kube.resources import STORED, Resource
from sentinel_fleet.kube.schema import root_type
from sentinel_fleet.kube.status import (
    ApiError,
    bad_request,
    failure,
    invalid_field,
    invalid_kind,
    not_found,
    unprocessable,
    unsupported_media_type,
    unsupported_patch,
)
from sentinel_fleet.kube.strategic import strategic_patch
from sentinel_fleet.kube.writes import Written, check_place, live_object, replace_live, store_new, writer_of

_JSON_PATCH = "application/json-patch+json"
_MERGE = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"


def patch(context: Context, path: ResourcePath, body: Body, caller: Caller) -> Written:
    """PATCH of an object or its status, by the four patch types.

    Raises:
        ApiError: as `writes.update`; 415 for an unknown patch type; 422 for what the patch would make of the object;
            409 with the owners for a conflicting apply.
    """
    if body.content_type == APPLY:
        return _apply(context, path, body)
    live = live_object(context, path)
    shown = to_events_api(live) if path.resource.group == EVENTS_GROUP else live
    wanted = _patched(path.resource, shown, body)
    check_place(path, wanted.obj["metadata"], named=True)
    obj = to_core(wanted.obj) if path.resource.group == EVENTS_GROUP else wanted.obj
    written = replace_live(context, path, body, (live, obj), writer_of(path, body, caller))
    return replace(written, unknown=wanted.unknown)


def _patched(resource: Resource, live: JsonObject, body: Body) -> Decoded:
    kinds = [_JSON_PATCH, _MERGE, APPLY] if resource.custom else [_JSON_PATCH, _MERGE, _STRATEGIC, APPLY]
    if body.content_type not in kinds:
        raise unsupported_media_type(kinds) if body.content_type == _STRATEGIC else unsupported_patch()
    document = parse_document(body.data, body.content_type, "error decoding patch")
    try:
        patched = _laid_over(resource, live, document, body.content_type)
    except BadDirective as error:
        raise failure(500, "", str(error)) from error
    except BadPatch as error:
        raise bad_request(f"error decoding patch: {error}") from error
    except PatchFailed as error:
        raise unprocessable() from error
    strange = not_of_kind(patched, resource)
    if strange:
        raise _impossible(body, document, patched, strange)
    try:
        decoded = decode(patched, type_of(resource))
    except WrongValue as error:
        why = error.converted if body.content_type == _STRATEGIC else str(error)
        raise _impossible(body, document, patched, why) from error
    if body.strict and decoded.unknown:
        raise _impossible(body, document, patched, strictly(sorted(decoded.unknown)))
    return replace(decoded, obj={"metadata": {}, **decoded.obj}, unknown=tuple(sorted(decoded.unknown)))


def _laid_over(resource: Resource, live: JsonObject, document: Any, kind: str) -> JsonObject:  # noqa: ANN401 - any JSON value
    if kind == _JSON_PATCH:
        return json_patch(live, document)
    if not isinstance(document, dict):
        raise BadPatch("json: cannot unmarshal array into Go value of type map[string]interface {}")
    if kind == _MERGE:
        merged: JsonObject = merge_patch(live, document)
        return merged
    return strategic_patch(live, document, root_type(resource.kind))


def _impossible(body: Body, document: object, patched: JsonObject, why: str) -> ApiError:
    """What the patch makes of the object is none of its kind; the server prints what it was reading."""
    value = go_value(document) if body.content_type == _STRATEGIC else to_json(patched).decode()
    return invalid_kind("", "", "", [invalid_field("patch", value, why)])


def _apply(context: Context, path: ResourcePath, body: Body) -> Written:
    where = f"{path.namespace}/{path.name}"
    config = parse_applied(body.data, path.resource, where)
    check_place(path, config["metadata"])
    if config["metadata"].get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    config = {**config, "metadata": {"name": path.name, **config["metadata"]}}
    manager = body.query.get("fieldManager", "")
    writer = Writer(manager, "Apply", STORED[path.resource.plural].api_version, path.subresource)
    live = context.store.get(path.resource.plural, path.name, path.namespace)
    if live is None:
        if path.subresource:
            raise not_found(path.resource, path.name)
        return store_new(context, path, body, config, writer)
    scoped = _applied_part(config, path)
    merged = apply(live, scoped, writer, context.store.now(), force=is_true(body.query.get("force", "false")))
    return replace_live(context, path, body, (live, merged), None)


def _applied_part(config: JsonObject, path: ResourcePath) -> JsonObject:
    """What of an applied configuration counts at this endpoint."""
    if path.subresource == "status":
        return {key: value for key, value in config.items() if key in ("apiVersion", "kind", "metadata", "status")}
    return {key: value for key, value in config.items() if key != "status" or not path.resource.status}
