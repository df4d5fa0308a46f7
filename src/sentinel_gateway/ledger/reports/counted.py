"""Counts by label that stay small whatever the ledger holds: labels come from callers, who may invent ever new ones."""

from __future__ import annotations

from sentinel_gateway.ledger.reports.evidence import Evidence, Trail

MAX_LABELS = 200
MAX_LABEL_CHARACTERS = 120
OTHERS = "(others)"


class Counted:
    """How often each label occurred, and in which entries."""

    __slots__ = ("_counts", "_trails")

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._trails: dict[str, Trail] = {}

    def add(self, label: str, entry_id: int, count: int = 1) -> None:
        """An entry that says `label` happened `count` times."""
        key = label if len(label) <= MAX_LABEL_CHARACTERS else label[: MAX_LABEL_CHARACTERS - 1] + "…"
        if key not in self._counts and len(self._counts) >= MAX_LABELS:
            key = OTHERS
        if key not in self._counts:
            self._counts[key] = 0
            self._trails[key] = Trail()
        self._counts[key] += count
        self._trails[key].add(entry_id)

    def rows(self) -> tuple[Row, ...]:
        """The most frequent first; equal ones by name."""
        ordered = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return tuple((label, count, self._trails[label].evidence()) for label, count in ordered)

    def total(self) -> int:
        """All labels together."""
        return sum(self._counts.values())

    def __getitem__(self, label: str) -> int:
        return self._counts.get(label, 0)


Row = tuple[str, int, Evidence]
"""Label, count, and the entries that say so."""


def evidence_of(rows: tuple[Row, ...], *labels: str) -> tuple[Evidence, ...]:
    """The evidence of the named labels; of all where none is named."""
    return tuple(evidence for label, _, evidence in rows if not labels or label in labels)
