"""Events have two faces on one storage: core/v1 and events.k8s.io/v1. They are stored as core/v1.

Both APIs print unset times as null (`eventTime: null`), which strict client models stumble over; so do we.
"""

from __future__ import annotations

from sentinel_fleet.kube.jsontypes import JsonObject, dig
from sentinel_fleet.kube.names import qualified_name_errors
from sentinel_fleet.kube.status import FieldError, invalid_field

EVENTS_GROUP = "events.k8s.io"
_NEW_NAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "reportingComponent": "reportingController",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
}
_CORE_NAMES = {new: core for core, new in _NEW_NAMES.items()}
_ALWAYS_PRINTED: JsonObject = {
    "eventTime": None,
    "firstTimestamp": None,
    "lastTimestamp": None,
    "reportingComponent": "",
    "reportingInstance": "",
    "source": {},
}
_NAME_LIMIT, _NOTE_LIMIT = 128, 1024


def to_events_api(event: JsonObject) -> JsonObject:
    """A stored event as events.k8s.io/v1 shows it."""
    shown = {_NEW_NAMES.get(key, key): value for key, value in event.items()}
    return {**shown, "apiVersion": f"{EVENTS_GROUP}/v1", "eventTime": event.get("eventTime")}


def to_core(event: JsonObject) -> JsonObject:
    """An events.k8s.io/v1 event as it is stored."""
    return {_CORE_NAMES.get(key, key): value for key, value in event.items()} | {"apiVersion": "v1"}


def with_printed_defaults(event: JsonObject) -> JsonObject:
    """The event with the fields the API prints even when they are unset."""
    return {**_ALWAYS_PRINTED, **event}


def event_errors(event: JsonObject, *, new_api: bool) -> list[FieldError]:
    """What is wrong with a stored-form event, by the rules of the API it came through."""
    errors = (
        _modern_errors(event, new_api=new_api) if event.get("eventTime") else _namespace_errors(event, ("default",))
    )
    return errors + _strict_errors(event) if new_api else errors


def _namespace_errors(event: JsonObject, homes: tuple[str, ...]) -> list[FieldError]:
    """An event lives in the namespace of its object; one about a cluster-scoped object in one of `homes`."""
    own = event["metadata"].get("namespace", "")
    of_object = dig(event, "involvedObject", "namespace") or ""
    if (own in homes) if not of_object else (own == of_object):
        return []
    return [invalid_field("involvedObject.namespace", of_object, "does not match event.namespace")]


def _modern_errors(event: JsonObject, *, new_api: bool) -> list[FieldError]:
    of_object = dig(event, "involvedObject", "namespace")
    errors = [] if of_object else _namespace_errors(event, ("default", "kube-system"))
    controller = "reportingController" if new_api else "reportingComponent"
    for field, key, limit in (
        (controller, "reportingComponent", None),
        ("reportingInstance", "reportingInstance", _NAME_LIMIT),
        ("action", "action", _NAME_LIMIT),
        ("reason", "reason", _NAME_LIMIT),
    ):
        text = str(event.get(key) or "")
        if not text:
            errors.append(FieldError("FieldValueRequired", field))
            errors += qualified_name_errors(field, "") if key == "reportingComponent" else []
        elif limit and len(text) > limit:
            errors.append(invalid_field(field, "", f"can have at most {limit} characters"))
    if len(str(event.get("message") or "")) > _NOTE_LIMIT:
        errors.append(invalid_field("message", "", f"can have at most {_NOTE_LIMIT} characters"))
    return errors


def _strict_errors(event: JsonObject) -> list[FieldError]:
    errors = []
    if not event.get("eventTime"):
        errors.append(FieldError("FieldValueRequired", "eventTime"))
    if event.get("type") not in ("Normal", "Warning"):
        errors.append(invalid_field("type", "", f"has invalid value: {event.get('type', '')}"))
    unset = ("firstTimestamp", "lastTimestamp", "count", "source")
    return errors + [invalid_field(field, "", "needs to be unset") for field in unset if event.get(field)]
