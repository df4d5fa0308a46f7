"""A cluster, a database and the acting queue of an agent that can die after any step, all in this process.

The queue here keeps what the durable one keeps of a job: its recorded steps. A process that dies between the outside
world's answer and our record, or right after the record, is one that raises `Killed` there; what comes next is another
process with nothing but the database, the record and the cluster.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import insert, update
from tests.cluster_sources.conftest import Faults, Logs
from tests.postgres import postgres_server, postgres_url
from tests.storage.given import NOW, XID, Given, assessment, transcript, trigger

from gcm_sentinel.app.acting import load_tools
from gcm_sentinel.app.life.acting import ActingDispatch
from gcm_sentinel.app.life.action_job import ActionJob
from gcm_sentinel.app.life.action_rulings import Acting
from gcm_sentinel.app.life.pulse import Pulse
from gcm_sentinel.app.stores import IN_MEMORY, Stores, open_stores
from gcm_sentinel.clients.durable.config import JobRecord, JobState
from gcm_sentinel.clients.guarded import GuardedWriter
from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.domain.acting_policy import ActingPolicy
from gcm_sentinel.domain.action_record import ActionRecord, Approval, Decision
from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import Assessment, RecommendedAction
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.evidence import Evidence, ResultStatus, ToolResult
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.steps import Codec
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.domain.trigger import Incident
from gcm_sentinel.remediation.execute import Cluster, Executor
from gcm_sentinel.remediation.judge import Judge
from gcm_sentinel.remediation.survey import Surveyor
from gcm_sentinel.storage.finishing import Finished
from gcm_sentinel.storage.schema import incidents, symptoms
from gcm_sentinel.tools.context import ToolContext
from sentinel_fleet.kube import ObjectStore, Rules, kube_app, write_kubeconfig
from sentinel_fleet.kube.history import Change
from sentinel_fleet.kube.jsontypes import JsonObject

__all__ = ["postgres_server", "postgres_url"]

T = TypeVar("T")

FLEET = tuple(f"gpu-node-{number}" for number in range(1, 21))
NODE, OTHER = "gpu-node-1", "gpu-node-10"
"""One name is the beginning of the other."""
POLICY = ActingPolicy(max_out_of_service=0.1)
"""Two of the twenty nodes may be out."""
CORDON = Operation.CORDON_NODE


class Killed(BaseException):
    """Raised where a process would be killed; nothing of ours can catch it by mistake."""


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Death:
    """Where a process dies: at the step of this number (0 first), before or after it is recorded."""

    step: int
    recorded: bool


@dataclass
class Steps:
    """The recorded steps of one job, as one process runs them."""

    kept: list[tuple[str, str | SentinelError]]
    death: Death | None = None
    place: int = 0

    async def run(self, name: str, work: Callable[[], Awaitable[T]], codec: Codec[T]) -> T:
        place, self.place = self.place, self.place + 1
        if place == len(self.kept):
            try:
                outcome: str | SentinelError = json.dumps(codec.encode(await work()))
            except SentinelError as error:
                outcome = error
            self._die(Death(place, recorded=False))
            self.kept.append((name, outcome))
            self._die(Death(place, recorded=True))
        known, outcome = self.kept[place]
        assert known == name, f"step {place} was {known!r} and is {name!r} in the replay"
        if isinstance(outcome, SentinelError):
            raise outcome
        return codec.decode(json.loads(outcome))

    def _die(self, here: Death) -> None:
        if self.death == here:
            raise Killed


@dataclass
class Queue:
    """The acting queue's database: every job that was handed in, its steps, and whether it is over."""

    steps: dict[str, list[tuple[str, str | SentinelError]]] = field(default_factory=dict)
    over: dict[str, JobState] = field(default_factory=dict)

    async def submit(self, key: str, *, priority: int) -> None:
        self.steps.setdefault(key, [])

    async def look(self, key: str) -> JobRecord | None:
        if key not in self.steps:
            return None
        return JobRecord("acting", key, self.over.get(key, JobState.RUNNING), None, 1, None)

    async def cancel(self, key: str) -> None:
        if key in self.steps:
            self.over.setdefault(key, JobState.CANCELLED)

    @property
    def open(self) -> list[str]:
        return [key for key in self.steps if key not in self.over]


