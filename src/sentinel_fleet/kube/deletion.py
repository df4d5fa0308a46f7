"""Deletion: preconditions, finalizers, grace periods of pods, and what happens to dependents."""

from __future__ import annotations

import re

from sentinel_fleet.kube.bodies import parse_document
from sentinel_fleet.kube.body import Body
from sentinel_fleet.kube.context import Context
from sentinel_fleet.kube.decoding import WrongValue, decode
from sentinel_fleet.kube.jsontypes import JsonObject, dig, objects
from sentinel_fleet.kube.listing import ListOptions, list_page
from sentinel_fleet.kube.paths import ResourcePath
from sentinel_fleet.kube.record import Key, Record
from sentinel_fleet.kube.resources import STORED, Resource
from sentinel_fleet.kube.selectors import Selector
from sentinel_fleet.kube.status import (
    FieldError,
    bad_request,
    invalid_kind,
    not_found,
    storage_conflict,
    success,
)
from sentinel_fleet.times import rfc3339

_DEFAULT_GRACE_S = 30
_POLICIES = ("Foreground", "Background", "Orphan")
_DEPENDENTS = ("pods", "replicasets", "jobs", "controllerrevisions", "pytorchjobs", "mpijobs", "workloads")


def delete(context: Context, path: ResourcePath, body: Body) -> Record | JsonObject:
    """DELETE of one object: the object where it is only marked, a Status where it is gone.

    Raises:
        ApiError: 404, or 409 when a precondition does not hold.
    """
    options = _options(body)
    record = context.store.record(path.resource.plural, path.name, path.namespace)
    if record is None:
        raise not_found(path.resource, path.name)
    check_preconditions(path.resource, record, options.get("preconditions") or {})
    dry = body.dry_run or "All" in (options.get("dryRun") or ())
    return delete_record(context, path.resource, record, options, dry=dry)


def _options(body: Body) -> JsonObject:
    options = parse_document(body.data, body.content_type) if body.data.strip() else {}
    if not isinstance(options, dict):
        raise bad_request("the body of a delete must be DeleteOptions")
    try:
        options = decode(options, "DeleteOptions").obj | _asked_in_query(body)
    except WrongValue as error:
        raise bad_request(str(error)) from error
    check_options(options)
    return options


def _asked_in_query(body: Body) -> JsonObject:
    asked: JsonObject = (
        {"propagationPolicy": body.query["propagationPolicy"]} if "propagationPolicy" in body.query else {}
    )
    grace_s = body.query.get("gracePeriodSeconds", "0")
    if not re.fullmatch(r"-?[0-9]+", grace_s):
        raise bad_request(f'strconv.ParseInt: parsing "{grace_s}": invalid syntax')
    return asked | ({"gracePeriodSeconds": int(grace_s)} if "gracePeriodSeconds" in body.query else {})


def check_options(options: JsonObject) -> None:
    """Refuse delete options that ask for what there is not.

    Raises:
        ApiError: 422.
    """
    policy = options.get("propagationPolicy", "Background")
    if policy not in _POLICIES:
        listed = ", ".join(f'"{known}"' for known in (*_POLICIES, "nil"))
        error = FieldError("FieldValueNotSupported", "propagationPolicy", policy, f"supported values: {listed}")
        raise invalid_kind("meta.k8s.io", "DeleteOptions", "", [error])


def check_preconditions(resource: Resource, record: Record, wanted: JsonObject) -> None:
    """Refuse to touch another object than the one that is meant.

    Raises:
        ApiError: 409, in the storage's words, which name kinds and not resources.
    """
    metadata = record.obj["metadata"]
    for field, label, happened in (
        ("uid", "UID", "deleted and then recreated"),
        ("resourceVersion", "ResourceVersion", "modified"),
    ):
        if wanted.get(field) not in (None, "", metadata[field]):
            why = (
                f"the {label} in the precondition ({wanted[field]}) does not match the {label} in record "
                f"({metadata[field]}). The object might have been {happened}"
            )
            raise storage_conflict(resource, metadata["name"], why)


