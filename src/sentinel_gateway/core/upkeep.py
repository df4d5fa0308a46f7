"""What is due without anybody asking, again and again: what `sweeping` does, and old rows and entries go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from sentinel_gateway.core.actor import Actor
from sentinel_gateway.core.journal import Journal
from sentinel_gateway.core.recording import Trim
from sentinel_gateway.core.sweeping import sweep
from sentinel_gateway.core.work import Work
from sentinel_gateway.domain.errors import GatewayError
from sentinel_gateway.domain.settings import CoreSettings
from sentinel_gateway.ledger.retention import Retention
from sentinel_gateway.storage.forgetting import Horizons
from sentinel_gateway.storage.store import Store

log = structlog.get_logger(__name__)

_SPARE = timedelta(hours=1)
_FORGET_AT_ONCE = 5000
"""Rows of each kind deleted in one transaction."""
_TRIM_AT_ONCE = 10_000
"""About as many entries of the ledger."""
_TRIM_EVERY_NS = 24 * 3600 * 10**9


class Upkeep:
    """Looks for what is due, again and again."""

    def __init__(
        self, actor: Actor, journal: Journal, store: Store, settings: CoreSettings, now_ns: Callable[[], int]
    ) -> None:
        self._actor, self._journal, self._store = actor, journal, store
        self._settings, self._now_ns = settings, now_ns
        self._over = asyncio.Event()
        self._forgot_ns = now_ns()
        self._trim_due_ns = self._forgot_ns

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    async def run(self, also: Callable[[], Awaitable[None]]) -> None:
        """Until `stop`, and do something `also` each time. A database that is away is asked again the next time."""
        while not self._over.is_set():
            try:
                await also()
                await self.tick()
            except GatewayError as error:
                log.warning("core.upkeep_failed", reason=str(error))
            try:
                await asyncio.wait_for(self._over.wait(), self._settings.tick.total_seconds())
            except TimeoutError:
                continue

    async def tick(self) -> None:
        """Do what is due now.

        Raises:
            GatewayError: it could not be stored.
        """
        began_ns = self._now_ns()
        await self._actor.ask(Work(sweep))
        forget_ns = self._settings.forget_interval.total_seconds() * 1e9
        if began_ns - self._forgot_ns >= forget_ns:
            self._forgot_ns = began_ns
            await self.forget()
        if self._settings.history.keep_ledger and began_ns >= self._trim_due_ns:
            await self.trim()
            self._trim_due_ns = began_ns + _TRIM_EVERY_NS

    async def forget(self) -> int:
        """Delete what is old; says how many rows.

        Raises:
            GatewayError: it could not be deleted.
        """
        horizons = _horizons(self._settings, self._now_ns())
        total = 0
        while True:
            deleted = await self._journal.forget(lambda: self._store.forget(horizons, _FORGET_AT_ONCE))
            total += deleted
            if deleted < _FORGET_AT_ONCE:
                return total

    async def trim(self) -> None:
        """Remove the ledger's old entries, each time as many as the other requests can wait for.

        Raises:
            GatewayError: it could not be stored.
        """
        retention = Retention(max_age=self._settings.history.keep_ledger, per_run=_TRIM_AT_ONCE)
        is_more = True
        while is_more:
            is_more = (await self._actor.record(Trim(retention, self._now_ns()))).count > 0


def _horizons(settings: CoreSettings, now_ns: int) -> Horizons:
    """Batches are remembered for longer than their contents are taken, so that none can count twice."""
    remembered = settings.ingest.max_age + settings.ingest.max_future + _SPARE
    return Horizons(
        samples_ns=_horizon_ns(settings.history.keep_samples, now_ns),
        history_ns=_horizon_ns(settings.history.keep_history, now_ns),
        batches_ns=_horizon_ns(remembered, now_ns),
    )


def _horizon_ns(kept: timedelta, now_ns: int) -> int:
    """Nothing is older than 1970."""
    return now_ns - int(kept.total_seconds() * 1e9) if kept else 0
