"""Alerting as the core sees it, and the way in for what happens outside the core's rounds.

The ledger is verified and the fleet's rate is counted beside the core, but an alert of them is stored as every other
one: with the next round, which comes every few seconds also where nothing is reported.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from sentinel_gateway.alerts.outbox import Outbox
from sentinel_gateway.alerts.running import Alerting
from sentinel_gateway.alerts.watching import Failure
from sentinel_gateway.core.core import Core
from sentinel_gateway.core.ids import uuid7
from sentinel_gateway.domain.alert_settings import AlertSettings
from sentinel_gateway.domain.alerts import AlertChanges
from sentinel_gateway.domain.errors import GatewayError
from sentinel_gateway.domain.fleet import FleetFilter
from sentinel_gateway.domain.happenings import FleetRate, Happening
from sentinel_gateway.storage.database import Database

log = structlog.get_logger(__name__)

_COUNT_EVERY_S = 60.0


class AlertDesk:
    """`domain.alerts.Alerts` for the core; everything in the event loop's thread."""

    def __init__(
        self, settings: AlertSettings, database: Database, note: Callable[..., None], now_ns: Callable[[], int]
    ) -> None:
        self.alerting = Alerting(settings, Outbox(database), now_ns, uuid7, note)
        self._now_ns = now_ns
        self._told: list[Happening] = []
        self._decided = 0

    async def fill(self, core: Core) -> None:
        """Bring back what held before a restart; once, after the core was loaded.

        Raises:
            GatewayError: the database is away.
        """
        heard, failures = core.heard(), [Failure(*one) for one in core.failures()]
        await asyncio.to_thread(self.alerting.fill, heard, failures)
        core.overhead_is_high(self.alerting.hosts_with_high_overhead())

    def tell(self, happening: Happening) -> None:
        """Something happened outside the core."""
        self._told.append(happening)

    def decide(self, happenings: Sequence[Happening], now_ns: int) -> AlertChanges:
        """See `domain.alerts.Alerts`."""
        self._decided = len(self._told)
        return self.alerting.decide([*happenings, *self._told], now_ns)

    def committed(self, changes: AlertChanges) -> None:
        """See `domain.alerts.Alerts`; what was told before the decision is done with."""
        del self._told[: self._decided]
        self._decided = 0
        self.alerting.committed(changes)

    def missed(self) -> None:
        """See `domain.alerts.Alerts`."""
        self.alerting.missed()

    async def count(self, core: Core, every_s: float = _COUNT_EVERY_S) -> None:
        """Tell the fleet's rate of corruptions every so often, until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            try:
                summary = (await core.fleet(FleetFilter(limit=0))).summary
            except GatewayError as error:
                log.warning("alert.fleet_not_counted", reason=str(error))
                continue
            rate = FleetRate(time_ns=self._now_ns(), rate=summary.overall_sdc_rate, gpus=summary.total_gpus)
            self.tell(rate)