@dataclass
class Yard:
    """One agent's acting side over a cluster and a database."""

    store: ObjectStore
    client: KubernetesClient
    stores: Stores
    clock: Clock
    mode: Mode = Mode.EXECUTE
    policy: ActingPolicy = POLICY
    queue: Queue = field(default_factory=Queue)
    changed: list[str] = field(default_factory=list)
    """Names of the nodes, once for each time that one was changed in the cluster."""
    process: int = 1
    wrap: Callable[[GuardedWriter], Any] = lambda writer: writer

    @property
    def acting(self) -> Acting:
        tools = load_tools(ToolContext(self.client, self.clock, self.policy))
        writer = self.wrap(GuardedWriter(self.client, self.mode))
        cluster = Cluster(self.client, writer, self.clock, sleep=self.clock.sleep)
        surveyor = Surveyor(self.client, self.stores.actions, self.clock)
        judge = Judge(tools, surveyor, self.policy, self.mode)
        return Acting(judge, Executor(tools, cluster), surveyor, self.policy)

    @property
    def given(self) -> Given:
        return Given(self.stores.database)

    @property
    def cordoned(self) -> list[str]:
        return [item["metadata"]["name"] for item in self.store.list("nodes") if item["spec"].get("unschedulable")]

    def node(self, name: str = NODE) -> dict[str, Any]:
        found = self.store.get("nodes", name)
        assert found is not None
        return found

    def cordon(self, *names: str, by: str = "kubectl-cordon") -> None:
        """Somebody else does."""
        for name in names:
            node = self.node(name)
            self.store.put({**node, "spec": {**node["spec"], "unschedulable": True}}, manager=by)

    def mark(self, name: str = NODE, **labels: str) -> None:
        node = self.node(name)
        labelled = {**node["metadata"].get("labels", {}), **{key.replace("__", "/"): labels[key] for key in labels}}
        self.store.put({**node, "metadata": {**node["metadata"], "labels": labelled}}, manager="somebody")

    async def investigated(
        self,
        incident: str = "inc-1",
        node: str = NODE,
        *,
        seen: Evidence | None = None,
        concluded: Assessment | None = None,
        **verdict: Any,
    ) -> Incident:
        """An incident whose investigation saw its node, or `seen`, and ended with `verdict`, or as `concluded`; nothing
        is proposed yet."""
        await self.given.incident(incident, (trigger(node),))
        await self.given.investigation(incident)
        wrong = {"source": "kubernetes", "node": node, "node_uid": "", "kind": XID, "gpu_uuid": "", "status": "problem"}
        times = {"since": 0, "transition_at": None, "observed_at": 0, "incident_id": incident, "sequence": None}
        async with self.stores.database.writing() as connection:
            await connection.execute(insert(symptoms).values(**wrong, **times))
            await connection.execute(update(incidents).where(incidents.c.id == incident).values(revision=1))
        started = await self.stores.investigations.start(f"{incident}.1", "pod")
        assert started is not None
        await self.stores.evidence.put(f"{incident}.1", seen or sighting(node, self.clock.now()))
        done = Finished(concluded or verdict_of(incident, node, **verdict), transcript(), (), stand_in=False)
        await self.stores.investigations.finish(f"{incident}.1", done)
        return started

    async def proposed(self, incident: str = "inc-1", node: str = NODE, **about: Any) -> ActionRecord:
        """`investigated`, and the operation on the node proposed: a row, as dispatch finds it."""
        return await self.ask(await self.investigated(incident, node), about.pop("target", node), **about)

    async def ask(self, incident: Incident, node: str, operation: Operation = CORDON) -> ActionRecord:
        """Store a proposal of `incident` for any node, whatever the desk would say to it."""
        tools = load_tools(ToolContext(self.client, self.clock, self.policy))
        asked = {"node_name": node, "reason": "unfit for work"}
        plan = await tools[operation].plan(ToolCall("c", str(operation), asked), Scope(incident, ()))
        record = ActionRecord(replace(plan.order, asked_by="scripted"), str(self.mode), self.clock.now())
        await self.stores.actions.propose([record])
        return record

    async def close(self, incident: str) -> None:
        values = {"state": "closed", "closed_at": 1, "close_reason": "recovered"}
        async with self.stores.database.writing() as connection:
            await connection.execute(update(incidents).where(incidents.c.id == incident).values(values))

    async def work(self, *deaths: Death) -> None:
        """Hand over and run until nothing is left to do; processes die where `deaths` say, the next goes on."""
        left = list(deaths)
        while True:
            await self.hand_over()
            due = self.queue.open
            if not due:
                return
            for key in due:
                await self.run(key, left.pop(0) if left else None)

    async def hand_over(self) -> None:
        """By another process, that knows nothing of the former."""
        self.process += 1
        await ActingDispatch(self.stores, self.queue, self.clock, Pulse()).hand_over()

    async def run(self, key: str, death: Death | None = None) -> bool:
        """Run one job in a process of its own; False where that died."""
        name = f"pod-{self.process}"
        job = ActionJob(self.stores, self.acting, self.clock, Pulse(), executor=name)
        try:
            await job(key, Steps(self.queue.steps[key], death))
        except Killed:
            return False
        self.queue.over[key] = JobState.DONE
        return True

    async def question(self, record: ActionRecord) -> Approval:
        found = await self.stores.approvals.of_action(record.id)
        assert found is not None
        return found

    async def decide(self, record: ActionRecord, *, approve: bool = True) -> None:
        asked = await self.question(record)
        said = Decision(approve, asked.digest, "ada", "cli", self.clock.now(), "seen")
        await self.stores.approvals.decide(asked.id, said)

    async def now(self, record: ActionRecord) -> ActionRecord:
        found = await self.stores.actions.get(record.id)
        assert found is not None
        return found


