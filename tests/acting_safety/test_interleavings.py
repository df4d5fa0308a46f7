"""Two incidents at once, in any order of proposals, decisions, expiries, closings, crashes and repairs.

A witness stands before the API server and looks at every request at the moment it is sent: it must be a call of an
order that is recorded as running, for a node of that order's own incident, ruled allowed, and in `approve` approved by
a person for exactly its digest. The plans are drawn by Hypothesis; each example has a database and a fleet of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.acting_safety.conftest import FLEET, NODE, OTHER, Clock, Death, Queue, Yard, a_cluster, put_node

from gcm_sentinel.app.life.acting_repair import ActingRepair
from gcm_sentinel.app.stores import IN_MEMORY, open_stores
from gcm_sentinel.domain.action_record import UNDER_WAY, ActionRecord, ActionState, ApprovalState
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.operations import Operation

HOMES = {"inc-1": NODE, "inc-2": OTHER}
"""Each incident's own node; one name is the beginning of the other."""
ENDED = {ActionState.DONE, ActionState.REFUSED, ActionState.FAILED, ActionState.UNDONE}

incident = st.sampled_from(sorted(HOMES))
death = st.none() | st.builds(Death, st.integers(0, 6), recorded=st.booleans())
happening = st.one_of(
    st.tuples(st.just("propose"), incident, st.sampled_from([*HOMES.values(), FLEET[4]])),
    st.tuples(st.just("approve"), incident),
    st.tuples(st.just("deny"), incident),
    st.tuples(st.just("run"), incident, death),
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


@dataclass
class Witness:
    """Looks at each request before it passes it on."""

    yard: Yard
    writer: Any
    seen: list[str] = field(default_factory=list)

    async def patch(self, path: str, body: Any, **how: Any) -> Any:
        node = path.removeprefix("/api/v1/nodes/")
        orders = [record for record in await self.yard.stores.actions.in_state(*UNDER_WAY) if self.is_its(record, node)]
        assert len(orders) == 1, f"{len(orders)} orders under way are about {path}"
        await self.is_allowed(orders[0])
        self.seen.append(node)
        return await self.writer.patch(path, body, **how)

    def is_its(self, record: ActionRecord, node: str) -> bool:
        return HOMES[record.order.incident_id] == node == record.order.target.name

    async def is_allowed(self, record: ActionRecord) -> None:
        assert record.ruling.startswith(("a person approved it", "mode execute and the policy allow"))
        if self.yard.mode is Mode.APPROVE:
            asked = await self.yard.question(record)
            assert (asked.state, asked.digest) == (ApprovalState.APPROVED, record.order.digest)
            assert asked.decided_at is not None
            assert asked.decided_at < asked.expires_at


class Story:
    """What happens in one example."""

    def __init__(self, yard: Yard) -> None:
        self.yard = yard
        self.incidents: dict[str, Any] = {}

    async def happen(self, what: str, *about: Any) -> None:
        await getattr(self, what)(*about)

    async def propose(self, incident_id: str, node: str) -> None:
        """By a model that may ask for the wrong node, past a desk that let it."""
        await self.yard.ask(self.incidents[incident_id], node)

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


async def told(cluster: Any, mode: Mode, plan: list[Any]) -> None:
    store, client = cluster
    for name in FLEET:
        store.delete("nodes", name)
        put_node(store, name)
    async with open_stores(IN_MEMORY, clock := Clock()) as stores:
        yard = Yard(store, client, stores, clock, mode, queue=Queue())
        yard.wrap = lambda writer: Witness(yard, writer)
        story = Story(yard)
        for incident_id, node in HOMES.items():
            story.incidents[incident_id] = await yard.investigated(incident_id, node)
        for what in plan:
            await story.happen(*what)
        await finally_all_is_told(story)


async def finally_all_is_told(story: Story) -> None:
    """After a repair, with nobody dying any more, each action has ended or waits for a person, and says why."""
    await story.repair()
    await story.yard.work()
    await story.repair()
    for record in await story.yard.stores.actions.in_state(*ActionState):
        assert record.state in ENDED | {ActionState.WAITING}, record
        assert record.note or record.state is ActionState.WAITING
    ours = {item["metadata"]["name"] for item in story.yard.store.list("nodes") if _is_ours(item)}
    assert ours <= set(HOMES.values())


def _is_ours(node: Any) -> bool:
    return "gcm-sentinel/cordoned-for" in (node["metadata"].get("annotations") or {})


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[Any]:
    """One API server for all examples, in an event loop that they share."""
    with asyncio.Runner() as runner:
        opened = a_cluster(tmp_path_factory.mktemp("cluster"))
        found = runner.run(opened.__aenter__())
        yield runner, found
        runner.run(opened.__aexit__(None, None, None))


NO_SHORTCUT = settings(deadline=None, suppress_health_check=list(HealthCheck))


@NO_SHORTCUT
@given(mode=st.sampled_from([Mode.APPROVE, Mode.EXECUTE]), plan=st.lists(happening, max_size=14))
def test_neither_writes_to_the_others_node_and_nothing_without_leave(cluster, mode, plan):
    runner, served = cluster
    runner.run(told(served, mode, plan))


@pytest.mark.parametrize("operation", [Operation.CORDON_NODE])
def test_the_witness_sees_what_is_written(cluster, operation):
    """A plan in which something is done: else the property could hold by doing nothing."""
    runner, (store, _) = cluster
    plan = [("propose", "inc-1", NODE), ("run", "inc-1", None), ("approve", "inc-1"), ("run", "inc-1", None)]

    runner.run(told((store, cluster[1][1]), Mode.APPROVE, plan))

    assert [item["metadata"]["name"] for item in store.list("nodes") if _is_ours(item)] == [NODE]


def test_nobody_can_decide_too_late(cluster):
    runner, served = cluster
    plan = [
        ("propose", "inc-1", NODE),
        ("run", "inc-1", None),
        ("wait", 61),
        ("approve", "inc-1"),
        ("run", "inc-1", None),
    ]

    runner.run(told(served, Mode.APPROVE, plan))

    assert not [item for item in served[0].list("nodes") if item["spec"].get("unschedulable")]
