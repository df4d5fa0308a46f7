"""What is in a ledger entry: its bytes read as the message its type calls for, in plain fields of bounded length.

Which message that is, the client library says. Whoever may record writes what he likes into `data`, so it is told only
where every byte of it is accounted for; anything else is told by its size and digest. Bytes become hex, times ISO-8601,
enumerations names.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from gcm_sentinel.domain.jsontypes import Json, JsonObject

if TYPE_CHECKING:
    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message

_Reflected = Any  # what a field holds: reflection has no narrower type
_TEXT_MAX = 300
_BYTES_MAX = 64
_ITEMS_MAX = 40
_DEEPEST = 6


def read(entry_type: int, data: bytes) -> tuple[str, JsonObject | None]:
    """Name and fields of the message in `data`; an empty name and None where it is none that is known."""
    from sentinel_sdk.ledger import content

    found = content.read(entry_type, data)
    if isinstance(found, content.Unread) or not found.complete:
        return "", None
    return str(found.message.DESCRIPTOR.name), _fields(found.message, _DEEPEST)


def _fields(message: Message, depth: int) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for field, value in message.ListFields():
        if depth == 0:
            return {"[deeper]": "not shown"}
        found[field.name] = _value(field, value, depth)
    return found


def _value(field: FieldDescriptor, value: _Reflected, depth: int) -> Json:
    if isinstance(value, Mapping):
        return {_text(str(key)): _one(field, item, depth) for key, item in _few(sorted(value.items()))}
    if field.is_repeated:
        items = [_one(field, item, depth) for item in _few(value)]
        return [*items, f"[{len(value) - len(items)} more]"] if len(value) > len(items) else items
    return _one(field, value, depth)


def _few(items: Iterable[_Reflected]) -> list[_Reflected]:
    return list(items)[:_ITEMS_MAX]


def _one(field: FieldDescriptor, value: _Reflected, depth: int) -> Json:
    if isinstance(value, bytes):
        return value[:_BYTES_MAX].hex() + (f"[{len(value)} bytes]" if len(value) > _BYTES_MAX else "")
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _enum_name(field, value)
    if value.DESCRIPTOR.full_name == "google.protobuf.Timestamp":
        return _text(str(value.ToJsonString()))
    return _fields(value, depth - 1)


def _enum_name(field: FieldDescriptor, number: int) -> Json:
    kinds = field.enum_type
    if kinds is None:
        return number
    named = kinds.values_by_number.get(number)
    return named.name if named else number


def _text(words: str) -> str:
    line = " ".join("".join(char if char.isprintable() else " " for char in words).split())
    return line if len(line) <= _TEXT_MAX else f"{line[:_TEXT_MAX]} [cut]"
