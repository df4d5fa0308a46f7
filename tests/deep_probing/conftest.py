"""An agent's acting side over a cluster, and a real server of the node's service over two GPUs of a drained node."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.acting_safety.conftest import Clock, Yard, a_cluster, put_node, verdict_of
from tests.deep_probe_source.machine import NODE, SMS, SUSPECT, GivenOutcomes, idle
from tests.node_agent_client.conftest import loopback
from tests.node_service.conftest import Given, serving

from gcm_sentinel.app.acting import load_tools
from gcm_sentinel.app.life.action_rulings import Acting
from gcm_sentinel.app.stores import IN_MEMORY, open_stores
from gcm_sentinel.clients.guarded import GuardedWriter
from gcm_sentinel.clients.guarded_probes import GuardedProbes
from gcm_sentinel.clients.node_agent import NodeAgents
from gcm_sentinel.clients.node_agent_access import NodeAccess
from gcm_sentinel.domain.action_record import ActionRecord
from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.deep_probing import DeepProbing
from gcm_sentinel.domain.entity import gpu
from gcm_sentinel.domain.errors import Unreachable
from gcm_sentinel.domain.evidence import Evidence, ResultStatus, ToolResult
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.node_agent import ProbePermission
from gcm_sentinel.domain.node_probes import Follower, ProbeOrder, ProbeRun, nobody
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.remediation import Plan, RemediationTool
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.domain.trigger import Incident
from gcm_sentinel.remediation.execute import Cluster, Executor
from gcm_sentinel.remediation.judge import Judge
from gcm_sentinel.remediation.keeping import Keeper
from gcm_sentinel.remediation.probing import Pace, ProbeRunner
from gcm_sentinel.remediation.survey import Surveyor
from gcm_sentinel.tools import run_deep_probe
from gcm_sentinel.tools.context import ToolContext
from sentinel_node.domain.probes import Outcome, ProbePlan, ProbeReport
from sentinel_node.domain.seams import ProbeWatch

GPU = SUSPECT.uuid
PROBES = ("fma", "tensor_core", "transcendental", "aes", "register_file", "shared_memory", "memory")
HOT = ("tensor_core", "fma")
KEY = f"inc-1.1/run_deep_probe/{GPU}@proposed"
"""Of the job that sees the order of inc-1 through."""
OPERATION = Operation.RUN_DEEP_PROBE
SWIFT = Pace(waits=timedelta(seconds=40), look=timedelta(seconds=0.02))
"""Three tries where nothing is heard."""
ALL_PASS = (Outcome.PASS,) * SMS


@dataclass
class Bench(GivenOutcomes):
    """Answers each probe as a test says, and can be held in one of them."""

    of_kind: dict[tuple[str, str], tuple[Outcome, ...]] = field(default_factory=dict)
    """By GPU and kind; a PASS on every SM for all others."""
    breaks: dict[str, Exception] = field(default_factory=dict)
    """Kinds that come to no report."""
    holds: str = ""
    """The kind that goes on until it is stopped."""
    held: threading.Event = field(default_factory=threading.Event)
    """It has begun."""
    stopped: threading.Event = field(default_factory=threading.Event)
    at_once: list[str] = field(default_factory=list)
    most_at_once: int = 0

    @property
    def ran(self) -> list[tuple[str, str]]:
        """GPU and kind of every run that began."""
        return [(plan.gpu_uuid, str(plan.kind)) for plan in self.plans]

    def run(self, plan: ProbePlan, watch: ProbeWatch) -> ProbeReport:
        self.at_once.append(plan.gpu_uuid)
        self.most_at_once = max(self.most_at_once, len(self.at_once))
        try:
            return self._run(plan, watch)
        finally:
            self.at_once.remove(plan.gpu_uuid)

    def _run(self, plan: ProbePlan, watch: ProbeWatch) -> ProbeReport:
        if plan.kind in self.breaks:
            self.plans.append(plan)
            raise self.breaks[plan.kind]
        if plan.kind == self.holds:
            self.held.set()
            while not watch.is_stopped:
                threading.Event().wait(0.005)
            self.stopped.set()
        self.given = {plan.gpu_uuid: self.of_kind.get((plan.gpu_uuid, str(plan.kind)), ALL_PASS)}
        return super().run(plan, watch)


class Gone(NodeAgents):
    """An agent that went away after it described its node."""

    async def run_probe(self, node: str, order: ProbeOrder, follow: Follower = nobody) -> ProbeRun:
        raise Unreachable(f"agent on node {node!r}: it does not answer")


@dataclass
class Site(Yard):
    """A yard whose node has an agent that probes."""

    agents: NodeAgents | None = None
    may_ask: ProbePermission = ProbePermission.DEEP
    pace: Pace = SWIFT
    limits: DeepProbing = DeepProbing()

    @property
    def context(self) -> ToolContext:
        seen = ToolContext(self.client, self.clock, self.policy, node_agents=self.agents)
        return replace(seen, probes=self.may_ask, deep_probing=self.limits)

    @property
    def acting(self) -> Acting:
        assert self.agents is not None
        tools: dict[Operation, RemediationTool] = {**load_tools(self.context), OPERATION: self.tool}
        keeper = Keeper(self.stores.evidence, self.clock, Redactor())
        probes = ProbeRunner(
            GuardedProbes(self.agents, self.mode), keeper, self.clock, self.pace, sleep=self.clock.sleep
        )
        writer = GuardedWriter(self.client, self.mode)
        cluster = Cluster(self.client, writer, self.clock, sleep=self.clock.sleep, probes=probes)
        surveyor = Surveyor(self.client, self.stores.actions, self.clock)
        return Acting(Judge(tools, surveyor, self.policy, self.mode), Executor(tools, cluster), surveyor, self.policy)

    @property
    def tool(self) -> RemediationTool:
        built = run_deep_probe.build(self.context)
        assert built is not None
        return built

    def drained(self, *, unschedulable: bool = True, by: str = "gcm-sentinel") -> None:
        """The node is cordoned and empty; or is not cordoned any more, or by somebody else."""
        node = self.node(NODE)
        self.store.put({**node, "spec": {**node["spec"], "unschedulable": unschedulable}}, manager=by)

    def put_pod(self) -> None:
        """A pod with a GPU runs on the node."""
        limits = {"limits": {"nvidia.com/gpu": "1"}}
        spec = {"nodeName": NODE, "containers": [{"name": "main", "resources": limits}]}
        metadata = {"name": "train-0", "namespace": "ml", "uid": "uid-train-0"}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": {"phase": "Running"}}
        self.store.put(pod, manager="scheduler")

    async def agents_gone(self) -> None:
        """Nobody answers on the node any more; for whoever plans it still looks as before."""
        assert self.agents is not None
        self.agents = Gone(self.agents.access)

    async def plan(self, incident: Incident | None = None, **arguments: Any) -> Plan:
        """What the tool would do when a model asks for it."""
        asked = {"gpu_uuid": GPU, "node_name": NODE, "reason": "SM 2 computes wrongly", **arguments}
        incident = incident or await self.given_incident()
        return await self.tool.plan(ToolCall("c", str(OPERATION), asked), Scope(incident, (shown(self.clock.now()),)))

    async def given_incident(self) -> Incident:
        """Inc-1: its investigation saw the GPU, and advises to probe it."""
        plain = verdict_of("inc-1", NODE, actions=(Action.PROBE_DEEP,))
        advice = tuple(replace(item, target=gpu(NODE, index=0, uuid=GPU)) for item in plain.draft.actions)
        concluded = replace(plain, draft=replace(plain.draft, actions=advice))
        return await self.investigated(node=NODE, seen=shown(self.clock.now()), concluded=concluded)

    async def ordered(self) -> ActionRecord:
        """The order is proposed, as dispatch finds it."""
        plan = await self.plan()
        record = ActionRecord(replace(plan.order, asked_by="scripted"), str(self.mode), self.clock.now())
        await self.stores.actions.propose([record])
        return record

    async def probed(self) -> ActionRecord:
        """The order as it ends."""
        record = await self.ordered()
        await self.work()
        return await self.now(record)

    async def kept(self) -> list[Evidence]:
        """What was kept of the probes, in their order."""
        found = [item for item in await self.stores.evidence.all("inc-1.1") if item.id.startswith("P")]
        return sorted(found, key=lambda item: int(item.id.partition("-")[2]))


def shown(at: datetime) -> Evidence:
    """Evidence that shows the GPU in its node."""
    result = ToolResult(ResultStatus.OK, "gpus", {}, entities=(gpu(NODE, index=0, uuid=GPU),))
    return Evidence("E1", "sentinel", "get_sentinel_gpu_health", {"node_name": NODE}, result, at, "d")


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """Logs go nowhere, unless a test captures them."""
    structlog.configure(
        processors=[structlog.processors.KeyValueRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def given(bench: Bench) -> Given:
    return Given(prober=bench, telemetry=idle())


@asynccontextmanager
async def a_site(folder: Path, given: Given, mode: Mode = Mode.EXECUTE) -> AsyncIterator[Site]:
    """A drained node beside the fleet, and its agent."""
    clock = Clock()
    async with a_cluster(folder) as (store, client), open_stores(IN_MEMORY, clock) as stores, serving(given) as port:
        put_node(store, NODE)
        agents = NodeAgents(NodeAccess(f"{{node_ip}}:{port}", ip_of=loopback))
        site = Site(store, client, stores, clock, mode, agents=agents)
        site.drained()
        yield site


@pytest.fixture
async def site(tmp_path: Path, given: Given) -> AsyncIterator[Site]:
    """In `execute`."""
    async with a_site(tmp_path, given) as found:
        yield found
