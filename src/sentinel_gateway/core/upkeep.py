"""What is due without anybody asking: probe summaries, GPUs that somebody should look at, old rows and entries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import structlog

from sentinel_gateway.core import records
from sentinel_gateway.core.actor import Actor, Work
from sentinel_gateway.core.journal import Journal
from sentinel_gateway.core.round import Round, Trim
from sentinel_gateway.domain.errors import GatewayError
from sentinel_gateway.domain.gpus import GpuState, Summary
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.settings import CoreSettings, HealthSettings, RecordedPasses
from sentinel_gateway.ledger.retention import Retention
from sentinel_gateway.storage.forgetting import Horizons
from sentinel_gateway.storage.store import Store

log = structlog.get_logger(__name__)

MAX_AT_ONCE = 500
"""GPUs whose summaries are written in one round; the others have their turn in the next."""
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

    async def run(self) -> None:
        """Until `stop`. A database that is away is asked again the next time."""
        while not self._over.is_set():
            try:
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
        await self._actor.ask(Work(sweep))
        forget_ns = self._settings.forget_interval.total_seconds() * 1e9
        if self._now_ns() - self._forgot_ns >= forget_ns:
            self._forgot_ns = self._now_ns()
            await self.forget()
        began_ns = self._now_ns()
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


def sweep(round_: Round) -> None:
    """Do what is due for GPUs now.

    A GPU that stays in QUARANTINED or DEEP_TEST for longer than it may keeps its state: somebody must decide. That it
    stays is recorded once.
    """
    limits_ns = _limits_ns(round_.settings.health)
    summary_ns = int(round_.settings.history.summary_interval.total_seconds() * 1e9)
    due: list[GpuState] = []
    for known in round_.gpus.values():
        is_summary_due = known.summary.start_ns and round_.now_ns - known.summary.start_ns >= summary_ns
        if is_summary_due or _overstays(known, limits_ns, round_.now_ns):
            due.append(known)
        if len(due) == MAX_AT_ONCE:
            break
    for known in due:
        _do(known, limits_ns, summary_ns, round_)


def _do(known: GpuState, limits_ns: dict[HealthState, int], summary_ns: int, round_: Round) -> None:
    if known.summary.start_ns and round_.now_ns - known.summary.start_ns >= summary_ns:
        known = _summed_up(known, round_)
    if _overstays(known, limits_ns, round_.now_ns):
        hours = (round_.now_ns - known.state_changed_ns) / 3.6e12
        event = "gpu.quarantine_timeout" if known.state is HealthState.QUARANTINED else "gpu.deep_test_timeout"
        fields = {"state": known.state.name, "hours": f"{hours:.1f}", "reason": known.state_reason}
        round_.entries.append(records.system(event, fields, round_.now_ns, known.gpu))
        known = replace(known, overstayed=True)
    round_.gpus.put(known.gpu.uuid, known)


def end(round_: Round) -> None:
    """Do what is due before the gateway stops: the open hour's probes are summed up, so that the ledger is complete.

    All in one round, for nobody waits behind it. After a crash, or where this cannot be stored, they stay with their
    GPUs in the database, and the next start goes on counting.
    """
    for known in [known for known in round_.gpus.values() if known.summary.start_ns]:
        round_.gpus.put(known.gpu.uuid, _summed_up(known, round_))
    round_.tell("gateway.stopped")


def _summed_up(known: GpuState, round_: Round) -> GpuState:
    if round_.settings.record_passes is not RecordedPasses.NONE:
        round_.entries.append(records.probe_summary(known.gpu, known.summary, round_.now_ns))
    return replace(known, summary=Summary())


def _limits_ns(settings: HealthSettings) -> dict[HealthState, int]:
    limits = {
        HealthState.QUARANTINED: settings.quarantine_timeout,
        HealthState.DEEP_TEST: settings.deep_test_timeout,
    }
    return {state: int(limit.total_seconds() * 1e9) for state, limit in limits.items() if limit}


def _overstays(known: GpuState, limits_ns: dict[HealthState, int], now_ns: int) -> bool:
    limit_ns = limits_ns.get(known.state)
    return limit_ns is not None and not known.overstayed and now_ns - known.state_changed_ns >= limit_ns
