"""Two incidents at once, in any order of proposals, decisions, expiries, closings, crashes and repairs.

A witness (witness.py) stands in the API server and complains about every request that no order of that node's own
incident asks for, or nobody allowed. The plans are drawn by Hypothesis; each example has a database and a fleet of its
own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.acting_safety.conftest import FLEET, NODE, OTHER, Clock, Death, Queue, Yard, put_node
from tests.acting_safety.witness import HOMES, watched

from gcm_sentinel.app.acting import load_tools
from gcm_sentinel.app.life.acting_repair import ActingRepair
from gcm_sentinel.app.stores import IN_MEMORY, open_stores
from gcm_sentinel.domain.action_record import ActionRecord, ActionState
from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.tools.context import ToolContext
from sentinel_fleet.kube import ObjectStore

ENDED = {ActionState.DONE, ActionState.REFUSED, ActionState.FAILED, ActionState.UNDONE}
OPERATIONS = (Operation.CORDON_NODE, Operation.DRAIN_NODE, Operation.TAINT_NODE)
ADVICE = (Action.CORDON, Action.DRAIN, Action.TAINT)
TAINT = {"key": "gcm-sentinel/unfit", "value": "xid", "effect": "NoSchedule"}

incident = st.sampled_from(sorted(HOMES))
operation = st.sampled_from(OPERATIONS)
death = st.none() | st.builds(Death, st.integers(0, 10), recorded=st.booleans())
happening = st.one_of(
    st.tuples(st.just("propose"), incident, st.sampled_from([*HOMES.values(), FLEET[4]]), operation),
    st.tuples(st.just("approve"), incident),
    st.tuples(st.just("deny"), incident),
    st.tuples(st.just("run"), incident, death),
    st.tuples(st.just("run_all_at_once"), death),
    st.tuples(st.just("wait"), st.sampled_from([1, 20, 61])),
    st.tuples(st.just("close"), incident),
    st.tuples(st.just("cordon"), st.sampled_from(FLEET[:6])),
    st.tuples(st.just("forget"), incident),
    st.tuples(
        st.just("repair"),
    ),
    st.tuples(
        st.just("restart"),
    ),
)


class Story:
    """What happens in one example."""

    def __init__(self, yard: Yard) -> None:
        self.yard = yard
        self.incidents: dict[str, Any] = {}

    async def happen(self, what: str, *about: Any) -> None:
        await getattr(self, what)(*about)

    async def propose(self, incident_id: str, node: str, operation: Operation) -> None:
        """By a model that may ask for the wrong node, past a desk that let it."""
        yard, found = self.yard, self.incidents[incident_id]
        tool = load_tools(ToolContext(yard.client, yard.clock, yard.policy))[operation]
        asked = {"node_name": node, "reason": "unfit for work", **(TAINT if operation is OPERATIONS[2] else {})}
        plan = await tool.plan(ToolCall("c", str(operation), asked), Scope(found, ()))
        record = ActionRecord(replace(plan.order, asked_by="scripted"), str(yard.mode), yard.clock.now())
        await yard.stores.actions.propose([record])

    async def approve(self, incident_id: str) -> None:
        await self.decide(incident_id, approve=True)

    async def deny(self, incident_id: str) -> None:
        await self.decide(incident_id, approve=False)

    async def decide(self, incident_id: str, *, approve: bool) -> None:
        for asked in await self.yard.stores.approvals.waiting(self.yard.clock.now()):
            record = await self.yard.stores.actions.get(asked.action_id)
            if record and record.order.incident_id == incident_id:
                await self.yard.decide(record, approve=approve)

    async def run(self, incident_id: str, death: Death | None) -> None:
        """Dispatch hands over what is due, and the jobs of one incident run, each killed at the same step."""
        await self.yard.hand_over()
        for key in [key for key in self.yard.queue.open if key.startswith(incident_id)]:
            await self.yard.run(key, death)

    async def run_all_at_once(self, death: Death | None) -> None:
        """The jobs of both incidents side by side."""
        await self.yard.hand_over()
        await asyncio.gather(*(self.yard.run(key, death) for key in self.yard.queue.open))

    async def wait(self, minutes: int) -> None:
        self.yard.clock.moment += timedelta(minutes=minutes)

    async def close(self, incident_id: str) -> None:
        await self.yard.close(incident_id)

    async def cordon(self, node: str) -> None:
        if not self.yard.node(node)["spec"].get("unschedulable"):
            self.yard.cordon(node)

    async def forget(self, incident_id: str) -> None:
        """The queue loses what it knows of one incident's jobs."""
        for key in [key for key in self.yard.queue.open if key.startswith(incident_id)]:
            del self.yard.queue.steps[key]

    async def repair(self) -> None:
        await ActingRepair(self.yard.stores, self.yard.queue, self.yard.queue.look, self.yard.clock).mend()

    async def restart(self) -> None:
        self.yard.process += 1


def put_pod(store: ObjectStore, name: str, node: str) -> None:
    owner = {"kind": "ReplicaSet", "name": "web", "uid": "uid-web", "controller": True}
    metadata = {"name": name, "namespace": "ml", "uid": f"uid-{name}", "ownerReferences": [owner]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"nodeName": node, "containers": []}}
    store.put({**pod, "status": {"phase": "Running"}})


def begin_anew(store: ObjectStore) -> None:
    """The fleet without a trace of the last example; pods on both homes and on a node that is nobody's."""
    for name in FLEET:
        store.delete("nodes", name)
        put_node(store, name)
    for node in (*HOMES.values(), FLEET[4]):
        for number in (1, 2):
            store.delete("pods", f"{node}-web-{number}", "ml")
            put_pod(store, f"{node}-web-{number}", node)


