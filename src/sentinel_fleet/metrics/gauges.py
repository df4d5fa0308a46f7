"""What the driver on a node would say of its GPUs at an instant: the courses behind DCGM's series, read directly.

Facts about a series hold here as well. Only what keeps an exporter from answering does not: the driver does not go
through it, nor does it care which fields an operator lets the exporter show.
"""

from __future__ import annotations

from functools import cached_property

from sentinel_fleet.history.book import Book
from sentinel_fleet.metrics import dcgm
from sentinel_fleet.metrics.catalogue import Variant
from sentinel_fleet.metrics.families import DcgmFamily, Scraper
from sentinel_fleet.metrics.overrides import concerns, gaps, stops_exporter

_PREFIX = "DCGM_FI_DEV_"


class Gauges:
    """DCGM's fields by their classic names without the prefix, such as ``GPU_TEMP``."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._scraper = Scraper(book)

    def read(self, node: str, field: str, now: float) -> dict[int, float]:
        """The value on each GPU that tells one, by its index.

        Raises:
            KeyError: no such field.
        """
        metric = self._fields[field]
        found: dict[int, float] = {}
        for series in DcgmFamily(self._scraper, metric).on_node(self._book.fleet.by_name[node]):
            index, value = int(series.labels["gpu"]), series.reading(now)
            if value is not None and not self._is_stopped(node, metric, index, now):
                found[index] = value
        return found

    def _is_stopped(self, node: str, metric: dcgm.DcgmMetric, gpu: int, now: float) -> bool:
        """Whether a fact about this GPU, not about the exporter, ended the series."""
        job = DcgmFamily.job
        facts = [
            fact
            for fact in self._scraper.metric_facts(node)
            if concerns(fact, metric, job, Variant(gpu=gpu)) and not stops_exporter(fact, job)
        ]
        return any(start <= now < end for start, end in gaps(facts, self._book.anchor))

    @cached_property
    def _fields(self) -> dict[str, dcgm.DcgmMetric]:
        return {metric.name.removeprefix(_PREFIX): metric for metric in dcgm.DEFAULT + dcgm.EXTENDED}
