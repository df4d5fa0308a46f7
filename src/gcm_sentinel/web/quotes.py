"""Where the quotes of claims stand inside the raw text of their evidence, and the lines to show around them.

Used by web/report.py. A quote is found the way it was checked (white space aside); what is only a figure of the typed
summary is shown as such. The page shows the head, the tail and the quoted lines of a text, never all of a large one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

HEAD_CHARACTERS = 4000
TAIL_CHARACTERS = 4000
_AROUND_LINES = 1
_LINE_REACH = 400
"""Characters kept on either side of a quote within one very long line."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one quote stands: a stretch of the raw text."""

    start: int
    end: int
    quote: int
    """Number of the quote, as the page anchors it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text; `quote` is the number of the quote it is, None for the text around."""

    text: str
    quote: int | None = None


def find(raw: str, quotes: Sequence[str]) -> list[Place]:
    """Where each quote first stands in `raw`, in order of place; those that do not stand there are left out."""
    places = []
    for number, quote in enumerate(quotes):
        words = quote.split()
        match = re.search(r"\s+".join(map(re.escape, words)), raw) if words else None
        if match:
            places.append(Place(match.start(), match.end(), number))
    return sorted(places, key=lambda place: (place.start, -place.end))


def apart(places: Sequence[Place]) -> list[Place]:
    """`places` without those that overlap an earlier one: what can be marked."""
    kept: list[Place] = []
    for place in places:
        if not kept or place.start >= kept[-1].end:
            kept.append(place)
    return kept


def passages(raw: str, places: Sequence[Place]) -> list[list[Piece]]:
    """The quoted lines with a line around them; quotes that stand close together share a passage."""
    reaches: list[tuple[int, int]] = []
    for place in places:
        start, end = _reach(raw, place)
        if reaches and start <= reaches[-1][1]:
            reaches[-1] = (reaches[-1][0], max(end, reaches[-1][1]))
        else:
            reaches.append((start, end))
    return [list(_pieces(raw, start, end, places)) for start, end in reaches]


def _reach(raw: str, place: Place) -> tuple[int, int]:
    """From the beginning of the line before the quote to the end of the line after it."""
    start = raw.rfind("\n", 0, place.start) + 1
    end = _line_end(raw, place.end)
    for _ in range(_AROUND_LINES):
        start = raw.rfind("\n", 0, max(0, start - 1)) + 1
        end = _line_end(raw, min(len(raw), end + 1))
    return max(start, place.start - _LINE_REACH), min(end, place.end + _LINE_REACH)


def _line_end(raw: str, at: int) -> int:
    found = raw.find("\n", at)
    return len(raw) if found < 0 else found


def _pieces(raw: str, start: int, end: int, places: Sequence[Place]) -> Iterator[Piece]:
    at = start
    for place in places:
        if start <= place.start and place.end <= end:
            yield Piece(raw[at : place.start])
            yield Piece(raw[place.start : place.end], place.quote)
            at = place.end
    yield Piece(raw[at:end])


def head_and_tail(raw: str) -> tuple[str, int, str]:
    """The beginning of `raw`, how many characters are left out, and its end."""
    if len(raw) <= HEAD_CHARACTERS + TAIL_CHARACTERS:
        return raw, 0, ""
    return raw[:HEAD_CHARACTERS], len(raw) - HEAD_CHARACTERS - TAIL_CHARACTERS, raw[-TAIL_CHARACTERS:]
