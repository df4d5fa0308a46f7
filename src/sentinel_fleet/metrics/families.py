"""Metrics by job: which series a job has on a node, lazily, with what facts do to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Protocol

from sentinel_fleet import facts as f
from sentinel_fleet.baseline.fleet import NodeIdentity
from sentinel_fleet.history.book import Book
from sentinel_fleet.history.daemonset import JOBS, DaemonSetHistory
from sentinel_fleet.history.pods import Holding
from sentinel_fleet.metrics import dcgm, host
from sentinel_fleet.metrics.catalogue import RENAMED, Described, Value, Variant, canonical
from sentinel_fleet.metrics.dcgm import DcgmMetric
from sentinel_fleet.metrics.host import HostMetric
from sentinel_fleet.metrics.overrides import concerns, gaps, stops_exporter, wrapped
from sentinel_fleet.metrics.signals import SCRAPE_S, GpuSignals, NodeSignals
from sentinel_fleet.stable import seed64, unit

Interval = tuple[float, float]
_FOREVER: Interval = (float("-inf"), float("inf"))
_KEPT_SIGNALS = 512


class LazySeries:
    """One series whose samples are computed when asked for."""

    __slots__ = ("_gaps", "_offset", "_value", "_windows", "labels")

    def __init__(
        self, labels: Mapping[str, str], value: Value, offset: float, windows: Sequence[Interval],
        silent: Sequence[Interval],
    ) -> None:  # fmt: skip
        self.labels = labels
        self._value = value
        self._offset = offset
        self._windows = windows
        self._gaps = silent

    def reading(self, t: float) -> float | None:
        """The value of the last scrape due by an instant, whether or not anybody scraped; None where it is not told."""
        k = int((t - self._offset) // SCRAPE_S)
        told = any(low <= t < high for low, high in self._windows)
        return self._value(k * SCRAPE_S + self._offset, k) if told else None

    def samples(self, start: float, end: float) -> Sequence[tuple[float, float]]:
        """The scrapes with start <= t <= end, ascending."""
        found = []
        value, offset, gaps = self._value, self._offset, self._gaps
        for low, high in self._windows:
            first, last = max(start, low), min(end, high)
            if first > last:
                continue
            k = -int((offset - first) // SCRAPE_S)
            while (t := k * SCRAPE_S + offset) <= last:
                if (t < high or high == end) and not (gaps and any(begin <= t < stop for begin, stop in gaps)):
                    found.append((t, value(t, k)))
                k += 1
        return found


class Scraper:
    """What all families share: the book, when targets are scraped, and the signals behind the values."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.fleet = book.fleet
        self.history_start = book.anchor - book.fleet.spec.history
        self._daemonsets = {
            job: DaemonSetHistory(book, spec)
            for job, name in JOBS.items()
            for spec in book.daemonsets
            if spec.name == name
        }
        self.node_signals = lru_cache(maxsize=_KEPT_SIGNALS)(self._node_signals)

    def offset(self, node: NodeIdentity, job: str) -> float:
        """Where in the 30 s grid a target is scraped."""
        return round(SCRAPE_S * unit(seed64(self.fleet.seed, "scrape", job), node.index), 3)

    def _node_signals(self, name: str) -> NodeSignals:
        return NodeSignals(self.book.node(name), self.book.holdings(name))

    def exporter_down(self, node: str, job: str) -> list[Interval]:
        """Windows in which a target does not answer: its node is down, or a fact stops it."""
        facts = [fact for fact in self.metric_facts(node) if stops_exporter(fact, job)]
        down = gaps(facts, self.book.anchor) + self.book.node(node).unscraped()
        history = self._daemonsets.get(job)
        return down + history.down_windows(node) if history is not None else down

    def metric_facts(self, node: str) -> list[f.MetricFact]:
        """The metric facts about a node."""
        return self.book.node_facts(node, f.MetricFact)

    def series(
        self, labels: Mapping[str, str], value: Value, node: NodeIdentity, job: str, metric: tuple[Described, Variant],
        windows: Sequence[Interval] = (_FOREVER,),
    ) -> LazySeries:  # fmt: skip
        """A series on a node's target with the facts about it applied."""
        described, variant = metric
        anchor = self.book.anchor
        facts = [fact for fact in self.metric_facts(node.name) if concerns(fact, described, job, variant)]
        identity = f"{self.fleet.seed}/{node.index}/{described.name}/{variant.gpu}/{sorted(variant.labels.items())}"
        silent = gaps(facts, anchor) + self.exporter_down(node.name, job)
        bounded = [(max(low, self.history_start), high) for low, high in windows]
        return LazySeries(
            labels, wrapped(value, described, facts, anchor, identity), self.offset(node, job), bounded, silent
        )


