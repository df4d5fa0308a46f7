"""Watches: whether the agent still sees the cluster."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge


class Watching(Protocol):
    """A watcher that tells how it stands."""

    @property
    def synced(self) -> bool:
        """Whether the observed state is whole."""
        ...

    @property
    def last_event_at(self) -> datetime | None:
        """When its source last said anything."""
        ...

    @property
    def problem(self) -> str | None:
        """Why nothing can be watched just now."""
        ...

    @property
    def lists(self) -> int:
        """How often everything was listed."""
        ...


class WatchMetrics:
    """Counts what keeps the observed state fresh, per source (``kubernetes``, ``sentinel`` ...)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("source",)
        self._listed: dict[str, int] = {}
        """Lists counted so far, by source."""
        self._heard_at = Gauge(
            "gcm_sentinel_watch_heard_timestamp_seconds",
            "When the watch last heard of its source; bookmarks and empty lists count.",
            labels,
            registry=registry,
        )
        self._synced = Gauge(
            "gcm_sentinel_watch_synced",
            "1 once everything was listed and the watch follows it; 0 before, and while the watch is broken.",
            labels,
            registry=registry,
        )
        self._relists = Counter(
            "gcm_sentinel_watch_relists_total",
            "Times everything was listed again, the first time included.",
            labels,
            registry=registry,
        )
        self._problem = Gauge(
            "gcm_sentinel_watch_problem",
            "1 while the source cannot be watched (forbidden, away); the log and /readyz say why.",
            labels,
            registry=registry,
        )

    def sampled(self, source: str, watch: Watching) -> None:
        """How the watch of `source` stands now."""
        if watch.last_event_at is not None:
            self._heard_at.labels(source).set(watch.last_event_at.timestamp())
        self._synced.labels(source).set(1 if watch.synced else 0)
        self._problem.labels(source).set(0 if watch.problem is None else 1)
        self._relists.labels(source).inc(watch.lists - self._listed.get(source, 0))
        self._listed[source] = watch.lists
