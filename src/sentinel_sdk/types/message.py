"""What every model of the protocol shares: defaults for every field, and the two conversions.

A model names its protobuf message in `wire`; its fields carry the message's names, so one conversion, planned once per
class from the annotations, serves all of them. Fields the message does not have are the library's own and stay off the
wire. An absent submessage is None, never an empty object: ``if entry.gpu`` means what it says.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, ClassVar, Self

from google.protobuf.message import Message as Proto
from pydantic import BaseModel, ConfigDict

from sentinel_sdk.types.timestamps import from_timestamp, to_timestamp

# Values of fields whose types only the annotations know pass through here.
_Value = Any


class Message(BaseModel):
    """A message of the protocol as a value; unknown field names are errors."""

    model_config = ConfigDict(
        extra="forbid",
        validate_assignment=True,
        ser_json_bytes="base64",
        val_json_bytes="base64",
        ser_json_inf_nan="constants",
    )
    wire: ClassVar[type[Proto]] = Proto
    _fields: ClassVar[tuple[_Field, ...]] = ()

    @classmethod
    def __pydantic_init_subclass__(cls, **_kwargs: object) -> None:
        on_wire = cls.wire.DESCRIPTOR.fields_by_name if cls.wire is not Proto else {}
        cls._fields = tuple(_field(name, info.annotation) for name, info in cls.model_fields.items() if name in on_wire)

    @classmethod
    def from_proto(cls, message: Proto) -> Self:
        """The model of `message`, which must be of the class `wire`.

        Raises:
            OverflowError: it holds a time outside the years 1 to 9999.
        """
        return cls(**{field.name: field.read(message) for field in cls._fields})

    def to_proto(self) -> _Value:
        """A message of the class `wire`; typed loosely because every model has a class of its own."""
        message = self.wire()
        for field in self._fields:
            value = getattr(self, field.name)
            if value is not None:
                field.write(message, value)
        return message


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    read: Callable[[Proto], _Value]
    write: Callable[[Proto, _Value], None]


def _field(name: str, annotation: _Value) -> _Field:
    origin: object = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is list:
        return _repeated(name, _bare(arguments[0]))
    if origin is dict:
        return _Field(name, lambda message: dict(getattr(message, name)), _update(name))
    bare = _bare(annotation)
    if issubclass(bare, datetime):
        return _Field(name, lambda m: from_timestamp(getattr(m, name)), lambda m, v: _copy(m, name, to_timestamp(v)))
    if issubclass(bare, Message):
        return _Field(name, _submessage(name, bare), lambda m, v: _copy(m, name, v.to_proto()))
    if issubclass(bare, IntEnum):
        return _Field(name, lambda m: bare(getattr(m, name)), lambda m, v: setattr(m, name, int(v)))
    return _Field(name, lambda m: getattr(m, name), lambda m, v: setattr(m, name, v))


def _repeated(name: str, item: type) -> _Field:
    if issubclass(item, Message):
        return _Field(
            name,
            lambda message: [item.from_proto(one) for one in getattr(message, name)],
            lambda message, value: getattr(message, name).extend(one.to_proto() for one in value),
        )
    if issubclass(item, IntEnum):
        return _Field(
            name,
            lambda message: [item(one) for one in getattr(message, name)],
            lambda message, value: getattr(message, name).extend(int(one) for one in value),
        )
    return _Field(
        name, lambda message: list(getattr(message, name)), lambda message, value: getattr(message, name).extend(value)
    )


def _submessage(name: str, model: type[Message]) -> Callable[[Proto], _Value]:
    return lambda message: model.from_proto(getattr(message, name)) if message.HasField(name) else None


def _update(name: str) -> Callable[[Proto, _Value], None]:
    return lambda message, value: getattr(message, name).update(value)


def _copy(message: Proto, name: str, value: Proto) -> None:
    getattr(message, name).CopyFrom(value)


def _bare(annotation: _Value) -> type:
    """``X`` of ``X``, ``X | None`` and ``Annotated[X, ...]``."""
    origin: object = typing.get_origin(annotation)
    if origin is types.UnionType or origin is typing.Union:
        return _bare(next(part for part in typing.get_args(annotation) if part is not type(None)))
    if origin is typing.Annotated:
        return _bare(typing.get_args(annotation)[0])
    return typing.cast("type", annotation)
