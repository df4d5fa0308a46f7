"""What an entry's data say, in the JSON of REST: enum names without prefix, counts as numbers, hashes in hex.

Exports have the same fields as protobuf's own JSON writes them, so that any program with the proto files reads them.
"""

from __future__ import annotations

import base64
from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from sentinel_gateway.ledger.export_data import described
from sentinel_gateway.rest.answers import Json

_LONG = frozenset(
    {
        FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_UINT64,
        FieldDescriptor.TYPE_SINT64,
        FieldDescriptor.TYPE_FIXED64,
        FieldDescriptor.TYPE_SFIXED64,
    }
)
"""Texts in protobuf's JSON."""
_FRACTIONS = frozenset({FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT})
_WELL_KNOWN = "google.protobuf."
"""Messages with a form of their own, such as times."""


def decoded(entry_type: int, data: bytes) -> dict[str, Json]:
    """`decoded` (message, value, and whether all of the data is in it), or None and `not_decoded`, which says why."""
    told = described(entry_type, data)
    found = told["decoded"]
    if found is None:
        return told
    kind = descriptor_pool.Default().FindMessageTypeByName(found["message"])
    return {**told, "decoded": {**found, "value": _message(kind, found["value"])}}


def _message(kind: Descriptor, fields: dict[str, Any]) -> Json:
    return {name: _field(kind.fields_by_name[name], value) for name, value in fields.items()}


def _field(field: FieldDescriptor, value: Any) -> Json:  # noqa: ANN401  whatever protobuf's JSON has
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        return {key: _one(kind.fields_by_name["value"], each) for key, each in value.items()}
    return [_one(field, each) for each in value] if isinstance(value, list) else _one(field, value)


def _one(field: FieldDescriptor, value: Any) -> Json:  # noqa: ANN401  whatever protobuf's JSON has
    if field.enum_type is not None:
        return _name(field.enum_type, value)
    if field.message_type is not None and not field.message_type.full_name.startswith(_WELL_KNOWN):
        return _message(field.message_type, value)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return base64.b64decode(value).hex()
    if field.type in _LONG:
        return int(value)
    if field.type in _FRACTIONS and isinstance(value, str):
        return None  # JSON has no infinities
    plain: Json = value
    return plain


def _name(enum: EnumDescriptor, value: str | int) -> str:
    """Without what all names of the enum begin with; a number this version does not know as text."""
    letters = (f"_{letter}" if letter.isupper() and place else letter for place, letter in enumerate(enum.name))
    return str(value).removeprefix("".join(letters).upper() + "_")
