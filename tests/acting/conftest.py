"""An agent in an acting mode on a served fleet, its model scripted, its queues in memory, its database a file."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.settings import load as load_settings
from gcm_sentinel.app.stores import Stores, open_stores
from gcm_sentinel.app.wiring import Given, open_agent
from gcm_sentinel.app.workflow import Work, Workflow
from gcm_sentinel.clients.durable import LocalQueue
from gcm_sentinel.domain.action_record import ActionRecord, ActionState, Approval, Decision
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.protocols import Model
from gcm_sentinel.domain.transcript import SUBMIT_TOOL, Transcript
from gcm_sentinel.llm.scripted import ScriptedModel, calling
from gcm_sentinel.storage.incidents import IncidentFilter
from sentinel_fleet.scenario import load
from sentinel_fleet.serve import Fleet, serve

VERDICT = ("severity", "action-state")
"""Annotations by which writes of a verdict are told from those of an action."""
DEADLINE_S = 20.0
CONDITION = "GcmXidErrorsProblem"
SCENARIO = f"""
schema: gcm-sentinel/scenario/v1
id: small
title: One bad condition
section: A
draw:
  node: {{node: {{}}}}
fleet: {{racks: 1, nodes_per_rack: 4, history: 6h}}
facts:
  - condition: {{node: "${{node}}", at: 0s, type: {CONDITION}, status: "True", reason: R, message: "Xid 79 on GPU 2"}}
trigger: {{node: "${{node}}", condition: {CONDITION}}}
expect:
  fault_class: [gpu_off_bus]
  severity: [critical]
"""


@dataclass
class Site:
    """A fleet, an agent's database, and short ways to run the one on the other."""

    fleet: Fleet
    url: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def node(self) -> str:
        """The sick node."""
        return self.fleet.world.trigger.node

    @property
    def others(self) -> list[str]:
        """The well ones."""
        return [item.name for item in self.fleet.world.fleet.nodes if item.name != self.node]

    @property
    def cordoned(self) -> list[str]:
        """Names of the unschedulable nodes."""
        return [
            item["metadata"]["name"] for item in self.fleet.store.list("nodes") if item["spec"].get("unschedulable")
        ]

    @property
    def writes(self) -> list[str]:
        """What the API server was asked to change beside Events and the annotations of a verdict."""
        return [
            f"{item.method} {item.path}"
            for item in self.fleet.requests
            if "/events" not in item.path and not any(f"gcm-sentinel/{key}" in item.body for key in VERDICT)
        ]

    def verdict(
        self, *actions: str, node: str | None = None, gpu: str | None = None, confidence: float = 0.9
    ) -> JsonObject:
        """An assessment that rests on E1 and advises `actions`, for a GPU of the sick node where `gpu` says which."""
        about = {"kind": "node", "name": node or self.node}
        if gpu is not None:
            about = {"kind": "gpu", "name": gpu, "uuid": gpu, "node": self.node}
        return {
            "severity": "critical", "fault_class": "gpu_off_bus", "summary": "a GPU is off the bus",
            "root_cause": "PCIe", "confidence": confidence,
            "actions": [{"action": action, "target": about, "reason": "unfit"} for action in actions],
            "claims": [{"text": "the condition is there", "cites": [{"evidence": "E1", "quote": CONDITION}]}],
        }  # fmt: skip

    def model(self, *turns: Any) -> ScriptedModel:
        """A model that looks at the nodes, the sick one first, then plays `turns`."""
        looks = [("get_node_info", {"node_name": name}) for name in (self.node, *self.others)]
        return ScriptedModel([calling(*looks), *turns])

    def cordons(self, node: str | None = None, *, verdict: JsonObject | None = None) -> ScriptedModel:
        """A model that looks, proposes to cordon, and submits."""
        ask = {"node_name": node or self.node, "reason": "unfit for work"}
        return self.model(calling(("cordon_node", ask)), calling((SUBMIT_TOOL, verdict or self.verdict("cordon"))))

    @asynccontextmanager
    async def serving(self, mode: str, model: Model, **settings: Any) -> AsyncIterator[Stores]:
        """An agent at work; gives its stores."""
        flags = {
            "action_mode": mode, "kubeconfig": self.fleet.kubeconfig, "prometheus_url": "", "alertmanager_url": "",
            "settle_seconds": 0.05, "http_port": 0, **self.settings, **settings,
        }  # fmt: skip
        async with AsyncExitStack() as stack:
            clock = SystemClock()
            stores = await stack.enter_async_context(open_stores(self.url, clock))
            given = Given(clock=clock, stores=stores, model=model)
            agent = await stack.enter_async_context(open_agent(load_settings(flags), given))
            workflow, stop = Workflow(agent, stores), asyncio.Event()
            to_investigate = await stack.enter_async_context(_queue(workflow.investigating))
            to_deliver = await stack.enter_async_context(_queue(workflow.delivering))
            to_act = await stack.enter_async_context(_queue(workflow.acting)) if workflow.acting else None
            task = asyncio.create_task(workflow.run((to_investigate, to_deliver), stop, to_act=to_act))
            try:
                yield stores
            finally:
                stop.set()
                await asyncio.wait([task], timeout=10)
                task.result()


def _queue(work: Work) -> AbstractAsyncContextManager[LocalQueue]:
    return LocalQueue.open(work.job, concurrency=work.concurrency)


async def until(look: Callable[[], Any]) -> Any:
    """What `look` gives, as soon as it gives something."""
    async with asyncio.timeout(DEADLINE_S):
        while not (found := await look()):  # noqa: ASYNC110 - a database tells nobody
            await asyncio.sleep(0.02)
    return found


async def action(stores: Stores, *states: ActionState) -> ActionRecord:
    """The one action, once it stands at one of `states`."""

    async def look() -> Any:
        return await stores.actions.in_state(*states)

    record: ActionRecord = (await until(look))[0]
    return record


async def question(stores: Stores) -> Approval:
    """The one question that waits for a person, once its action waits too: a question is stored a moment earlier."""

    async def look() -> Any:
        asked = await stores.approvals.waiting(SystemClock().now())
        return asked and await stores.actions.in_state(ActionState.WAITING) and asked

    found: Approval = (await until(look))[0]
    return found


async def assessed(stores: Stores) -> None:
    """Until an assessment is stored, and with it whatever was proposed."""

    async def look() -> Any:
        rows = [await stores.incidents.get(row.record.id) for row in await stores.incidents.list(IncidentFilter())]
        return [item for row in rows if row for item in row.investigations if item.outcome is not None]

    await until(look)


def decision(asked: Approval, *, approve: bool = True) -> Decision:
    """What ada says."""
    return Decision(approve, asked.digest, "ada", "cli", SystemClock().now(), "seen")


def replies(model: ScriptedModel, tool: str) -> list[str]:
    """What the model was told about its calls of `tool`."""
    transcript: Transcript = model.asked[-1][0]
    return [
        reply.content
        for entry in transcript.entries
        for reply in getattr(entry, "replies", ())
        if reply.call.name == tool
    ]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("GCM_SENTINEL_")]:
        monkeypatch.delenv(name)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "scenario.yaml").write_text(SCENARIO)
    world = load(folder / "scenario.yaml").realise(1, anchor=time.time())
    async with serve(world) as fleet:
        yield Site(fleet, f"sqlite:///{tmp_path}/incidents.db")
