"""Query parameters, read strictly: what is unknown, twice there or malformed is refused, never passed over."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import IntEnum
from typing import TypeVar

from starlette.datastructures import QueryParams

from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.domain.text import MAX_WORDS, checked_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)")
_NS = 1_000_000_000
_LATEST_NS = (1 << 63) - 1

E = TypeVar("E", bound=IntEnum)


class Query:
    """The parameters of one request."""

    def __init__(self, given: QueryParams, known: Iterable[str], *, repeated: frozenset[str] = frozenset()) -> None:
        """Look at the names.

        Raises:
            Invalid: one that is not known, or that is there twice.
        """
        names = tuple(known)
        for name in given:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(names) or 'none'}"
                raise Invalid(f"unknown query parameter {name!r}{hint}")
            if name not in repeated and len(given.getlist(name)) > 1:
                raise Invalid(f"query parameter {name!r} is there {len(given.getlist(name))} times")
        self._given = given

    def text(self, name: str) -> str:
        """A parameter as it is; empty where it is missing.

        Raises:
            Invalid: longer than any that is of use, or no text that a database knows.
        """
        return checked_text(f"query parameter {name!r}", self._given.get(name, ""), MAX_WORDS)

    def limit(self, usual: int, most: int) -> int:
        """How many rows.

        Raises:
            Invalid: no number from 1 to `most`.
        """
        text = self.text("limit")
        if not text:
            return usual
        if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= most):
            raise Invalid(f"limit must be a number from 1 to {most}, not {text[:50]!r}")
        return int(text)

    def time_ns(self, name: str) -> int | None:
        """A time as nanoseconds since 1970; None where it is missing.

        Raises:
            Invalid: not RFC 3339 with a zone.
        """
        text = self.text(name)
        return _time_ns(text, name) if text else None

    def members(self, name: str, kind: type[E]) -> tuple[E, ...]:
        """Enum members by name, comma-separated or repeated; none where it is missing.

        Raises:
            Invalid: a name that is not known.
        """
        words = [word.strip().upper() for text in self._given.getlist(name) for word in text.split(",")]
        return tuple(_member(word, name, kind) for word in words if word)

    def choice(self, name: str, usual: str, known: tuple[str, ...]) -> str:
        """One of some words.

        Raises:
            Invalid: another word.
        """
        word = self.text(name).lower() or usual
        if word not in known:
            raise Invalid(f"{name} must be one of {', '.join(known)}, not {word[:50]!r}")
        return word


def _member(word: str, name: str, kind: type[E]) -> E:
    if word not in kind.__members__:
        raise Invalid(f"{name} must be one of {', '.join(kind.__members__)}, not {word[:50]!r}")
    return kind[word]


def _time_ns(text: str, name: str) -> int:
    wrong = Invalid(f"{name} must be a time as in 2026-03-24T12:00:00Z, not {text[:50]!r} (write + as %2B)")
    parts = _RFC3339.fullmatch(text)
    if not parts:
        raise wrong
    date, clock, fraction, zone = parts.groups()
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}{zone.upper().replace('Z', '+00:00')}")
    except ValueError:
        raise wrong from None
    delta = moment - _EPOCH
    seconds = delta.days * 86400 + delta.seconds
    return min(max(seconds * _NS + int((fraction or "").ljust(9, "0")), 0), _LATEST_NS)


def rfc3339(ns: int | None) -> str | None:
    """A time as text, to the nanosecond and no longer than needed; None stays None."""
    if ns is None:
        return None
    seconds, nanos = divmod(ns, _NS)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{nanos:09d}".rstrip("0") if nanos else ""
    return f"{text}{fraction}Z"
