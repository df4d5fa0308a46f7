"""The rules of names, labels and annotations, in the words of k8s.io/apimachinery/pkg/util/validation."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sentinel_fleet.kube.jsontypes import JsonObject
from sentinel_fleet.kube.status import FieldError, invalid_field

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SEGMENT = re.compile(r"(?!\.\.?$)[^/%]+")
_SEGMENT_RULE = "may not be '.' or '..' and may not contain '/' or '%'"
_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_ANNOTATIONS_LIMIT = 256 * 1024
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
        errors += qualified_name_errors("metadata.labels", key)
        errors += label_value_errors("metadata.labels", value)
    return errors


def _annotation_errors(annotations: Mapping[str, object]) -> list[FieldError]:
    errors = []
    for key in annotations:
        errors += qualified_name_errors("metadata.annotations", key.lower())
    if sum(len(str(key)) + len(str(value)) for key, value in annotations.items()) > _ANNOTATIONS_LIMIT:
        detail = f"may not be more than {_ANNOTATIONS_LIMIT} bytes"
        errors.append(FieldError("FieldValueTooLong", "metadata.annotations", None, detail))
    return errors


def label_value_errors(field: str, value: object) -> list[FieldError]:
    """What is wrong with the value of a label, or of a taint."""
    text = str(value)
    if text and not _NAME.fullmatch(text):
        return [invalid_field(field, text, _VALUE_RULE)]
    return [invalid_field(field, text, "must be no more than 63 bytes")] if len(text) > 63 else []


def qualified_name_errors(field: str, key: str) -> list[FieldError]:
    """What is wrong with a key: a name, with or without a domain before a slash."""
    prefix, slash, name = key.rpartition("/")
    errors = []
    if slash and not (_SUBDOMAIN.fullmatch(prefix) and len(prefix) <= 253):
        errors.append(invalid_field(field, key, f"prefix part {_SUBDOMAIN_RULE}"))
    if not name:
        errors.append(invalid_field(field, key, "name part must be non-empty"))
    if not _NAME.fullmatch(name):
        errors.append(invalid_field(field, key, _KEY_RULE))
    elif len(name) > 63:
        errors.append(invalid_field(field, key, "name part must be no more than 63 bytes"))
    return errors
