"""Reading a JSON object into values: each access says what it expects, each error says at which place.

For files an operator gives us (stored transcripts); wire formats of vendors are read by their adapters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.jsontypes import Json

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class JsonReader:
    """One JSON object and where it stands, so that an error names the place. Raises `BadConfiguration` throughout."""

    data: Mapping[str, Json]
    where: str

    @classmethod
    def of(cls, data: object, where: str) -> JsonReader:
        """A reader of `data`; raises `BadConfiguration` when it is not an object."""
        if not isinstance(data, Mapping):
            raise BadConfiguration(f"{where}: expected an object, found {type(data).__name__}")
        return cls(data, where)

    def has(self, key: str) -> bool:
        """Whether there is a value other than null."""
        return self.data.get(key) is not None

    def get(self, key: str, kind: type[_T]) -> _T:
        """The value of `key`, which must be there and be a `kind`."""
        value: object = self.data.get(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            found = "nothing" if value is None else type(value).__name__
            raise BadConfiguration(f"{self.where}.{key}: expected {kind.__name__}, found {found}")
        return value

    def optional(self, key: str, kind: type[_T]) -> _T | None:
        """The value of `key`, None when it is absent or null."""
        return self.get(key, kind) if self.has(key) else None

    def number(self, key: str) -> float:
        """A number, written as an integer or not."""
        return float(self.get(key, int if isinstance(self.data.get(key), int) else float))

    def moment(self, key: str) -> datetime:
        """An ISO-8601 time."""
        text = self.get(key, str)
        try:
            return datetime.fromisoformat(text)
        except ValueError as error:
            raise BadConfiguration(f"{self.where}.{key}: {text!r} is not an ISO-8601 time") from error

    def member(self, key: str, kind: Callable[[str], _T]) -> _T:
        """A member of an enum, by its value."""
        text = self.get(key, str)
        try:
            return kind(text)
        except ValueError as error:
            raise BadConfiguration(f"{self.where}.{key}: {text!r} is not known") from error

    def inside(self, key: str) -> JsonReader:
        """The object under `key`."""
        return JsonReader.of(self.data.get(key), f"{self.where}.{key}")

    def each(self, key: str, build: Callable[[JsonReader], _T]) -> list[_T]:
        """What `build` makes of each object in the list under `key`."""
        items = self.get(key, list)
        return [build(JsonReader.of(item, f"{self.where}.{key}[{place}]")) for place, item in enumerate(items)]

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty when absent."""
        return tuple(str(item) for item in self.get(key, list)) if self.has(key) else ()
