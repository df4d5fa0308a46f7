"""Just enough protobuf to read the self-reviews of kubectl (`kubectl auth can-i`), which it sends in no other format.

Wire format: the four bytes `k8s\\0`, then a runtime.Unknown whose field 2 is the object. Only strings and nested
messages occur in these kinds, so a message is read as {field number: last value} and named by the tables below.
"""

from __future__ import annotations

from sentinel_fleet.kube.jsontypes import JsonObject
from sentinel_fleet.kube.status import bad_request

CONTENT_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\0"
_RAW, _SPEC = 2, 2
_LENGTH_DELIMITED = 2
_RESOURCE = {1: "namespace", 2: "verb", 3: "group", 4: "version", 5: "resource", 6: "subresource", 7: "name"}
_PATH = {1: "path", 2: "verb"}


def parse_review(data: bytes, kind: str) -> JsonObject:
    """The spec of a self-review of this kind.

    Raises:
        ApiError: 400 when it cannot be read.
    """
    if not data.startswith(_MAGIC):
        raise bad_request("provided data does not appear to be a protobuf message, expected prefix k8s\\x00")
    try:
        spec = _message(_message(_message(data[len(_MAGIC) :]).get(_RAW, b"")).get(_SPEC, b""))
        if kind == "SelfSubjectRulesReview":
            return {"namespace": spec.get(1, b"").decode()}
        shown: JsonObject = {}
        for number, name, fields in ((1, "resourceAttributes", _RESOURCE), (2, "nonResourceAttributes", _PATH)):
            if number in spec:
                found = _message(spec[number])
                shown[name] = {fields[key]: value.decode() for key, value in found.items() if key in fields}
    except (IndexError, ValueError) as error:
        raise bad_request(f"unable to decode protobuf: {error}") from error
    return shown


def _message(data: bytes) -> dict[int, bytes]:
    """The length-delimited fields of a message."""
    fields: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 != _LENGTH_DELIMITED:
            raise ValueError(f"unexpected wire type {tag & 7}")
        length, at = _varint(data, at)
        if at + length > len(data):
            raise ValueError("unexpected end of message")
        fields[tag >> 3] = data[at : at + length]
        at += length
    return fields


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