class Family(Protocol):
    """All series of one metric."""

    @property
    def described(self) -> Described:
        """Name, type and help, as this fleet's exporter prints them."""
        ...

    @property
    def node_label(self) -> str:
        """The label that carries the node's name."""
        ...

    @property
    def job(self) -> str | None:
        """The job of all its series; None where they have several."""
        ...

    @property
    def instance_port(self) -> int | None:
        """The port in `instance` where that is the node's own address; None for a job that speaks of all nodes."""
        ...

    def on_node(self, node: NodeIdentity) -> Iterator[LazySeries]:
        """The series of one node."""
        ...

    def elsewhere(self) -> Iterator[LazySeries]:
        """The series that belong to no node."""
        ...


class DcgmFamily:
    """One DCGM field on every GPU; a GPU has one label set while idle and another for every pod that held it."""

    node_label = "Hostname"
    instance_port = 9400
    job = "dcgm-exporter"

    def __init__(self, scraper: Scraper, metric: DcgmMetric) -> None:
        self._scraper = scraper
        self._metric = metric
        renamed = scraper.fleet.spec.metric_names == "renamed"
        self._name = RENAMED.get(metric.name, metric.name) if renamed else metric.name
        self.described = Described(self._name, metric.type, metric.help, metric.noise)

    def on_node(self, node: NodeIdentity) -> Iterator[LazySeries]:
        """The series of one node."""
        for signals in self._scraper.node_signals(node.name).gpus:
            value = self._value(node, signals)
            for labels, windows in self._label_sets(node, signals):
                variant = Variant(gpu=signals.gpu)
                yield self._scraper.series(labels, value, node, self.job, (self._metric, variant), windows)

    def elsewhere(self) -> Iterator[LazySeries]:
        """None: every GPU is on a node."""
        return iter(())

    def _value(self, node: NodeIdentity, signals: GpuSignals) -> Value:
        if self._metric.name == "DCGM_FI_DEV_XID_ERRORS":
            pci = self._scraper.fleet.pci[signals.gpu]
            book = self._scraper.book
            return lambda t, k: float(book.last_xid(node.name, pci, t))
        metric = self._metric
        return lambda t, k: metric.value(signals, t, k)

    def _label_sets(
        self, node: NodeIdentity, signals: GpuSignals
    ) -> Iterator[tuple[dict[str, str], Sequence[Interval]]]:
        base = self._labels(node, signals.gpu)
        moments = sorted({moment for held in signals.holdings for moment in (held.start, held.end)})
        by_holder: dict[Holding | None, list[Interval]] = {}
        for start, end in pairwise([float("-inf"), *moments, float("inf")]):
            if start < end:
                by_holder.setdefault(signals.holding(start), []).append((start, end))
        for holder, windows in by_holder.items():
            yield base if holder is None else base | _mapped(holder), windows

    def _labels(self, node: NodeIdentity, index: int) -> dict[str, str]:
        fleet = self._scraper.fleet
        gpu = fleet.gpu(node.name, index)
        return {
            "__name__": self._name,
            "job": self.job,
            "instance": f"{node.exporter_ip}:{self.instance_port}",
            "Hostname": node.name,
            "gpu": str(index),
            "UUID": gpu.uuid,
            "pci_bus_id": gpu.pci_full,
            "device": f"nvidia{index}",
            "modelName": fleet.model.name,
            "DCGM_FI_DRIVER_VERSION": fleet.spec.driver,
        }


