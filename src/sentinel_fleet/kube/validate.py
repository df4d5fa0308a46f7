"""What an object must satisfy to be accepted: the rules of Nodes, Pods, budgets and, from `names` and `events`, more.

Not the whole of Kubernetes' validation: the rules a client of a GPU fleet can break by its own writes.
"""

from __future__ import annotations

import re

from sentinel_fleet.kube.events import EVENTS_GROUP, event_errors
from sentinel_fleet.kube.jsontypes import JsonObject, dig, objects
from sentinel_fleet.kube.names import label_value_errors, metadata_errors, qualified_name_errors
from sentinel_fleet.kube.resources import Resource
from sentinel_fleet.kube.status import FieldError, invalid_field

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_SHARE = re.compile(r"[0-9]+%?")
_MUTABLE_POD_FIELDS = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")
_POD_RULE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def object_errors(resource: Resource, obj: JsonObject, old: JsonObject | None) -> list[FieldError]:
    """Everything wrong with an object about to be stored; `old` is None for a create."""
    named_freely = resource.kind == "Event"
    errors = metadata_errors(obj["metadata"], segment_only=named_freely)
    errors += [] if old is None else _identity_errors(obj["metadata"], old["metadata"])
    if resource.kind == "Event":
        errors += event_errors(obj, new_api=resource.group == EVENTS_GROUP)
    elif resource.kind == "Node":
        errors += taint_errors(dig(obj, "spec", "taints"))
    elif resource.kind == "Pod":
        errors += _pod_errors(obj, old)
    elif resource.kind == "PodDisruptionBudget":
        errors += _budget_errors(obj.get("spec") or {})
    return errors


def _identity_errors(metadata: JsonObject, old: JsonObject) -> list[FieldError]:
    uid = metadata.get("uid") or old["uid"]
    return [] if uid == old["uid"] else [invalid_field("metadata.uid", uid, "field is immutable")]


def _budget_errors(spec: JsonObject) -> list[FieldError]:
    if "minAvailable" in spec and "maxUnavailable" in spec:
        return [invalid_field("spec", spec, "minAvailable and maxUnavailable cannot be both set")]
    rule = "must be an integer or percentage (e.g '5%')"
    given = [(name, spec[name]) for name in ("minAvailable", "maxUnavailable") if name in spec]
    return [invalid_field(f"spec.{name}", v, rule) for name, v in given if not _SHARE.fullmatch(str(v))]


def taint_errors(taints: object) -> list[FieldError]:
    """What is wrong with a node's taints: effects missing or unknown, and one key and effect twice.

    The API server calls the field ``metadata.taints``.
    """
    errors = []
    seen = set()
    for at, taint in enumerate(objects(taints)):
        key, effect = str(taint.get("key", "")), taint.get("effect")
        errors += qualified_name_errors(f"metadata.taints[{at}].key", key)
        errors += label_value_errors(f"metadata.taints[{at}].value", taint.get("value", ""))
        if not effect:
            errors.append(FieldError("FieldValueRequired", f"metadata.taints[{at}].effect"))
        elif effect not in _EFFECTS:
            listed = ", ".join(f'"{name}"' for name in _EFFECTS)
            detail = f"supported values: {listed}"
            errors.append(FieldError("FieldValueNotSupported", f"metadata.taints[{at}].effect", effect, detail))
        if (key, effect) in seen:
            detail = "taints must be unique by key and effect pair"
            told = {"Key": key, "Value": taint.get("value", ""), "Effect": effect, "TimeAdded": taint.get("timeAdded")}
            errors.append(FieldError("FieldValueDuplicate", f"metadata.taints[{at}]", told, detail))
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
