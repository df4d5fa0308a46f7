"""Create and update: from a request to a stored object, through the checks a real server makes. Patches end here too.

Order of an update: find the live object, compute the wanted one, hold it against the preconditions, keep what the
client may not change, validate, count the generation, record ownership, store. `dryRun=All` stops before the last.
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, replace

from sentinel_fleet.kube.bodies import parse_object
from sentinel_fleet.kube.body import Body
from sentinel_fleet.kube.context import Caller, Context
from sentinel_fleet.kube.jsontypes import JsonObject, dig
from sentinel_fleet.kube.managed import Writer, after_update, apply
from sentinel_fleet.kube.paths import ResourcePath
from sentinel_fleet.kube.record import Record
from sentinel_fleet.kube.resources import STORED, Resource
from sentinel_fleet.kube.status import (
    FieldError,
    already_exists,
    bad_request,
    conflict,
    failure,
    invalid,
    invalid_field,
    not_found,
)
from sentinel_fleet.kube.unset import with_unset
from sentinel_fleet.kube.validate import object_errors

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_STALE = "the object has been modified; please apply your changes to the latest version and try again"
_IDENTITY = ("name", "namespace", "uid", "creationTimestamp", "generation", "deletionTimestamp", "managedFields")


@dataclass(frozen=True, slots=True)
class Written:
    """What a write left behind."""

    record: Record
    created: bool = False
    unknown: tuple[str, ...] = ()
    """The places of fields that were sent and that the object's type does not have."""


def create(context: Context, path: ResourcePath, body: Body, caller: Caller) -> Written:
    """POST of a new object.

    Raises:
        ApiError: 400, 404, 409 or 422, as the real server refuses.
    """
    sent = parse_object(body.data, body.content_type, path.resource, strict=body.strict)
    made = store_new(context, path, body, sent.obj, writer_of(path, body, caller))
    return replace(made, unknown=sent.unknown)


def store_new(context: Context, path: ResourcePath, body: Body, obj: JsonObject, writer: Writer) -> Written:
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
    return Written(_stored(context, resource, with_unset(obj), body), created=True)


def writer_of(path: ResourcePath, body: Body, caller: Caller) -> Writer:
    """Who owns what a plain write changes."""
    manager = caller.manager(body.query.get("fieldManager", ""))
    return Writer(manager, "Update", STORED[path.resource.plural].api_version, path.subresource)


def _named(context: Context, path: ResourcePath, obj: JsonObject) -> JsonObject:
    """The object with its namespace and name settled."""
    resource, metadata = path.resource, dict(obj["metadata"])
    check_place(path, metadata)
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


def check_place(path: ResourcePath, metadata: JsonObject, *, named: bool = False) -> None:
    """Refuse an object that says it is elsewhere than where it was sent; `named` ones must say their name.

    Raises:
        ApiError: 400.
    """
    if named and not metadata.get("name"):
        where = f"{path.name} based on URL"
        raise bad_request(f"the name of the object ({where}) was undeterminable: name must be provided")
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
    sent = parse_object(body.data, body.content_type, path.resource, strict=body.strict)
    obj, live = sent.obj, live_object(context, path)
    check_place(path, obj["metadata"], named=True)
    _check_uid(path.resource, live, obj)
    if not obj["metadata"].get("resourceVersion") and not path.resource.unconditional_update:
        error = invalid_field("metadata.resourceVersion", 0, "must be specified for an update")
        raise invalid(path.resource, path.name, [error])
    written = replace_live(context, path, body, (live, obj), writer_of(path, body, caller))
    return replace(written, unknown=sent.unknown)


def live_object(context: Context, path: ResourcePath) -> JsonObject:
    """The object that a path names.

    Raises:
        ApiError: 404.
    """
    live = context.store.get(path.resource.plural, path.name, path.namespace)
    if live is None:
        raise not_found(path.resource, path.name)
    return live


def replace_live(
    context: Context, path: ResourcePath, body: Body, change: tuple[JsonObject, JsonObject], writer: Writer | None
) -> Written:
    """Take the live object to the wanted one; without a writer, ownership is already in it.

    Raises:
        ApiError: 409 for a stale resourceVersion, 422 for what breaks a rule.
    """
    live, wanted = with_unset(change[0]), with_unset(change[1])
    resource = path.resource
    _check_preconditions(resource, live, wanted)
    new = _endpoint_part(path, live, wanted)
    _validate(resource, new, live)
    new = _keeping_identity(live, new, own_fields=writer is None)
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


def _check_uid(resource: Resource, live: JsonObject, wanted: JsonObject) -> None:
    """A PUT may name the object it is for; a PATCH that changes the uid breaks a rule of validation instead."""
    uid, known = wanted["metadata"].get("uid"), live["metadata"]["uid"]
    if uid not in (None, "", known):
        name = live["metadata"]["name"]
        key = "/".join(part for part in (resource.stored_as, live["metadata"].get("namespace"), name) if part)
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {known}"
        error = f"StorageError: invalid object, Code: 4, Key: /registry/{key}, ResourceVersion: 0"
        raise conflict(resource, name, f"{error}, AdditionalErrorMsg: {why}")


def _check_preconditions(resource: Resource, live: JsonObject, wanted: JsonObject) -> None:
    metadata, known = wanted["metadata"], live["metadata"]
    if metadata.get("resourceVersion") not in (None, "", known["resourceVersion"]):
        raise conflict(resource, known["name"], _STALE)


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
