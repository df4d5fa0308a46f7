"""What nodes share that no node label says, read from Prometheus for folding: jobs, rails, feeds of a site's own
exporter.

Each query of ``GCM_SENTINEL_TOPOLOGY_QUERIES`` yields series with the labels ``node`` and ``group``. A source that is
away, or has nothing to say, leaves what was known.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from gcm_sentinel.clients.prometheus import PrometheusClient
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.triage.topology import FleetTopology

log = structlog.get_logger(__name__)

EVERY_S = 60.0


class FleetGroups:
    """Keeps the groups of one fleet up to date."""

    def __init__(self, prometheus: PrometheusClient, queries: Mapping[str, str], fleet: FleetTopology) -> None:
        self._prometheus = prometheus
        self._queries = queries
        self._fleet = fleet

    async def refresh(self) -> None:
        """Ask every query once."""
        for kind, query in self._queries.items():
            try:
                result = await self._prometheus.query(query)
            except SentinelError as error:
                log.warning("topology.not_read", kind=kind, reason=str(error))
                continue
            found = [(series.labels.get("node", ""), series.labels.get("group", "")) for series in result.series]
            groups = {node: group for node, group in found if node and group}
            if groups:  # a gap in the scrapes is no news: what was known stays
                self._fleet.overlay(kind, groups)
