"""The fleet's time series, generated when asked for: 5,000 nodes cost nothing until a query names them.

A query first picks metrics by `__name__`, then nodes by the label that carries their name or by `instance`; only then
are label sets made and matched in full. Values come from hidden signals (`metrics.signals`) and the facts about them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from sentinel_fleet.baseline.fleet import NodeIdentity
from sentinel_fleet.history.book import Book
from sentinel_fleet.metrics.cluster import ClusterMetrics
from sentinel_fleet.metrics.families import Family, LazySeries, Scraper, base_families
from sentinel_fleet.ports import LabelMatcher

_ABOUT_NODES = frozenset({"Hostname", "node", "UUID"})
"""Labels that point at a node: a job has either `node` or the other two on its series."""


class FleetSeries:
    """A `SeriesSource` over a book."""

    def __init__(self, book: Book) -> None:
        self._fleet = book.fleet
        scraper = Scraper(book)
        families = base_families(scraper) + ClusterMetrics(scraper).families()
        self._families: dict[str, Family] = {family.described.name: family for family in families}

    def select(self, matchers: Sequence[LabelMatcher]) -> Iterable[LazySeries]:
        """The series whose labels satisfy every matcher."""
        tests = [(matcher.name, _test(matcher)) for matcher in matchers]
        name_tests = [test for name, test in tests if name == "__name__"]
        job_tests = [test for name, test in tests if name == "job"]
        rest = [(name, test) for name, test in tests if name != "__name__"]
        for family in self._named(matchers):
            of_job = family.job is None or all(test(family.job) for test in job_tests)
            if of_job and all(test(family.described.name) for test in name_tests):
                yield from (series for series in self._candidates(family, matchers) if _matches(series.labels, rest))

    def metadata(self) -> Mapping[str, tuple[str, str]]:
        """Metric name to (type, help)."""
        return {name: (family.described.type, family.described.help) for name, family in self._families.items()}

    def _named(self, matchers: Sequence[LabelMatcher]) -> Iterable[Family]:
        exact = next((matcher.value for matcher in matchers if matcher.name == "__name__" and matcher.op == "="), None)
        if exact is None:
            return self._families.values()
        family = self._families.get(exact)
        return [] if family is None else [family]

    def _candidates(self, family: Family, matchers: Sequence[LabelMatcher]) -> Iterator[LazySeries]:
        named = {matcher.name for matcher in matchers if matcher.op == "=" and matcher.value}
        carried = {"Hostname", "UUID"} if family.node_label == "Hostname" else {family.node_label}
        if named & _ABOUT_NODES <= carried:
            for node in self._nodes(family, matchers):
                yield from family.on_node(node)
        if not named & {"Hostname", "UUID"}:
            yield from family.elsewhere()

    def _nodes(self, family: Family, matchers: Sequence[LabelMatcher]) -> Iterable[NodeIdentity]:
        nodes: Iterable[NodeIdentity] = self._fleet.nodes
        for matcher in matchers:
            if matcher.op == "=" and matcher.name == "UUID" and matcher.value:
                nodes = self._only(nodes, self._fleet.by_uuid.get(matcher.value, ("", 0))[0])
            elif matcher.op == "=" and matcher.name == family.node_label:
                nodes = self._only(nodes, matcher.value)
            elif matcher.op == "=" and matcher.name == "instance" and family.instance_port is not None:
                owner = self._fleet.by_exporter_ip.get(matcher.value.rpartition(":")[0])
                nodes = self._only(nodes, owner.name if owner is not None else "")
            elif matcher.op == "=~" and matcher.name == family.node_label:
                test = _test(matcher)
                nodes = [node for node in nodes if test(node.name)]
        return nodes

    def _only(self, nodes: Iterable[NodeIdentity], name: str) -> Iterable[NodeIdentity]:
        node = self._fleet.by_name.get(name)
        return [node] if node is not None and (nodes is self._fleet.nodes or node in nodes) else []


def _test(matcher: LabelMatcher) -> Callable[[str], bool]:
    if matcher.op in ("=", "!="):
        wanted, equal = matcher.value, matcher.op == "="
        return lambda value: (value == wanted) is equal
    pattern, match = re.compile(f"(?:{matcher.value})", re.DOTALL), matcher.op == "=~"
    return lambda value: (pattern.fullmatch(value) is not None) is match


def _matches(labels: Mapping[str, str], tests: Sequence[tuple[str, Callable[[str], bool]]]) -> bool:
    return all(test(labels.get(name, "")) for name, test in tests)