async def told(cluster: Any, mode: Mode, plan: list[Any]) -> list[str]:
    """The requests of one example; none of them wrong."""
    witness, client = cluster
    begin_anew(witness.store)
    witness.seen, witness.complaints = [], []
    async with open_stores(IN_MEMORY, clock := Clock()) as stores:
        witness.yard = yard = Yard(witness.store, client, stores, clock, mode, queue=Queue())
        story = Story(yard)
        for incident_id, node in HOMES.items():
            story.incidents[incident_id] = await yard.investigated(incident_id, node, actions=ADVICE)
        for what in plan:
            await story.happen(*what)
        await finally_all_is_told(story)
    assert witness.complaints == []
    return list(witness.seen)


async def finally_all_is_told(story: Story) -> None:
    """After a repair, with nobody dying any more, each action has ended or waits for a person, and says why."""
    await story.repair()
    await story.yard.work()
    await story.repair()
    for record in await story.yard.stores.actions.in_state(*ActionState):
        assert record.state in ENDED | {ActionState.WAITING}, record
        assert record.note or record.state is ActionState.WAITING
    touched = {item["metadata"]["name"] for item in story.yard.store.list("nodes") if _is_ours(item)}
    assert touched <= set(HOMES.values())
    assert {f"{FLEET[4]}-web-{number}" for number in (1, 2)} <= _pods(story.yard.store)


def _is_ours(node: Any) -> bool:
    noted = "gcm-sentinel/cordoned-for" in (node["metadata"].get("annotations") or {})
    return noted or any(taint["key"] == TAINT["key"] for taint in node["spec"].get("taints") or ())


def _pods(store: ObjectStore) -> set[str]:
    return {item["metadata"]["name"] for item in store.list("pods")}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[Any]:
    """One API server for all examples, in an event loop that they share."""
    with asyncio.Runner() as runner:
        opened = watched(tmp_path_factory.mktemp("cluster"))
        found = runner.run(opened.__aenter__())
        yield runner, found
        runner.run(opened.__aexit__(None, None, None))


MODES = st.sampled_from([Mode.APPROVE, Mode.EXECUTE])
NO_SHORTCUT = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@settings(NO_SHORTCUT, max_examples=12)
@given(mode=MODES, plan=st.lists(happening, max_size=14))
def test_neither_writes_to_the_others_node_and_nothing_without_leave(cluster, mode, plan):
    runner, served = cluster
    runner.run(told(served, mode, plan))


@pytest.mark.slow
@settings(NO_SHORTCUT, max_examples=100)
@given(mode=MODES, plan=st.lists(happening, min_size=4, max_size=24))
def test_neither_does_so_in_long_stories(cluster, mode, plan):
    runner, served = cluster
    runner.run(told(served, mode, plan))


@pytest.mark.parametrize(
    ("operation", "written"),
    [
        (Operation.CORDON_NODE, [f"PATCH /api/v1/nodes/{NODE}"]),
        (Operation.TAINT_NODE, [f"PATCH /api/v1/nodes/{NODE}"]),
        (
            Operation.DRAIN_NODE,
            [
                f"PATCH /api/v1/nodes/{NODE}",
                *(f"POST /api/v1/namespaces/ml/pods/{NODE}-web-{number}/eviction" for number in (1, 2)),
            ],
        ),
    ],
)
def test_the_witness_sees_what_is_written(cluster, operation, written):
    """A plan in which something is done: else the property could hold by doing nothing."""
    runner, served = cluster
    plan = [("propose", "inc-1", NODE, operation), ("run", "inc-1", None), ("approve", "inc-1"), ("run", "inc-1", None)]

    assert runner.run(told(served, Mode.APPROVE, plan)) == written


def test_both_are_done_side_by_side_each_on_its_own_node(cluster):
    runner, served = cluster
    plan = [("propose", name, node, Operation.DRAIN_NODE) for name, node in HOMES.items()]

    seen = runner.run(told(served, Mode.EXECUTE, [*plan, ("run_all_at_once", None)]))

    assert len(seen) == 6
    assert _pods(served[0].store) == {f"{FLEET[4]}-web-{number}" for number in (1, 2)}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", f"/api/v1/nodes/{OTHER}"),
        ("POST", f"/api/v1/namespaces/ml/pods/{OTHER}-web-1/eviction"),
        ("DELETE", f"/api/v1/nodes/{OTHER}"),
        ("POST", "/apis/janitor.dgxc.nvidia.com/v1alpha1/rebootnodes"),
    ],
)
def test_the_witness_complains_about_what_no_order_asks_for(cluster, method, path):
    runner, (witness, client) = cluster
    runner.run(told((witness, client), Mode.EXECUTE, []))

    async def write() -> None:
        async with open_stores(IN_MEMORY, clock := Clock()) as stores:
            witness.yard = Yard(witness.store, client, stores, clock, Mode.EXECUTE)
            with suppress(SentinelError):  # what it answers is no matter: this one is the witness's own
                await client._json(method, path, None, body={"kind": "x"}, content_type="application/json")

    runner.run(write())

    about = witness.node_of(path) or "that"
    assert witness.complaints == [f"{method} {path}: 0 of 0 orders under way are about {about}"]


def test_nobody_can_decide_too_late(cluster):
    runner, served = cluster
    plan = [
        ("propose", "inc-1", NODE, Operation.CORDON_NODE),
        ("run", "inc-1", None),
        ("wait", 61),
        ("approve", "inc-1"),
        ("run", "inc-1", None),
    ]

    assert runner.run(told(served, Mode.APPROVE, plan)) == []
