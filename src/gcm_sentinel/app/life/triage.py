"""Triage: one decision at a time over everything that waits, applied in the transaction it was read in.

Every replica does this; the transaction serialises them, so there is no leader. Decisions repeat until nothing
changes, then the loop sleeps until new triggers are stored or the earliest moment at which time alone would change
something.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from gcm_sentinel.app.life.pulse import Pulse
from gcm_sentinel.app.life.stage import Stage
from gcm_sentinel.domain.errors import Bug
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.domain.triage_changes import (
    Investigate,
    Join,
    Merge,
    Move,
    OpenIncident,
    RuleOn,
    TriageChange,
    TriageSnapshot,
)
from gcm_sentinel.storage.triage import TriageStore
from gcm_sentinel.triage.fold import decide, next_due
from gcm_sentinel.triage.policy import Policy
from gcm_sentinel.triage.topology import FleetTopology

log = structlog.get_logger(__name__)

POLL_S = 5.0
"""Soonest another replica's triggers are seen when nobody rings."""
ROUNDS = 100
"""More decisions than this in a row that each change something are a fault of ours."""

OnChanges = Callable[[TriageSnapshot, Sequence[TriageChange], timedelta], None]
"""Hears of each decision: what it was made from, what it was, and how long it took with its transaction."""


def unheard(snapshot: TriageSnapshot, changes: Sequence[TriageChange], took: timedelta) -> None:
    """An `OnChanges` that does nothing."""


class TriageLoop:
    """Runs triage for one process."""

    def __init__(
        self,
        store: TriageStore,
        fleet: FleetTopology,
        policy: Callable[[], Policy],
        clock: Clock,
        pulse: Pulse,
        on_changes: OnChanges = unheard,
    ) -> None:
        """`policy` is asked before each decision, because the LLM's budget changes it."""
        self._store = store
        self._fleet = fleet
        self._policy = policy
        self._clock = clock
        self._pulse = pulse
        self._on_changes = on_changes
        self._wait_s = POLL_S
        self.stage = Stage("triage", clock)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if await self.stage.attempt(self.settle_all, self._pulse.triage.wait):
                await self._pulse.triage.wait(self._wait_s)

    async def settle_all(self) -> None:
        """Decide until nothing changes; afterwards it is known how long to wait.

        Raises:
            SentinelError: the database is away or damaged.
            Bug: decisions went on without end.
        """
        for _ in range(ROUNDS):
            if not await self._decide():
                return
        raise Bug(f"triage still changed something after {ROUNDS} decisions in a row")

    async def _decide(self) -> bool:
        now, policy, started = self._clock.now(), self._policy(), self._clock.monotonic()
        async with self._store.session(now, burst=policy.burst, cooldown=policy.cooldown) as session:
            changes = decide(session.snapshot, self._fleet.view(), policy, now)
            await session.apply(changes)
            due = next_due(session.snapshot, policy, now)
        for change in changes:
            _tell(change)
        took = timedelta(seconds=self._clock.monotonic() - started)
        self._on_changes(session.snapshot, changes, took)
        if any(isinstance(change, Investigate) for change in changes):
            self._pulse.dispatch.ring()
        left = due - now if due is not None else timedelta(seconds=POLL_S)
        self._wait_s = min(POLL_S, max(0.01, left.total_seconds()))
        return bool(changes)


def _tell(change: TriageChange) -> None:
    """One line of log for each decision."""
    match change:
        case OpenIncident():
            log.info("incident.opened", incident=change.id, scope=str(change.scope), triggers=len(change.trigger_ids))
        case Join():
            log.info("incident.joined", incident=change.incident_id, triggers=len(change.trigger_ids))
        case Merge():
            log.info("incident.merged", incident=change.incident_id, into=change.into)
        case RuleOn():
            log.info("triggers.ruled", state=str(change.state), triggers=len(change.trigger_ids), reason=change.reason)
        case Investigate():
            fields = {"incident": change.incident_id, "revision": change.revision, "why": str(change.why)}
            log.info("investigation.wanted", urgency=change.urgency.name.lower(), **fields)
        case Move():
            fields = {"state": str(change.state), "reason": change.reason, "flaps": change.flaps}
            log.info("incident.moved", incident=change.incident_id, **fields)
