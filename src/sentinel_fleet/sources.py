"""Which of the fleet's sources do not work: by `source` facts, by a variant, or because an exporter is down."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sentinel_fleet import facts as f
from sentinel_fleet.history.book import Book
from sentinel_fleet.metrics.families import Scraper

EXPORTER_JOBS = {"dcgm": "dcgm-exporter", "node_exporter": "node-exporter"}
_WITHOUT: dict[str, f.FaultMode] = {"kernel_log": "403", "pod_logs": "403"}


class FleetFaults:
    """A `SourceFaults` over a book; `clock` tells whether an exporter is down now."""

    def __init__(self, book: Book, without: Sequence[str], clock: Callable[[], float]) -> None:
        self._facts = book.of(f.SourceFact)
        self._without = frozenset(without)
        self._scraper = Scraper(book)
        self._clock = clock

    def fault(self, source: str, node: str | None) -> str | None:
        """None for a healthy source, or how it fails."""
        if source in self._without:
            return _WITHOUT.get(source, "refuse")
        for fact in reversed(self._facts):
            if fact.name == source and (fact.node is None or node in fact.node):
                return fact.how
        job = EXPORTER_JOBS.get(source)
        if job is not None and node is not None:
            now = self._clock()
            if any(start <= now < end for start, end in self._scraper.exporter_down(node, job)):
                return "refuse"
        return None
