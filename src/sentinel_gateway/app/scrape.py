"""One scrape: what the metrics ask of the gateway, and the text."""

from __future__ import annotations

from sentinel_gateway.app.metrics import GatewayMetrics, LedgerFigures, Snapshot
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.fleet import FleetFilter
from sentinel_gateway.ledger.writer import LedgerWriter

_MOST_GPUS = 100_000


class Scrape:
    """Answers /metrics."""

    def __init__(self, metrics: GatewayMetrics, core: Core, writer: LedgerWriter, *, per_gpu: bool) -> None:
        self._metrics = metrics
        self._core = core
        self._writer = writer
        self._wanted = FleetFilter(limit=_MOST_GPUS if per_gpu else 0)

    async def text(self) -> bytes:
        """Everything in the text format of Prometheus."""
        fleet, trust = await self._core.fleet(self._wanted), await self._core.trust_graph()
        newest = self._writer.checkpoint
        ledger = LedgerFigures(entries=self._writer.size, batches=newest.checkpoint.batch_no if newest else 0)
        return self._metrics.expose(Snapshot(fleet, trust, ledger))
