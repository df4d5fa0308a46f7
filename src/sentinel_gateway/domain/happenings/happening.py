"""What all kinds of happenings have, and how numbers of the wire are named in them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

from sentinel_gateway.domain.identity import Gpu


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """What all have."""

    time_ns: int
    gpu: Gpu | None = None
    hostname: str = ""
    """Of what has no GPU."""
    event_ids: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """Where it happened; empty where that has no meaning."""
        return self.gpu.hostname if self.gpu else self.hostname

    @property
    def words(self) -> str:
        """What happened, in one line without the place."""
        raise NotImplementedError

    def facts(self) -> dict[str, str]:
        """Its own fields, by name."""
        common = {field.name for field in fields(Happening)}
        return {field.name: shown(getattr(self, field.name)) for field in fields(self) if field.name not in common}


def named(kind: type[IntEnum], number: int) -> str:
    """A number's name; the number itself where it has none."""
    return kind(number).name if number in [*kind] else f"{kind.__name__} {number}"


def shown(value: object) -> str:
    """A fact as text."""
    if isinstance(value, IntEnum):
        return value.name
    return f"{value:.6g}" if isinstance(value, float) else str(value)
