"""Create, update and patch: from a request to a stored object, through the checks a real server makes.

Order of an update: find the live object, compute the wanted one, hold it against the preconditions, keep what the
client may not change, validate, count the generation, record ownership, store. `dryRun=All` stops before the last.
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sentinel_fleet.kube.bodies import parse_document, parse_object
from sentinel_fleet.kube.context import Caller, Context
from sentinel_fleet.kube.events import EVENTS_GROUP, to_core, to_events_api, with_printed_defaults
from sentinel_fleet.kube.jsontypes import JsonObject, dig
from sentinel_fleet.kube.listing import is_true
from sentinel_fleet.kube.managed import Writer, after_update, apply
from sentinel_fleet.kube.patch import BadPatch, PatchFailed, json_patch, merge_patch
from sentinel_fleet.kube.paths import ResourcePath
from sentinel_fleet.kube.record import Record
from sentinel_fleet.kube.resources import STORED, Resource
from sentinel_fleet.kube.schema import root_type
from sentinel_fleet.kube.status import (
    FieldError,
    already_exists,
    bad_request,
    conflict,
    failure,
    invalid,
    invalid_field,
    invalid_kind,
    not_found,
    unprocessable,
    unsupported_media_type,
)
from sentinel_fleet.kube.strategic import strategic_patch
from sentinel_fleet.kube.validate import check_shape, object_errors

APPLY = "application/apply-patch+yaml"
_JSON_PATCH = "application/json-patch+json"
_MERGE = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"
_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_STALE = "the object has been modified; please apply your changes to the latest version and try again"
_IDENTITY = ("name", "namespace", "uid", "creationTimestamp", "generation", "deletionTimestamp", "managedFields")


@dataclass(frozen=True, slots=True)
class Body:
    """What a mutating request carries."""

    data: bytes
    content_type: str
    query: Mapping[str, str]

    @property
    def dry_run(self) -> bool:
        """Whether nothing is to be stored."""
        return self.query.get("dryRun") == "All"

    def check(self) -> None:
        """Refuse option values the API does not know.

        Raises:
            ApiError: 422 for an unknown dryRun.
        """
        value = self.query.get("dryRun", "All")
        if value != "All":
            error = FieldError("FieldValueNotSupported", "dryRun", value, 'supported values: "All"')
            raise invalid_kind("meta.k8s.io", "CreateOptions", "", [error])


@dataclass(frozen=True, slots=True)
class Written:
    """What a write left behind."""

    record: Record
    created: bool = False


def create(context: Context, path: ResourcePath, body: Body, caller: Caller) -> Written:
    """POST of a new object.

    Raises:
        ApiError: 400, 404, 409 or 422, as the real server refuses.
    """
    obj = parse_object(body.data, body.content_type, path.resource)
    return _create(context, path, body, obj, _writer(path, body, caller))


def _create(context: Context, path: ResourcePath, body: Body, obj: JsonObject, writer: Writer) -> Written:
    resource, store = path.resource, context.store
    obj = _named(context, path, obj)
    name = obj["metadata"]["name"]
    if store.record(resource.plural, name, path.namespace):
        raise already_exists(resource, name)
    obj = _prepared(context, resource, obj)
    _validate(resource, obj, None)
    if writer.operation == "Apply":
        obj = apply(None, obj, writer, store.now(), force=False)
    else:
        obj = after_update(None, obj, writer, store.now())
    if resource.kind == "Event":
        obj = with_printed_defaults(obj)
    return Written(_stored(context, resource, obj, body), created=True)


def _writer(path: ResourcePath, body: Body, caller: Caller) -> Writer:
    manager = caller.manager(body.query.get("fieldManager", ""))
    return Writer(manager, "Update", STORED[path.resource.plural].api_version, path.subresource)


def _named(context: Context, path: ResourcePath, obj: JsonObject) -> JsonObject:
    """The object with its namespace and name settled."""
    resource, metadata = path.resource, dict(obj["metadata"])
    _check_place(path, metadata)
    if metadata.get("resourceVersion"):
        raise failure(500, "", "resourceVersion should not be set on objects to be created")
    if path.namespace:
        metadata["namespace"] = path.namespace
        if context.store.get("namespaces", path.namespace) is None:
            raise failure(
                404,
                "NotFound",
                f'namespaces "{path.namespace}" not found',
                {"name": path.namespace, "kind": "namespaces"},
            )
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = metadata["generateName"] + "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(5))
    if not metadata.get("name"):
        error = FieldError("FieldValueRequired", "metadata.name", None, "name or generateName is required")
        raise invalid(resource, "", [error])
    return {**obj, "metadata": metadata}


def _check_place(path: ResourcePath, metadata: JsonObject) -> None:
    if path.name and metadata.get("name") not in (None, "", path.name):
        raise bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL ({path.name})"
        )
    if metadata.get("namespace") not in (None, "", path.namespace):
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")


def _prepared(context: Context, resource: Resource, obj: JsonObject) -> JsonObject:
    """The object as a create stores it: system metadata set, status reset where it has an endpoint of its own."""
    metadata = {k: v for k, v in obj["metadata"].items() if k not in ("managedFields", "selfLink", "deletionTimestamp")}
    metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": context.store.now()}
    if resource.generation:
        metadata["generation"] = 1
    prepared = {**obj, "metadata": metadata}
    if resource.status:
        prepared.pop("status", None)
    if resource.kind == "Pod":
        prepared["spec"] = {"restartPolicy": "Always", "terminationGracePeriodSeconds": 30} | (obj.get("spec") or {})
        prepared["status"] = {"phase": "Pending", "qosClass": "BestEffort"}
    if resource.kind == "Namespace":
        prepared |= {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
    return prepared


def _validate(resource: Resource, obj: JsonObject, old: JsonObject | None) -> None:
    errors = object_errors(resource, obj, old)
    if errors:
        raise invalid(resource, obj["metadata"].get("name", ""), errors)


def _stored(context: Context, resource: Resource, obj: JsonObject, body: Body) -> Record:
    if not body.dry_run:
        return context.store.commit(resource, obj)
    metadata = obj["metadata"]
    return Record((metadata.get("namespace", ""), metadata["name"]), obj, 0)


def update(context: Context, path: ResourcePath, body: Body, caller: Caller) -> Written:
    """PUT of an object or its status.

    Raises:
        ApiError: 404, 409 for a stale resourceVersion or another uid, 422.
    """
    obj = parse_object(body.data, body.content_type, path.resource)
    live = _live(context, path)
    _check_place(path, obj["metadata"])
    if not obj["metadata"].get("resourceVersion") and not path.resource.unconditional_update:
        error = invalid_field("metadata.resourceVersion", 0, "must be specified for an update")
        raise invalid(path.resource, path.name, [error])
    return _replace(context, path, body, (live, obj), _writer(path, body, caller))


def _live(context: Context, path: ResourcePath) -> JsonObject:
    live = context.store.get(path.resource.plural, path.name, path.namespace)
    if live is None:
        raise not_found(path.resource, path.name)
    return live


def patch(context: Context, path: ResourcePath, body: Body, caller: Caller) -> Written:
    """PATCH of an object or its status, by the four patch types.

    Raises:
        ApiError: as `update`; 415 for an unknown patch type; 409 with the owners for a conflicting apply.
    """
    if body.content_type == APPLY:
        return _apply(context, path, body)
    live = _live(context, path)
    shown = to_events_api(live) if path.resource.group == EVENTS_GROUP else live
    wanted = _patched(path.resource, shown, body)
    if path.resource.group == EVENTS_GROUP:
        wanted = to_core(wanted)
    return _replace(context, path, body, (live, wanted), _writer(path, body, caller))


def _patched(resource: Resource, live: JsonObject, body: Body) -> JsonObject:
    kinds = [_JSON_PATCH, _MERGE, APPLY] if resource.custom else [_JSON_PATCH, _MERGE, _STRATEGIC, APPLY]
    if body.content_type not in kinds:
        raise unsupported_media_type(kinds)
    document = parse_document(body.data, body.content_type)
    try:
        if body.content_type == _JSON_PATCH:
            return json_patch(live, document)
        if not isinstance(document, dict):
            raise BadPatch("json: cannot unmarshal into Go value of type map[string]interface {}")
        if body.content_type == _MERGE:
            merged: JsonObject = merge_patch(live, document)
            return merged
        return strategic_patch(live, document, root_type(resource.kind))
    except BadPatch as error:
        raise bad_request(f"error decoding patch: {error}") from error
    except PatchFailed as error:
        raise unprocessable() from error


def _apply(context: Context, path: ResourcePath, body: Body) -> Written:
    manager = body.query.get("fieldManager", "")
    if not manager:
        error = FieldError("FieldValueRequired", "fieldManager", None, "is required for apply patch")
        raise invalid_kind("meta.k8s.io", "PatchOptions", "", [error])
    config = parse_object(body.data, body.content_type, path.resource, applied=True)
    _check_place(path, config["metadata"])
    if config["metadata"].get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    config = {**config, "metadata": {"name": path.name, **config["metadata"]}}
    writer = Writer(manager, "Apply", STORED[path.resource.plural].api_version, path.subresource)
    live = context.store.get(path.resource.plural, path.name, path.namespace)
    if live is None:
        if path.subresource:
            raise not_found(path.resource, path.name)
        return _create(context, path, body, config, writer)
    scoped = _applied_part(config, path)
    merged = apply(live, scoped, writer, context.store.now(), force=is_true(body.query.get("force", "false")))
    return _replace(context, path, body, (live, merged), None)


def _applied_part(config: JsonObject, path: ResourcePath) -> JsonObject:
    """What of an applied configuration counts at this endpoint."""
    if path.subresource == "status":
        return {key: value for key, value in config.items() if key in ("apiVersion", "kind", "metadata", "status")}
    return {key: value for key, value in config.items() if key != "status" or not path.resource.status}


def _replace(
    context: Context, path: ResourcePath, body: Body, change: tuple[JsonObject, JsonObject], writer: Writer | None
) -> Written:
    """Take the live object to the wanted one; without a writer, ownership is already in it."""
    live, wanted = change
    resource = path.resource
    check_shape(wanted)
    _check_preconditions(resource, live, wanted)
    new = _keeping_identity(live, _endpoint_part(path, live, wanted), own_fields=writer is None)
    _validate(resource, new, live)
    if resource.generation and new.get("spec") != live.get("spec"):
        new["metadata"]["generation"] = (dig(live, "metadata", "generation") or 0) + 1
    if writer is not None:
        new = after_update(live, new, writer, context.store.now())
    record = _stored(context, resource, new, body)
    if not body.dry_run and _fully_deleted(new):
        context.store.remove(record, resource)
    return Written(record)


def _fully_deleted(obj: JsonObject) -> bool:
    metadata = obj["metadata"]
    waiting = metadata.get("deletionGracePeriodSeconds")
    return bool(metadata.get("deletionTimestamp")) and not waiting and not metadata.get("finalizers")


def _check_preconditions(resource: Resource, live: JsonObject, wanted: JsonObject) -> None:
    name, metadata, known = live["metadata"]["name"], wanted["metadata"], live["metadata"]
    if metadata.get("uid") not in (None, "", known["uid"]):
        why = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {known['uid']}"
        raise conflict(resource, name, why)
    if metadata.get("resourceVersion") not in (None, "", known["resourceVersion"]):
        raise conflict(resource, name, _STALE)
    for field in ("name", "namespace"):
        if metadata.get(field, known.get(field)) != known.get(field):
            raise invalid(resource, name, [invalid_field(f"metadata.{field}", metadata[field], "field is immutable")])
    for field in ("kind", "apiVersion"):
        if wanted.get(field) != live[field]:
            raise bad_request(f"the {field} of the object may not be changed: {json.dumps(wanted.get(field))}")


def _endpoint_part(path: ResourcePath, live: JsonObject, wanted: JsonObject) -> JsonObject:
    """The wanted object as far as this endpoint may change it."""
    if path.subresource == "status":
        changed = {key: value for key, value in live.items() if key != "status"}
        return changed | {"metadata": wanted["metadata"]} | ({"status": wanted["status"]} if "status" in wanted else {})
    if not path.resource.status:
        return wanted
    kept = {key: value for key, value in wanted.items() if key != "status"}
    return kept | ({"status": live["status"]} if "status" in live else {})


def _keeping_identity(live: JsonObject, wanted: JsonObject, *, own_fields: bool) -> JsonObject:
    fixed = [name for name in _IDENTITY if not (own_fields and name == "managedFields")]
    metadata = {key: value for key, value in wanted["metadata"].items() if key not in fixed}
    metadata |= {key: live["metadata"][key] for key in fixed if key in live["metadata"]}
    if own_fields:
        metadata["managedFields"] = wanted["metadata"].get("managedFields", [])
    return {**wanted, "metadata": metadata}
