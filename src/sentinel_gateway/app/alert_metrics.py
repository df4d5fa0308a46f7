"""What alerting counts, as metrics; read when a scrape comes, like the totals of the core."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from sentinel_gateway.alerts.counters import AlertCounters


class AlertCollector(Collector):
    """Everything alerting did since the start, and what it owes."""

    def __init__(self, counters: AlertCounters) -> None:
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now."""
        counters = self._counters
        yield _counter("sentinel_alerts", "Alerts decided.", ("rule", "event"), counters.told)
        yield _counter("sentinel_alerts_held", "Happenings that are told of later.", ("rule",), counters.held)
        yield _counter(
            "sentinel_alerts_kept_back", "Happenings that are not told of: cool-down.", ("rule",), counters.kept_back
        )
        yield _counter("sentinel_alerts_over_limit", "Alerts above the limit.", ("rule",), counters.over_limit)
        yield _counter("sentinel_alert_deliveries", "Alerts delivered.", ("channel", "rule"), counters.sent)
        yield _counter("sentinel_alert_delivery_failures", "Tries that failed.", ("channel",), counters.failed)
        yield _counter("sentinel_alert_deliveries_given_up", "Given up.", ("channel", "rule"), counters.given_up)
        owed = GaugeMetricFamily("sentinel_alert_deliveries_pending", "Deliveries owed.", labels=("channel",))
        for channel, number in sorted(counters.pending.items()):
            owed.add_metric((channel,), number)
        yield owed


def _counter(
    name: str, words: str, labels: tuple[str, ...], counts: Mapping[str, int] | Mapping[tuple[str, str], int]
) -> Metric:
    family = CounterMetricFamily(name, words, labels=labels)
    for key, count in sorted(counts.items()):
        family.add_metric((key,) if isinstance(key, str) else key, count)
    return family
