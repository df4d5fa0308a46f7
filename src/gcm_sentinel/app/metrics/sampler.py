"""Reads what no event tells: how much is open, pending, owed, queued and left; `serve` calls it every few seconds.

The figures are those of the database, so every replica shows the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from gcm_sentinel.app.metrics.agent import AgentMetrics
from gcm_sentinel.app.metrics.engines import Unit, Window
from gcm_sentinel.app.metrics.watch import Watching
from gcm_sentinel.clients.durable.config import JobState
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.storage.census import Census, take_census
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.spending import Spending
from gcm_sentinel.triage.budget import Pools

SAMPLE_EVERY = timedelta(seconds=10)

_SPANS: tuple[tuple[Window, timedelta], ...] = (("hour", timedelta(hours=1)), ("day", timedelta(days=1)))


class Queues(Protocol):
    """The durable engine, as far as it counts its jobs."""

    async def counts(self, kind: str) -> Mapping[JobState, int]:
        """How many jobs of `kind` wait and run."""
        ...


@dataclass(frozen=True, slots=True)
class Sampled:
    """What is looked at."""

    database: Database
    spending: Spending
    pools: Pools
    queues: Queues
    kinds: Sequence[str]
    """Of jobs: ``investigation``, ``delivery``."""
    watches: Mapping[str, Watching]
    """By source."""


class Sampler:
    """Brings the gauges up to date."""

    def __init__(self, metrics: AgentMetrics, sampled: Sampled, clock: Clock) -> None:
        self._metrics = metrics
        self._sampled = sampled
        self._clock = clock

    async def sample(self) -> None:
        """Look at everything once.

        Raises:
            SentinelError: the database is away or damaged; the watches were sampled, and `storage_up` says so.
        """
        for source, watch in self._sampled.watches.items():
            self._metrics.watch.sampled(source, watch)
        try:
            census = await take_census(self._sampled.database)
        except SentinelError:
            self._metrics.storage.up(answers=False)
            raise
        self._metrics.storage.up(answers=True)
        self._show(census)
        await self._budgets()
        await self._jobs()

    def _show(self, census: Census) -> None:
        self._metrics.incidents.open_now(census.open_incidents)
        self._metrics.incidents.pending(census.pending_triggers, self._since(census.oldest_pending))
        self._metrics.deliveries.owed_now(census.owed, self._since(census.oldest_owed))
        self._metrics.storage.size(census.size_bytes)
        waiting = self._since(census.oldest_waiting)
        self._metrics.acting.now(census.actions, waiting, breaker_open=census.breaker_open)

    def _since(self, moment: datetime | None) -> timedelta:
        return timedelta() if moment is None else max(timedelta(), self._clock.now() - moment)

    async def _budgets(self) -> None:
        pools = self._sampled.pools
        if pools.unlimited:
            return
        limits: dict[tuple[Window, Unit], float] = {
            ("hour", "usd"): pools.usd_per_hour,
            ("day", "usd"): pools.usd_per_day,
            ("hour", "tokens"): pools.tokens_per_hour,
            ("day", "tokens"): pools.tokens_per_day,
        }
        for window, span in _SPANS:
            spent = await self._sampled.spending.since(self._clock.now() - span)
            used_by_unit: dict[Unit, float] = {"usd": spent.usd, "tokens": spent.tokens}
            for unit, used in used_by_unit.items():
                if limit := limits[window, unit]:
                    reserve = limit * pools.critical_reserve
                    self._metrics.engines.budget(window, unit, limit=limit, left=limit - used, reserve=reserve)

    async def _jobs(self) -> None:
        counts: dict[tuple[str, str], int] = {}
        for kind in self._sampled.kinds:
            found = await self._sampled.queues.counts(kind)
            counts |= {(kind, state.value): found.get(state, 0) for state in (JobState.WAITING, JobState.RUNNING)}
        self._metrics.investigations.jobs_now(counts)