def sighting(node: str, at: datetime) -> Evidence:
    """Evidence that shows a node."""
    result = ToolResult(ResultStatus.OK, "nodes", {"name": node}, entities=(Entity(EntityKind.NODE, node),))
    return Evidence("E1", "kubernetes", "get_node_info", {"node_name": node}, result, at, "d")


def verdict_of(
    incident: str,
    node: str,
    *,
    advises: str | None = None,
    confidence: float = 0.95,
    actions: Sequence[Action] = (Action.CORDON, Action.DRAIN),
) -> Assessment:
    """One that advises `actions` for the node `advises`, its own where nothing else is said."""
    about = Entity(EntityKind.NODE, advises or node)
    plain = assessment()
    advice = tuple(RecommendedAction(action, about, "unfit") for action in actions)
    draft = replace(plain.draft, confidence=confidence, actions=advice)
    return replace(plain, incident_id=incident, node=node, draft=draft)


async def again(yard: Yard, *, advises_it: bool) -> Incident:
    """A newer investigation of inc-1 is done; the incident as it saw it."""
    await yard.given.investigation("inc-1", 2)
    seen = await yard.stores.investigations.start("inc-1.2", "pod")
    assert seen is not None
    await yard.stores.evidence.put("inc-1.2", sighting(NODE, yard.clock.now()))
    verdict = verdict_of("inc-1", NODE, advises=NODE if advises_it else "gpu-node-2")
    await yard.stores.investigations.finish("inc-1.2", Finished(verdict, transcript(), (), stand_in=False))
    return seen


def put_node(store: ObjectStore, name: str, **metadata: Any) -> None:
    made = {"uid": f"uid-{name}", "creationTimestamp": "2026-01-01T00:00:00Z"}
    named = {"name": name, **made, "labels": {}, "annotations": {}, **metadata}
    status = {"capacity": {"nvidia.com/gpu": "8"}, "conditions": [{"type": "Ready", "status": "True"}]}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": named, "spec": {}, "status": status}
    store.put(node, manager="kubelet")


@asynccontextmanager
async def a_cluster(folder: Path) -> AsyncIterator[tuple[ObjectStore, KubernetesClient]]:
    """An API server with the fleet, and a client of it."""
    store = ObjectStore()
    for name in FLEET:
        put_node(store, name)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(TestServer(kube_app(store, Logs(), Faults(), time.time, Rules())))
        config = write_kubeconfig(str(server.make_url("")).rstrip("/"), folder / "kubeconfig")
        client = await KubernetesClient.connect(kubeconfig=config, timeout=timedelta(seconds=5))
        stack.push_async_callback(client.aclose)
        yield store, client


_OF_THE_SERVER = ("resourceVersion", "managedFields")


@asynccontextmanager
async def a_yard(folder: Path, url: str = IN_MEMORY, mode: Mode = Mode.EXECUTE) -> AsyncIterator[Yard]:
    clock = Clock()
    async with a_cluster(folder) as (store, client), open_stores(url, clock) as stores:
        yard = Yard(store, client, stores, clock, mode)
        store.listen(lambda plural, change: yard.changed.extend(_changed_by_a_client(change)))
        yield yard


def _changed_by_a_client(change: Change) -> list[str]:
    """The name of what changed; nothing where it is the taint alone that a cordoned node is given."""
    before = change.previous.obj if change.previous else {}
    return [] if _as_clients_left_it(before) == _as_clients_left_it(change.record.obj) else [change.record.key[1]]


def _as_clients_left_it(obj: JsonObject) -> JsonObject:
    metadata = {name: value for name, value in obj.get("metadata", {}).items() if name not in _OF_THE_SERVER}
    spec = obj.get("spec", {})
    taints = [taint for taint in spec.get("taints") or [] if taint["key"] != "node.kubernetes.io/unschedulable"]
    return {**obj, "metadata": metadata, "spec": {**spec, "taints": taints}}


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    """In `execute`, on SQLite in memory."""
    async with a_yard(tmp_path) as found:
        yield found