class HostFamily:
    """One node-exporter metric on every node."""

    node_label = "node"
    instance_port = 9100
    job = "node-exporter"

    def __init__(self, scraper: Scraper, metric: HostMetric) -> None:
        self._scraper = scraper
        self._metric = metric
        self.described: Described = metric

    def on_node(self, node: NodeIdentity) -> Iterator[LazySeries]:
        """The series of one node."""
        signals = self._scraper.node_signals(node.name)
        for variant in self._metric.variants(signals.history):
            yield self._scraper.series(
                self._labels(node, variant), self._value(signals, variant), node, self.job, (self._metric, variant)
            )

    def elsewhere(self) -> Iterator[LazySeries]:
        """None."""
        return iter(())

    def _value(self, signals: NodeSignals, variant: Variant) -> Value:
        metric = self._metric
        return lambda t, k: metric.value(signals, variant, t, k)

    def _labels(self, node: NodeIdentity, variant: Variant) -> dict[str, str]:
        instance = f"{node.exporter_ip}:{self.instance_port}"
        base = {"__name__": self._metric.name, "job": self.job, "instance": instance, "node": node.name}
        return base | dict(variant.labels)


class ExtraFamily:
    """A metric the catalogue does not know: it exists where facts set it, from the first of them on."""

    def __init__(self, scraper: Scraper, name: str) -> None:
        self._scraper = scraper
        gpu_like = name.startswith("DCGM_")
        self.node_label = "Hostname" if gpu_like else "node"
        self.instance_port: int | None = 9400 if gpu_like else 9100
        self.job = "dcgm-exporter" if gpu_like else "node-exporter"
        counter = name.endswith(("_total", "_TOTAL", "_NS"))
        self.described = Described(name, "counter" if counter else "gauge", f"{name}.")

    def on_node(self, node: NodeIdentity) -> Iterator[LazySeries]:
        """The series facts speak of on one node."""
        facts = [fact for fact in self._scraper.metric_facts(node.name) if fact.name == self.described.name]
        for variant in _variants_of(facts, self._scraper.fleet.spec.gpus_per_node, per_gpu=self.job == "dcgm-exporter"):
            first = min(fact.at for fact in facts if concerns(fact, self.described, self.job, variant))
            yield self._scraper.series(
                self._labels(node, variant), _nothing, node, self.job, (self.described, variant),
                [(self._scraper.book.anchor + first, float("inf"))],
            )  # fmt: skip

    def elsewhere(self) -> Iterator[LazySeries]:
        """None."""
        return iter(())

    def _labels(self, node: NodeIdentity, variant: Variant) -> dict[str, str]:
        instance = f"{node.exporter_ip}:{self.instance_port}"
        labels = {"__name__": self.described.name, "job": self.job, "instance": instance, self.node_label: node.name}
        if variant.gpu is not None:
            gpu = self._scraper.fleet.gpu(node.name, variant.gpu)
            labels |= {"gpu": str(variant.gpu), "UUID": gpu.uuid, "pci_bus_id": gpu.pci_full}
        if variant.nic is not None:
            labels["device"] = variant.nic
        return labels | dict(variant.labels)


def _mapped(holder: Holding) -> dict[str, str]:
    return {
        "exported_namespace": holder.namespace,
        "exported_pod": holder.pod,
        "exported_container": holder.container,
    }


def _nothing(t: float, k: int) -> float:
    return 0.0


def _variants_of(facts: Iterable[f.MetricFact], gpus: int, *, per_gpu: bool) -> list[Variant]:
    found: dict[tuple[object, ...], Variant] = {}
    for fact in facts:
        indices: Iterable[int | None] = fact.gpu or (range(gpus) if per_gpu else [None])
        for gpu in indices:
            nics: Iterable[str | None] = fact.nic or [None]
            for nic in nics:
                key = (gpu, nic, tuple(sorted(fact.labels.items())))
                found[key] = Variant(fact.labels, gpu, nic)
    return list(found.values())


def base_families(scraper: Scraper) -> list[Family]:
    """The families of dcgm-exporter and node-exporter, and of metrics only facts know."""
    families: list[Family] = [DcgmFamily(scraper, metric) for metric in dcgm.metrics(scraper.fleet.spec.exporter)]
    families += [HostFamily(scraper, metric) for metric in host.HOST]
    known = {family.described.name for family in families} | dcgm.KNOWN
    named = {fact.name for fact in scraper.book.of(f.MetricFact) if "*" not in fact.name}
    foreign = ("kube_", "problem_")
    extra = sorted(
        name for name in named if canonical(name) not in known and not name.startswith(foreign) and name != "up"
    )
    return families + [ExtraFamily(scraper, name) for name in extra]
