"""A fleet that changes at random, an API server in bad weather, and an agent that crashes: all drawn from one seed.

`Fleet` keeps its own account of what an agent that was never disturbed would have stored. It shares no code with the
watcher: every change writes down what it should bring.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeAlias

from sqlalchemy import select
from tests.watch.conftest import Cluster, until

from gcm_sentinel.clients.kubernetes import KubernetesClient, WatchTimes
from gcm_sentinel.domain.conditions import fault_family
from gcm_sentinel.domain.errors import Unreachable
from gcm_sentinel.domain.incident_record import Symptom
from gcm_sentinel.domain.trigger import Trigger, TriggerStatus
from gcm_sentinel.storage.codecs import when_known
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.schema import triggers as stored
from gcm_sentinel.storage.triggers import Triggers
from gcm_sentinel.watch.kubernetes import NodeConditionWatcher
from gcm_sentinel.watch.pace import Pace

Row: TypeAlias = tuple[str, str, str, datetime | None]
"""Node uid, kind, status, transition."""
KINDS = ("GpuXid", "GpuCount", "GpuEcc", "Ready")
START = datetime(2026, 11, 20, 12, tzinfo=UTC)
TIMES = WatchTimes(timedelta(milliseconds=150), timedelta(milliseconds=300), grace=timedelta(milliseconds=50))
PACE = Pace(first=timedelta(milliseconds=1), longest=timedelta(milliseconds=10))


def row(trigger: Trigger) -> Row:
    return (trigger.node_uid or "", trigger.kind, str(trigger.status), trigger.transition_at)


@dataclass
class Node:
    uid: str
    conditions: dict[str, tuple[str, datetime]] = field(default_factory=dict)


@dataclass
class Fleet:
    """The nodes as they are, and everything that should have been stored about them."""

    cluster: Cluster
    rng: random.Random
    clocks_step: bool = True
    nodes: dict[str, Node] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    wrong: dict[tuple[str, str], Row] = field(default_factory=dict)
    created: int = 0
    stamps: int = 0
    node_clock: timedelta = timedelta()
    """How far the clocks of the nodes are off; steps at random, so transitions do not grow with time."""

    def name(self, untouched: set[str] | None) -> str | None:
        """A random node name; with `untouched`, one of those, which it leaves."""
        names = sorted(untouched) if untouched is not None else [f"gpu-{number}" for number in range(12)]
        chosen = self.rng.choice(names) if names else None
        if untouched is not None and chosen is not None:
            untouched.discard(chosen)
        return chosen

    def change(self, untouched: set[str] | None = None) -> None:
        """Do something to one node; with `untouched`, to one of those only."""
        name = self.name(untouched)
        if name is None:
            return
        if name not in self.nodes:
            self._create(name)
            return
        act = self.rng.choice([self._flip, self._flip, self._flip, self._unset, self._delete, self._renew, self._beat])
        act(name)

    def _stamp(self) -> datetime:
        self.stamps += 1
        if self.clocks_step and self.rng.random() < 0.2:
            self.node_clock = timedelta(hours=self.rng.randrange(-12, 12))
        return START + self.node_clock + timedelta(seconds=self.stamps)

    def _observe(self, node: Node, kind: str, status: str | None) -> None:
        """Set one condition (None: no longer reported) and write down what that should bring."""
        at = self._stamp()
        before = self.wrong.pop((node.uid, kind), None)
        bad = verdict(kind, status)
        if status is None:
            node.conditions.pop(kind, None)
        else:
            node.conditions[kind] = (status, at)
        if bad is not None:
            self.wrong[node.uid, kind] = (node.uid, kind, bad, at)
            self.rows.append(self.wrong[node.uid, kind])
        elif before is not None:
            self.rows.append((node.uid, kind, "recovered", before[3] if status is None else at))

    def _publish(self, name: str) -> None:
        node = self.nodes[name]
        conditions = [
            {"type": kind, "status": status, "lastTransitionTime": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
            for kind, (status, at) in node.conditions.items()
        ]
        metadata = {"name": name, "uid": node.uid, "labels": {"rack": f"r{self.stamps % 3}"}}
        node_object = {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": {"conditions": conditions}}
        self.cluster.store.put(node_object)

    def _create(self, name: str) -> None:
        self.created += 1
        node = self.nodes[name] = Node(f"{name}-{self.created}")
        for kind in KINDS:
            self._observe(node, kind, self.rng.choice(["True", "False", "Unknown", None]))
        self._publish(name)

    def _flip(self, name: str) -> None:
        self._observe(self.nodes[name], self.rng.choice(KINDS), self.rng.choice(["True", "False", "Unknown"]))
        self._publish(name)

    def _unset(self, name: str) -> None:
        self._observe(self.nodes[name], self.rng.choice(KINDS), None)
        self._publish(name)

    def _delete(self, name: str) -> None:
        node = self.nodes.pop(name)
        for kind in KINDS:
            self._observe(node, kind, None)
        self.cluster.store.delete("nodes", name)

    def _renew(self, name: str) -> None:
        self._delete(name)
        self._create(name)

    def _beat(self, name: str) -> None:
        self.cluster.store.patch("nodes", name, {"metadata": {"annotations": {"beat": str(self._stamp())}}})


def verdict(kind: str, status: str | None) -> str | None:
    """What a condition should be told as; None for all is well."""
    if kind == "Ready":
        return "problem" if status in ("False", "Unknown") else None
    return {"True": "problem", "Unknown": "unknown"}.get(status or "")


class Storage(Protocol):
    """Where an agent stores; what a crashed one leaves behind."""

    async def store(self, observed: Sequence[Trigger]) -> int: ...
    async def wrong_now(self, source: str) -> Sequence[Symptom]: ...
    async def everything(self) -> Sequence[Row]: ...


@dataclass
class SetStorage:
    """The simplest storage there can be: a list of rows and what is wrong now."""

    rows: list[Row] = field(default_factory=list)
    fingerprints: set[str] = field(default_factory=set)
    wrong: dict[tuple[str, str], Symptom] = field(default_factory=dict)

    async def store(self, observed: Sequence[Trigger]) -> int:
        await asyncio.sleep(0)
        new = [trigger for trigger in observed if trigger.fingerprint not in self.fingerprints]
        for trigger in new:
            self.fingerprints.add(trigger.fingerprint)
            self.rows.append(row(trigger))
            key = (trigger.node_uid or "", trigger.kind)
            self.wrong.pop(key, None)
            if trigger.status is not TriggerStatus.RECOVERED:
                self.wrong[key] = symptom(trigger)
        await asyncio.sleep(0)  # an agent that dies here has stored and not acknowledged
        return len(new)

    async def wrong_now(self, source: str) -> Sequence[Symptom]:
        return tuple(self.wrong.values())

    async def everything(self) -> Sequence[Row]:
        return self.rows


class FileStorage:
    """The agent's own storage, in a SQLite file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._triggers = Triggers(database)
        self.store = self._triggers.store
        self.wrong_now = self._triggers.wrong_now

    async def everything(self) -> Sequence[Row]:
        columns = (stored.c.node_uid, stored.c.kind, stored.c.status, stored.c.transition_at)
        async with self._database.reading() as connection:
            found = (await connection.execute(select(*columns))).all()
        return [(uid, kind, status, when_known(at)) for uid, kind, status, at in found]


