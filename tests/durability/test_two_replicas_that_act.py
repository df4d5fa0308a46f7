"""Two agents on one PostgreSQL, in `execute`: one dies while it drains, the other sees the drain through."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest
from tests.durability.acting_run import Witness, requests
from tests.durability.acting_scenes import CONDITION, empty, pods_on, put_pod
from tests.durability.conftest import Stage, scenario_text, stop
from tests.durability.world_outside import VERDICT, Calls, Outside

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.stores import open_stores
from gcm_sentinel.domain.action_record import ActionRecord, ActionState
from gcm_sentinel.storage.census import take_census

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SICK, MAY_BE_OUT = 4, 2
LIMITS = {"MAX_OUT_OF_SERVICE": "0.1", "FOLD_MIN_NODES": "1000", "ACTION_MODE": "execute"}
"""Two of the twenty nodes, and each sick one is an incident of its own."""


def sick_fleet() -> str:
    """Twenty nodes, four of them sick for good: what a test itself puts on a node, the fleet's own time takes away."""
    bad = f'type: {CONDITION}, status: "True", reason: R, message: "something is bad"'
    drawn = f"  others: {{nodes: {{count: {SICK - 1}, rack: any, not: [node]}}}}\n"
    found = f'facts:\n  - condition: {{node: "${{others}}", at: 0s, {bad}}}\n'
    return scenario_text(20).replace("fleet: {racks", f"{drawn}fleet: {{racks").replace("facts:\n", found)


class Advisor(Outside):
    """A model that asks for a drain of the node that the incident is about."""

    def __init__(self) -> None:
        super().__init__()
        self.sick: list[str] = []

    def calls(self, messages: list[dict[str, Any]]) -> Calls:
        """Looks, asks, advises."""
        told = json.dumps(messages[0])
        node = min((name for name in self.sick if name in told), key=told.index)
        about = {"node_name": node}
        claim = {"text": "it is there", "cites": [{"evidence": "E1", "quote": CONDITION}], "absence": False}
        advice = {"action": "drain", "target": {"kind": "node", "name": node}, "reason": "unfit"}
        sure = {"severity": "critical", "fault_class": "gpu_off_bus", "confidence": 0.95}
        turns: tuple[Calls, ...] = (
            [("get_node_info", about)],
            [("drain_node", {**about, "reason": "unfit for work"})],
            [("submit_assessment", {**VERDICT, **sure, "claims": [claim], "actions": [advice]})],
        )
        return turns[len(messages) // 2]


class Fleet(Witness):
    """Knows how many nodes were out at most, and kills the agent that evicts the first pod."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage, kills=False)
        self.most_out = 0
        self.dead = ""

    def saw(self, change: str) -> None:
        """Any agent made it."""
        super().saw(change)
        self.most_out = max(self.most_out, len(out_of_service(self.stage)))
        if change.startswith("evicted") and not self.dead:
            self.dead = self.who_began(change.rpartition("/")[2].removesuffix("-web-1").removesuffix("-web-2"))
            self.stage.agents[int(self.dead)].kill()

    def who_began(self, node: str) -> str:
        """The number of the agent that drains `node`."""
        found = self.stage.fleet.store.get("nodes", node)
        uid = found["metadata"]["uid"] if found else ""
        begun = f"/drain_node/{uid}@proposed begin"
        return next(number for number in "01" if begun in (self.stage.folder / f"journal-{number}").read_text())


def out_of_service(stage: Stage) -> list[str]:
    return [item["metadata"]["name"] for item in stage.fleet.store.list("nodes") if item["spec"].get("unschedulable")]


def sick_nodes(stage: Stage) -> list[str]:
    def bad(node: Any) -> bool:
        return any(one["type"] == CONDITION and one["status"] == "True" for one in node["status"]["conditions"])

    return [item["metadata"]["name"] for item in stage.fleet.store.list("nodes") if bad(item)]


async def all_ended(stage: Stage) -> tuple[ActionRecord, ...]:
    """The actions, once each incident is assessed, each action has ended, and everybody was told."""
    async with asyncio.timeout(300), open_stores(stage.place(), SystemClock()) as stores:
        while True:
            incidents = {key.partition(".")[0] for key in stage.outside.webhooks}
            owed = (await take_census(stores.database)).owed if len(incidents) == SICK else True
            found = await stores.actions.in_state(*ActionState)
            if not owed and all(record.ended_at for record in found):
                return found
            await asyncio.sleep(0.2)


def with_pods(stage: Stage) -> list[str]:
    """The sick nodes, on each two pods that a drain has to move."""
    nodes = sick_nodes(stage)
    for node in nodes:
        empty(stage, node)
        for pod in (f"{node}-web-1", f"{node}-web-2"):
            put_pod(stage, pod, node)
    return nodes


def still_in_use(stage: Stage, node: str) -> bool:
    return any("-web-" in pod["metadata"]["name"] for pod in pods_on(stage, node))


async def test_a_drain_is_taken_over_every_pod_goes_once_and_no_place_is_given_twice(staged, postgres_url):
    advisor = Advisor()
    async with staged(sick_fleet(), outside=advisor, database_url=postgres_url, **LIMITS) as stage:
        advisor.sick = with_pods(stage)
        fleet = Fleet(stage)
        for number in range(2):
            await stage.start(name=f"replica-{number}", journal=f"journal-{number}")

        records = await all_ended(stage)

        assert await stop(stage.agents[1 - int(fleet.dead)]) == 0
        done = {record.node for record in records if record.state is ActionState.DONE}
        assert len(done) == MAY_BE_OUT
        assert {record.state for record in records if record.node not in done} <= {ActionState.REFUSED}
        assert fleet.most_out == len(out_of_service(stage)) == MAY_BE_OUT
        assert set(Counter(fleet.changes).values()) == {1}
        assert set(requests(stage).values()) <= {1, 2}
        assert {node for node in advisor.sick if still_in_use(stage, node)} == set(advisor.sick) - done
