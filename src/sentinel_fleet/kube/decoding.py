"""From JSON to an object of a known type: fields there are not are dropped and told, values of other types refused.

A server says a refusal in three ways, by what read the value: the JSON decoder (bodies, JSON and merge patches), the
converter behind strategic patches, and the schema of server-side apply. `WrongValue` knows all three.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sentinel_fleet.kube.instants import parse_instant
from sentinel_fleet.kube.jsontypes import JsonObject
from sentinel_fleet.kube.object_types import OPEN, object_types
from sentinel_fleet.times import rfc3339, rfc3339_micro

_KINDS = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}
_CONVERTED = {str: "string", bool: "bool", int: "int64", float: "float64", list: "slice", dict: "map"}
_EXPECTED = {"bool": "boolean", "int32": "numeric", "int64": "numeric"}
_QUANTITY_RULE = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
_QUANTITY = re.compile(_QUANTITY_RULE)
_SECONDS, _MICROS = "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05.000000Z07:00"
_MICRO = re.compile(r"\.\d{6}(Z|[-+]\d\d:\d\d)$")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in an object a value stands."""

    shown: str = ""
    """As people read it: `spec.taints[0].key`."""
    plain: str = ""
    """Without indexes and keys of maps, as the decoder names it."""
    struct: str = ""
    """The type that has the last field of it."""

    def field(self, name: str, struct: str) -> Place:
        """The place of a field of the value here."""
        dot = "." if self.shown else ""
        return Place(f"{self.shown}{dot}{name}", f"{self.plain}{dot}{name}", struct)

    def item(self, index: int) -> Place:
        """The place of an item of the list here."""
        return replace(self, shown=f"{self.shown}[{index}]")

    def entry(self, key: str) -> Place:
        """The place of an entry of the map here."""
        return replace(self, shown=f"{self.shown}.{key}")


class WrongValue(ValueError):
    """Raised when a value cannot be one of its type; the text is the decoder's."""

    def __init__(self, place: Place, type_: str, value: object, why: str = "") -> None:
        super().__init__(why or _decoder(place, type_, value))
        self.converted = why or _converter(type_, value)
        """In the words of the converter."""
        self.applied = f".{place.shown}: {why or f'expected {_expected(type_)}, got {_printed(value, type_)}'}"
        """In the words of the schema."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """An object as its type has it."""

    obj: JsonObject
    unknown: tuple[str, ...]
    """The places of fields that its type does not have, as people read them; they are not in the object."""


def decode(document: JsonObject, type_: str) -> Decoded:
    """The document as an object of the type; nulls count as absent, times and quantities come in their one spelling.

    Raises:
        WrongValue: a value is of another type than its field.
    """
    reader = _Reader()
    return Decoded(reader.struct(document, type_, Place()), tuple(reader.unknown))


@dataclass(slots=True)
class _Reader:
    unknown: list[str] = field(default_factory=list)

    def value(self, value: Any, type_: str, place: Place) -> Any:  # noqa: ANN401 - any JSON value
        if type_ == "any":
            return value
        if type_ in _SCALARS:
            return _SCALARS[type_](value, type_, place)
        if type_.startswith("[]"):
            return self._list(value, type_, place)
        if not isinstance(value, dict):
            raise WrongValue(place, type_, value)
        if type_.startswith("{}"):
            given = ((key, entry) for key, entry in value.items() if entry is not None)
            return {key: self.value(entry, type_[2:], place.entry(key)) for key, entry in given}
        return self.struct(value, type_, place)

    def _list(self, value: Any, type_: str, place: Place) -> Any:  # noqa: ANN401 - any JSON value
        if not isinstance(value, list):
            raise WrongValue(place, type_, value)
        return [self.value(item, type_[2:], place.item(at)) for at, item in enumerate(value)]

    def struct(self, value: JsonObject, type_: str, place: Place) -> JsonObject:
        fields = object_types()[type_]
        read: JsonObject = {}
        for name, given in value.items():
            if name not in fields and type_ != OPEN:
                self.unknown.append(place.field(name, type_).shown)
            elif given is not None:
                read[name] = self.value(given, fields.get(name, "any"), place.field(name, type_))
        return read


def _exactly(wanted: type) -> Callable[[Any, str, Place], Any]:
    def read(value: Any, type_: str, place: Place) -> Any:  # noqa: ANN401 - any JSON value
        if type(value) is not wanted:
            raise WrongValue(place, type_, value)
        return value

    return read


def _time(value: Any, type_: str, place: Place) -> str:  # noqa: ANN401 - any JSON value
    if not isinstance(value, str):
        raise WrongValue(place, "string", value)
    exact, at = type_ == "microtime", parse_instant(value)
    if at is None or (exact and not _MICRO.search(value)):
        rest, missing = (value, "2006") if at is None else (value[len("2006-01-02T15:04:05") :], ".000000")
        words = f'"{value}" as "{_MICROS if exact else _SECONDS}": cannot parse "{rest}" as "{missing}"'
        raise WrongValue(place, type_, value, f"parsing time {words}")
    return rfc3339_micro(at) if exact else rfc3339(at)


def _quantity(value: Any, type_: str, place: Place) -> str:  # noqa: ANN401 - any JSON value
    text = value if isinstance(value, str) else str(value)
    if isinstance(value, (bool, list, dict)) or not _QUANTITY.fullmatch(text):
        raise WrongValue(place, type_, value, f"quantities must match the regular expression '{_QUANTITY_RULE}'")
    return text


def _int_or_string(value: Any, type_: str, place: Place) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise WrongValue(place, type_, value)
    return value


_SCALARS: dict[str, Callable[[Any, str, Place], Any]] = {
    "string": _exactly(str),
    "bool": _exactly(bool),
    "int32": _exactly(int),
    "int64": _exactly(int),
    "time": _time,
    "microtime": _time,
    "quantity": _quantity,
    "intorstring": _int_or_string,
}


def _go(type_: str) -> str:
    """A type as Go writes it."""
    if type_.startswith("[]"):
        return f"[]{_go(type_[2:])}"
    if type_.startswith("{}"):
        return f"map[string]{_go(type_[2:])}"
    return type_ if type_ in _SCALARS else f"v1.{type_.rpartition('.')[2]}"


def _decoder(place: Place, type_: str, value: object) -> str:
    kind = f"number {value}" if isinstance(value, float) and type_.startswith("int") else _KINDS[type(value)]
    return f"json: cannot unmarshal {kind} into Go struct field {place.struct}.{place.plain} of type {_go(type_)}"


def _converter(type_: str, value: object) -> str:
    if type_.startswith("[]"):
        return f"cannot restore slice from {_CONVERTED[type(value)]}"
    if type_ == "bool":
        return "unrecognized type: bool"
    if type_ in _SCALARS:
        return f"cannot convert {_CONVERTED[type(value)]} to {type_}"
    return f"cannot restore {'map' if type_.startswith('{}') else 'struct'} from: {_CONVERTED[type(value)]}"


def _expected(type_: str) -> str:
    if type_.startswith("[]"):
        return "list"
    return _EXPECTED.get(type_, "string") if type_ in _SCALARS else "map"


def _printed(value: object, type_: str) -> str:
    """A value as the schema's refusals print it; of a string's they show the Go struct."""
    form = "&value.valueUnstructured{Value:%s}" if _expected(type_) == "string" else "&{%s}"
    return form % go_value(value)


def go_value(value: object) -> str:
    """A JSON value as Go's %v prints it."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{go_value(entry)}' for key, entry in sorted(value.items()))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(go_value, value))}]"
    return str(value).lower() if isinstance(value, bool) else "<nil>" if value is None else str(value)
