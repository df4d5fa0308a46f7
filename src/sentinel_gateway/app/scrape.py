"""One scrape: what the metrics ask of the gateway, and the text.

Anybody may ask, and each answer goes over the whole fleet: it is made once a second at most, however many ask.
"""

from __future__ import annotations

import asyncio
import time

from sentinel_gateway.app.metrics import GatewayMetrics, LedgerFigures, Snapshot
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.fleet import FleetFilter
from sentinel_gateway.ledger.writer import LedgerWriter

_MOST_GPUS = 100_000
_FRESH_S = 1.0


class Scrape:
    """Answers /metrics."""

    def __init__(self, metrics: GatewayMetrics, core: Core, writer: LedgerWriter, *, per_gpu: bool) -> None:
        self._metrics = metrics
        self._core = core
        self._writer = writer
        self._wanted = FleetFilter(limit=_MOST_GPUS if per_gpu else 0)
        self._making = asyncio.Lock()
        self._text = b""
        self._made_s = float("-inf")

    async def text(self) -> bytes:
        """Everything in the text format of Prometheus, a second old at most."""
        async with self._making:
            if time.monotonic() - self._made_s >= _FRESH_S:
                self._text = await self._made()
                self._made_s = time.monotonic()
            return self._text

    async def _made(self) -> bytes:
        fleet, trust = await self._core.fleet(self._wanted), await self._core.trust_graph()
        newest = self._writer.checkpoint
        ledger = LedgerFigures(entries=self._writer.size, batches=newest.checkpoint.batch_no if newest else 0)
        return self._metrics.expose(Snapshot(fleet, trust, ledger))
