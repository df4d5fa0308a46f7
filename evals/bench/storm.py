"""A storm through storage and triage: 5,000 triggers in 10 s from 3 causes over 5,000 nodes, on a SQLite file.

The fleet has racks of 16 nodes under power feeds, leaf switches and two driver versions, laid across one another so
that no cause is also a rack. The triggers come in order of nobody: shuffled by a seed, in batches of what is there.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from gcm_sentinel.domain.incident_record import IncidentState
from gcm_sentinel.domain.trigger import Trigger, TriggerStatus
from gcm_sentinel.evals.bench.figure import Figure
from gcm_sentinel.storage.census import take_census
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.incidents import IncidentFilter, Incidents
from gcm_sentinel.storage.triage import TriageStore
from gcm_sentinel.storage.triggers import Triggers
from gcm_sentinel.triage.fold import decide
from gcm_sentinel.triage.policy import Policy
from gcm_sentinel.triage.topology import FleetTopology

NODES = 5000
STORM_S = 10.0
_DEADLINE_S = 120.0
_TICK_S = 0.2
_LABELS = {"rack": "rack", "power_feed": "feed", "leaf_switch": "leaf", "driver_version": "driver"}
_CAUSES = (("GcmProcZombieProblem", "feed", "feed-1"), ("GpuXidError", "driver", "590.10"), ("IbDev", "leaf", "leaf-7"))


class _Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def _fleet() -> dict[str, dict[str, str]]:
    """Node -> labels: a feed for the first 2,000, a new driver on 1,800 others, one leaf for the 1,200 left."""
    nodes = {}
    for number in range(NODES):
        leaf = "leaf-7" if number >= 3800 else f"leaf-{100 + number % 60}"
        labels = {"rack": f"rack-{number % 313}", "feed": "feed-1" if number < 2000 else f"feed-{2 + number % 7}"}
        driver = "590.10" if 2000 <= number < 3800 else "580.95"
        nodes[f"gpu-{number:04d}"] = {**labels, "leaf": leaf, "driver": driver}
    return nodes


def _triggers(fleet: dict[str, dict[str, str]], seed: int) -> list[Trigger]:
    """One trigger a node, each from the cause that reaches it."""
    found = []
    for node, labels in fleet.items():
        kind = next(kind for kind, label, value in _CAUSES if labels[label] == value)
        at = datetime.now(UTC)
        found.append(Trigger("kubernetes", node, kind, TriggerStatus.PROBLEM, "Storm", "a storm", at, at, node))
    random.Random(seed).shuffle(found)  # noqa: S311 - an order, not a secret
    return found


def storm() -> tuple[Figure, ...]:
    """Incidents opened, triggers lost, and how long after the last stored trigger the last one was folded."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_storm(Path(folder)))


async def _storm(folder: Path) -> tuple[Figure, ...]:
    labels = _fleet()
    fleet = FleetTopology(_LABELS)
    for node, found in labels.items():
        fleet.seen(node, found)
    async with Database.open(f"sqlite:///{folder / 'storm.db'}", clock=_Clock()) as database:
        async with asyncio.timeout(_DEADLINE_S), asyncio.TaskGroup() as tasks:
            storing = tasks.create_task(_store(database, _triggers(labels, seed=1)))
            folding = tasks.create_task(_fold(database, fleet, storing))
        stored_at, folded_at = storing.result(), folding.result()
        rows = await Incidents(database).list(IncidentFilter(open_only=False, limit=1000))
        living = [row for row in rows if row.record.state is not IncidentState.CLOSED]
        lost = NODES - sum(len(row.record.nodes) for row in living)
    return (
        Figure("storm: incidents of 3 causes", len(living), "", "3"),
        Figure("storm: triggers lost of 5,000", lost, "", "0"),
        Figure("storm: folded after the last was stored", folded_at - stored_at, "s", "< 5"),
    )


async def _store(database: Database, triggers: list[Trigger]) -> float:
    """Store the storm as it comes; when the last of it was stored."""
    started = time.monotonic()
    for batch in _batches(triggers):
        await Triggers(database).store(batch)
        due = started + STORM_S * (triggers.index(batch[-1]) + 1) / len(triggers)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    return time.monotonic()


def _batches(triggers: list[Trigger]) -> Iterator[list[Trigger]]:
    sizes = random.Random(2)  # noqa: S311 - an order, not a secret
    place = 0
    while place < len(triggers):
        size = sizes.randint(1, 100)
        yield triggers[place : place + size]
        place += size


async def _fold(database: Database, fleet: FleetTopology, storing: asyncio.Task[float]) -> float:
    """Triage as the agent runs it, until nothing waits and nothing more comes; when that was."""
    policy, store = Policy(), TriageStore(database)
    while True:
        now = datetime.now(UTC)
        async with store.session(now, burst=policy.burst, cooldown=policy.cooldown) as session:
            changes = decide(session.snapshot, fleet.view(), policy, now)
            await session.apply(changes)
        if storing.done() and not changes and not (await take_census(database)).pending_triggers:
            return time.monotonic()
        if not changes:
            await asyncio.sleep(_TICK_S)
