"""One scrape: what the metrics ask of the gateway, and the text.

Anybody may ask, and each answer goes over the whole fleet: it is made once a second at most, however many ask.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from prometheus_client import generate_latest

from sentinel_gateway.app.fleet_metrics import MOST_GPUS, FleetCollector, LedgerFigures, Snapshot
from sentinel_gateway.app.metrics import GatewayMetrics
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.fleet import FleetFilter
from sentinel_gateway.ledger.writer import LedgerWriter

_FRESH_NS = 10**9


class Scrape:
    """Answers /metrics."""

    def __init__(
        self, metrics: GatewayMetrics, core: Core, writer: LedgerWriter, now_ns: Callable[[], int], *, per_gpu: bool
    ) -> None:
        self._metrics = metrics
        self._core = core
        self._writer = writer
        self._now_ns = now_ns
        self._per_gpu = per_gpu
        self._wanted = FleetFilter(limit=MOST_GPUS if per_gpu else 0)
        self._making = asyncio.Lock()
        self._text = b""
        self._made_ns = -_FRESH_NS

    async def text(self) -> bytes:
        """Everything in the text format of Prometheus, a second old at most."""
        async with self._making:
            if abs(self._now_ns() - self._made_ns) >= _FRESH_NS:  # a clock that was set back must not keep it
                self._text = await self._made()
                self._made_ns = self._now_ns()
            return self._text

    async def _made(self) -> bytes:
        core, newest = self._core, self._writer.checkpoint
        fleet, trust, loads = await core.fleet(self._wanted), await core.trust_graph(), await core.host_loads()
        batches = newest.checkpoint.batch_no if newest else 0
        ledger = LedgerFigures(entries=self._writer.size, batches=batches, pending=core.pending_entries)
        snapshot = Snapshot(fleet, trust, ledger, loads, tuple(core.heard().items()))
        standing = await asyncio.to_thread(generate_latest, FleetCollector(snapshot, per_gpu=self._per_gpu))
        return self._metrics.expose() + standing
