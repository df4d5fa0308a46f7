"""When a node booted, as node-exporter tells Prometheus: what dates a condition as older than the present boot.

A help, never a need: without Prometheus, or without that series, the answer is None and the callers leave out what
depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from gcm_sentinel.clients.kubernetes import KubeObject
from gcm_sentinel.clients.kubernetes.objects import objects, status, text
from gcm_sentinel.clients.prometheus import PrometheusClient, PromResult
from gcm_sentinel.domain.errors import SentinelError

_METRIC = "node_boot_time_seconds"


def addresses(node: KubeObject) -> tuple[str, ...]:
    """The node's names and IP addresses, as scrape targets may be called after them."""
    found = [text(entry.get("address")) for entry in objects(status(node).get("addresses"))]
    return tuple(dict.fromkeys(address for address in found if address))


def exact_instance(names: Iterable[str]) -> str:
    """A PromQL matcher value for `instance`: exactly one of the names, with or without a port."""
    escaped = [name.replace(".", "[.]") for name in names]
    return f"(?:{'|'.join(escaped)})(?::[0-9]+)?"


async def boot_time(prometheus: PrometheusClient | None, node: str, known_as: Iterable[str] = ()) -> datetime | None:
    """The start of the node's present boot; None when nobody can tell."""
    if prometheus is None:
        return None
    instance = exact_instance(dict.fromkeys((node, *known_as)))
    for query in (f'{_METRIC}{{node="{node}"}}', f'{_METRIC}{{instance=~"{instance}"}}'):
        try:
            found = _latest(await prometheus.query(query))
        except SentinelError:
            return None
        if found is not None:
            return found
    return None


def _latest(result: PromResult) -> datetime | None:
    values = [series.points[-1][1] for series in result.series if series.points]
    return datetime.fromtimestamp(max(values), UTC) if values else None