def symptom(trigger: Trigger) -> Symptom:
    since = trigger.transition_at or trigger.observed_at
    family = fault_family(trigger.kind)
    return Symptom(trigger.node, trigger.kind, family, trigger.status, since, node_uid=trigger.node_uid or "")


class SteppingClock:
    """A wall clock that somebody keeps setting."""

    def __init__(self) -> None:
        self.offset = timedelta(hours=1)
        self._begun_s = time.monotonic()

    def now(self) -> datetime:
        return START + self.offset + timedelta(seconds=self.monotonic() - self._begun_s)

    def monotonic(self) -> float:
        return time.monotonic()


class Agent:
    """A watcher and an intake in front of a storage; both can be killed and begun again."""

    def __init__(self, client: KubernetesClient, storage: Storage, clock: SteppingClock) -> None:
        self.client = client
        self.storage = storage
        self.clock = clock
        self.away_s = 0.0
        """How long the storage is away from now on."""
        self.storing = False
        self.stored = 0
        self.seen_twice = 0

    async def begin(self) -> None:
        known = await self.storage.wrong_now("kubernetes")
        self.stored = len(await self.storage.everything())
        self.watcher = NodeConditionWatcher(self.client, clock=self.clock, known=known, pace=PACE)
        self.task = asyncio.create_task(self._intake())

    async def crash(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task

    async def _intake(self) -> None:
        async with aclosing(self.watcher.batches()) as batches:
            async for batch in batches:
                self.storing = True
                while not await self._stored(batch):
                    pass
                self.storing = False

    async def _stored(self, batch: Sequence[Trigger]) -> bool:
        try:
            if self.away_s:
                away_s, self.away_s = self.away_s, 0.0
                await asyncio.sleep(away_s)
                raise Unreachable("the database is away")
            new = await self.storage.store(batch)
            self.stored += new
            self.seen_twice += len(batch) - new
        except Unreachable:
            return False
        return True


@dataclass
class Weather:
    """What befalls the API server and the agent."""

    cluster: Cluster
    agent: Agent
    rng: random.Random
    rough: bool = True
    """Whether clocks step, and the agent may die while it is storing."""

    async def strike(self, *, forgetful: bool) -> None:
        """Something goes wrong; with `forgetful`, also such that what happened meanwhile can only be inferred."""
        acts: list[Callable[[], Awaitable[None]]] = [self._end, self._end, self._outage, self._database]
        if self.rough:
            acts.append(self._clock)
        if forgetful:
            acts += [self._expire, self._compact, self._restart]
        await self.rng.choice(acts)()

    async def _end(self) -> None:
        self.cluster.store.end_watches(self.rng.choice(["close", "drop", "drop", "tear", "hang"]))

    async def _outage(self) -> None:
        self.cluster.faults.kubernetes = self.rng.choice(["refuse", "503", "timeout", None])

    async def _clock(self) -> None:
        self.agent.clock.offset = timedelta(hours=self.rng.randrange(-20, 20))

    async def _database(self) -> None:
        self.agent.away_s = self.rng.random() * 0.03

    async def _expire(self) -> None:
        self.cluster.store.end_watches("expire")

    async def _compact(self) -> None:
        self.cluster.store.compact()

    async def _restart(self) -> None:
        if not self.rough:
            await until(lambda: not self.agent.storing)
        await self.agent.crash()
        await self.agent.begin()
