"""What an object must satisfy to be accepted: names, labels, annotations, and the rules of Nodes, Pods and Events.

Not the whole of Kubernetes' validation: the rules a client of a GPU fleet can break by its own writes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sentinel_fleet.kube.events import EVENTS_GROUP, event_errors
from sentinel_fleet.kube.jsontypes import JsonObject, dig, objects
from sentinel_fleet.kube.resources import Resource
from sentinel_fleet.kube.status import FieldError, bad_request, invalid_field

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SEGMENT = re.compile(r"(?!\.\.?$)[^/%]+")
_SEGMENT_RULE = "may not be '.' or '..' and may not contain '/' or '%'"
_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_ANNOTATIONS_LIMIT = 256 * 1024
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_KEY_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_METADATA_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("name", "generateName", "namespace", "uid", "resourceVersion"), str),
    **dict.fromkeys(("labels", "annotations"), dict),
    **dict.fromkeys(("ownerReferences", "finalizers"), list),
}
_TYPE_NAMES: Mapping[type, str] = {str: "a string", dict: "an object", list: "a list"}
_UNREADABLE = "the object provided is unrecognized (must be of type Object)"
_SHARE = re.compile(r"[0-9]+%?")
_MUTABLE_POD_FIELDS = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")
_POD_RULE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def check_shape(obj: JsonObject) -> None:
    """Refuse an object whose main parts have the wrong JSON type, before anything reads them.

    Raises:
        ApiError: 400, as a decoder that knows the types would give.
    """
    _check_types(obj, "", {"kind": str, "apiVersion": str, "metadata": dict, "spec": dict, "status": dict})
    if "metadata" not in obj:
        raise bad_request(f"{_UNREADABLE}: metadata is missing")
    _check_types(obj["metadata"], "metadata.", _METADATA_TYPES)


def _check_types(part: JsonObject, where: str, types: Mapping[str, type]) -> None:
    for name, wanted in types.items():
        if not isinstance(part.get(name, wanted()), wanted):
            raise bad_request(f"{_UNREADABLE}: {where}{name}: expected {_TYPE_NAMES[wanted]}")


def object_errors(resource: Resource, obj: JsonObject, old: JsonObject | None) -> list[FieldError]:
    """Everything wrong with an object about to be stored; `old` is None for a create."""
    named_freely = resource.kind == "Event"
    errors = metadata_errors(obj["metadata"], segment_only=named_freely)
    if resource.kind == "Event":
        errors += event_errors(obj, new_api=resource.group == EVENTS_GROUP)
    elif resource.kind == "Node":
        errors += _node_errors(obj.get("spec") or {})
    elif resource.kind == "Pod":
        errors += _pod_errors(obj, old)
    elif resource.kind == "PodDisruptionBudget":
        errors += _budget_errors(obj.get("spec") or {})
    return errors


def _budget_errors(spec: JsonObject) -> list[FieldError]:
    if "minAvailable" in spec and "maxUnavailable" in spec:
        return [invalid_field("spec", spec, "minAvailable and maxUnavailable cannot be both set")]
    rule = "must be an integer or percentage (e.g '5%')"
    given = [(name, spec[name]) for name in ("minAvailable", "maxUnavailable") if name in spec]
    return [invalid_field(f"spec.{name}", v, rule) for name, v in given if not _SHARE.fullmatch(str(v))]


def metadata_errors(metadata: JsonObject, *, segment_only: bool = False) -> list[FieldError]:
    """What is wrong with names, labels and annotations.

    With `segment_only` a name is anything that can stand between two slashes of a path, as Events' are.
    """
    errors = []
    name = str(metadata.get("name", ""))
    if segment_only:
        errors += [] if _SEGMENT.fullmatch(name) else [invalid_field("metadata.name", name, _SEGMENT_RULE)]
    elif len(name) > 253 or not _SUBDOMAIN.fullmatch(name):
        errors.append(invalid_field("metadata.name", name, _SUBDOMAIN_RULE))
    errors += _label_errors(metadata.get("labels") or {})
    errors += _annotation_errors(metadata.get("annotations") or {})
    return errors


def _label_errors(labels: Mapping[str, object]) -> list[FieldError]:
    errors = []
    for key, value in labels.items():
        errors += _key_errors("metadata.labels", key)
        if not isinstance(value, str) or (value and not _NAME.fullmatch(value)):
            errors.append(invalid_field("metadata.labels", value, _VALUE_RULE))
        elif len(value) > 63:
            errors.append(invalid_field("metadata.labels", value, "must be no more than 63 bytes"))
    return errors


def _annotation_errors(annotations: Mapping[str, object]) -> list[FieldError]:
    errors = []
    for key, value in annotations.items():
        errors += _key_errors("metadata.annotations", key.lower())
        if not isinstance(value, str):
            errors.append(invalid_field("metadata.annotations", value, "must be a string"))
    if sum(len(str(key)) + len(str(value)) for key, value in annotations.items()) > _ANNOTATIONS_LIMIT:
        detail = f"may not be more than {_ANNOTATIONS_LIMIT} bytes"
        errors.append(FieldError("FieldValueTooLong", "metadata.annotations", None, detail))
    return errors


def _key_errors(field: str, key: str) -> list[FieldError]:
    prefix, slash, name = key.rpartition("/")
    errors = []
    if slash and not (_SUBDOMAIN.fullmatch(prefix) and len(prefix) <= 253):
        errors.append(invalid_field(field, key, f"prefix part {_SUBDOMAIN_RULE}"))
    if not _NAME.fullmatch(name):
        errors.append(invalid_field(field, key, _KEY_RULE))
    elif len(name) > 63:
        errors.append(invalid_field(field, key, "name part must be no more than 63 bytes"))
    return errors


def _node_errors(spec: JsonObject) -> list[FieldError]:
    errors = taint_errors(spec.get("taints"))
    if not isinstance(spec.get("unschedulable", False), bool):
        errors.append(invalid_field("spec.unschedulable", spec["unschedulable"], "must be true or false"))
    return errors


def taint_errors(taints: object) -> list[FieldError]:
    """What is wrong with a node's taints: effects missing or unknown, and one key and effect twice.

    The API server calls the field ``metadata.taints``.
    """
    errors = []
    seen = set()
    for at, taint in enumerate(objects(taints)):
        key, effect = str(taint.get("key", "")), taint.get("effect")
        errors += _key_errors(f"metadata.taints[{at}].key", key)
        if not effect:
            errors.append(FieldError("FieldValueRequired", f"metadata.taints[{at}].effect"))
        elif effect not in _EFFECTS:
            listed = ", ".join(f'"{name}"' for name in _EFFECTS)
            detail = f"supported values: {listed}"
            errors.append(FieldError("FieldValueNotSupported", f"metadata.taints[{at}].effect", effect, detail))
        if (key, effect) in seen:
            detail = "taints must be unique by key and effect pair"
            errors.append(FieldError("FieldValueDuplicate", f"metadata.taints[{at}]", taint, detail))
        seen.add((key, effect))
    return errors


def _pod_errors(pod: JsonObject, old: JsonObject | None) -> list[FieldError]:
    if not (dig(pod, "spec", "containers") or old):
        return [FieldError("FieldValueRequired", "spec.containers")]
    if old is not None and _fixed_spec(pod) != _fixed_spec(old):
        return [FieldError("FieldValueForbidden", "spec", None, _POD_RULE)]
    return []


def _fixed_spec(pod: JsonObject) -> JsonObject:
    """The part of a pod's spec that nobody may change once it exists."""
    spec = {key: value for key, value in (pod.get("spec") or {}).items() if key not in _MUTABLE_POD_FIELDS}
    for field in ("containers", "initContainers"):
        spec[field] = [{**container, "image": ""} for container in objects(spec.get(field))]
    return spec
