"""Things that happen often and are worth one ledger entry a minute: refused callers, refused reports.

The first of its kind is due at once. The next within the window are counted and due when it ends, as one entry with
their count. How many kinds are told apart is bounded, because a hostile caller chooses the words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sentinel_gateway.core import records
from sentinel_sdk.ledger.entry import NewEntry

_MAX_KINDS = 1000
_MAX_WORDS = 500

Kind = tuple[str, tuple[tuple[str, str], ...]]
"""An event and its fields."""
Told = Mapping[Kind, tuple[int, NewEntry]]
"""What is to be recorded: by kind, how many, and the entry."""


@dataclass(slots=True)
class _Noted:
    """What is not on record yet of one kind."""

    count: int
    first_ns: int
    due_ns: int


class Notes:
    """See the module."""

    def __init__(self, window_ns: int) -> None:
        self._window_ns = window_ns
        self._noted: dict[Kind, _Noted] = {}

    def add(self, event: str, fields: dict[str, str], now_ns: int, count: int = 1) -> None:
        """Note something."""
        kind: Kind = (event, tuple(sorted((name, _storable(value)) for name, value in fields.items())))
        if kind not in self._noted and len(self._noted) >= _MAX_KINDS:
            kind = (event, (("more_kinds", "true"),))
        noted = self._noted.setdefault(kind, _Noted(0, now_ns, now_ns))
        if noted.count == 0:
            noted.first_ns = now_ns
        noted.count += count

    def due(self, now_ns: int) -> Told:
        """What is to be recorded now."""
        return {
            kind: (noted.count, self._entry(kind, noted, now_ns))
            for kind, noted in self._noted.items()
            if noted.count and noted.due_ns <= now_ns
        }

    def everything(self, now_ns: int) -> Told:
        """What is not on record yet, due or not."""
        return {
            kind: (noted.count, self._entry(kind, noted, now_ns)) for kind, noted in self._noted.items() if noted.count
        }

    def recorded(self, told: Told, now_ns: int) -> None:
        """So many of each kind are on record now; kinds that were quiet for a window are forgotten."""
        for kind, (count, _) in told.items():
            noted = self._noted[kind]
            noted.count -= count
            noted.due_ns = now_ns + self._window_ns
        quiet = [kind for kind, noted in self._noted.items() if not noted.count and noted.due_ns <= now_ns]
        for kind in quiet:
            del self._noted[kind]

    def _entry(self, kind: Kind, noted: _Noted, now_ns: int) -> NewEntry:
        event, fields = kind
        told = {**dict(fields), "count": str(noted.count)} if fields else dict(fields)
        return records.system(event, told, min(noted.first_ns, now_ns))


def _storable(words: str) -> str:
    """No more than a field may have, and nothing that has no UTF-8, for a note must never fail."""
    return words[:_MAX_WORDS].encode(errors="replace").decode()