def delete_record(
    context: Context, resource: Resource, record: Record, options: JsonObject, *, dry: bool = False
) -> Record | JsonObject:
    """Delete what is stored: mark it and let it vanish, or remove it at once."""
    metadata = record.obj["metadata"]
    grace_s = _grace_s(resource, record.obj, options)
    details = {"name": metadata["name"], "group": resource.group, "kind": resource.plural, "uid": metadata["uid"]}
    done = success({key: value for key, value in details.items() if value})
    if dry:
        return record if grace_s else done
    if metadata.get("finalizers") or grace_s:
        marked = _mark(context, resource, record, grace_s)
        if grace_s:
            _let_vanish(context, resource, marked.key, min(grace_s, context.settings.pod_grace_s))
        return marked
    context.store.remove(record, resource)
    _settle_dependents(context, resource, record, options)
    return done


def _grace_s(resource: Resource, obj: JsonObject, options: JsonObject) -> int:
    """Seconds a pod may take to end; pods that never got to a node, or have ended, and other kinds take none."""
    if resource.kind != "Pod" or not dig(obj, "spec", "nodeName"):
        return 0
    if dig(obj, "status", "phase") in ("Succeeded", "Failed"):
        return 0
    wanted = options.get("gracePeriodSeconds")
    if wanted is None:
        wanted = dig(obj, "spec", "terminationGracePeriodSeconds")
    return _DEFAULT_GRACE_S if wanted is None else max(int(wanted), 0)


def _mark(context: Context, resource: Resource, record: Record, grace_s: int) -> Record:
    metadata = record.obj["metadata"]
    if metadata.get("deletionTimestamp") and metadata.get("deletionGracePeriodSeconds", 0) <= grace_s:
        return record
    marks = {"deletionTimestamp": rfc3339(context.clock() + grace_s), "deletionGracePeriodSeconds": grace_s}
    return context.store.commit(resource, {**record.obj, "metadata": {**metadata, **marks}})


def _let_vanish(context: Context, resource: Resource, key: Key, delay_s: float) -> None:
    uid = context.store.collection(resource.plural).records[key].obj["metadata"]["uid"]

    def vanish() -> None:
        record = context.store.collection(resource.plural).records.get(key)
        if record is None or record.obj["metadata"]["uid"] != uid:
            return
        if record.obj["metadata"].get("finalizers"):
            metadata = {**record.obj["metadata"], "deletionGracePeriodSeconds": 0}
            context.store.commit(resource, {**record.obj, "metadata": metadata})
        else:
            context.store.remove(record, resource)

    context.later(delay_s, vanish)


def _settle_dependents(context: Context, resource: Resource, owner: Record, options: JsonObject) -> None:
    """Delete what the object owned, or let it go with `Orphan`; a namespace takes its contents with it."""
    uid = owner.obj["metadata"]["uid"]
    orphan = options.get("propagationPolicy") == "Orphan"
    for plural in STORED if resource.kind == "Namespace" else _DEPENDENTS:
        for record in list(context.store.collection(plural).records.values()):
            if resource.kind == "Namespace":
                if record.key[0] == owner.key[1]:
                    delete_record(context, STORED[plural], record, {"gracePeriodSeconds": 0})
            elif _owned_by(record.obj, uid):
                _settle(context, STORED[plural], record, uid, orphan=orphan)


def _owned_by(obj: JsonObject, uid: str) -> bool:
    return any(ref.get("uid") == uid for ref in obj["metadata"].get("ownerReferences") or ())


def _settle(context: Context, resource: Resource, record: Record, uid: str, *, orphan: bool) -> None:
    metadata = record.obj["metadata"]
    left = [ref for ref in objects(metadata.get("ownerReferences")) if ref.get("uid") != uid]
    if left or orphan:
        context.store.commit(resource, {**record.obj, "metadata": {**metadata, "ownerReferences": left}})
    else:
        delete_record(context, resource, record, {})


def delete_collection(context: Context, path: ResourcePath, body: Body, selector: Selector) -> list[Record]:
    """DELETE of everything a selector matches; what was there before is returned."""
    options = _options(body)
    collection = context.store.collection(path.resource.plural)
    page = list_page(collection, selector, ListOptions(), context.store.resource_version)
    if not body.dry_run:
        for record in page.records:
            delete_record(context, path.resource, record, options)
    return page.records
