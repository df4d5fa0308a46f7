"""An agent that is killed (SIGKILL) after each recorded step of an action, or while its request is being answered.

The API server is the witness: it changes the node once, whatever was asked twice. What the steps are is written down in
tests/acting_safety, where each death is tried by itself within one process.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter

import pytest
from tests.durability.conftest import DEADLINE_S, Stage, scenario_text, stop
from tests.durability.world_outside import VERDICT, Calls, Outside

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.stores import open_stores
from gcm_sentinel.domain.action_record import ActionRecord, ActionState
from gcm_sentinel.storage.census import take_census

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ACTING = ("rule", "begin", "send:PATCH", "carried", "check", "ended")
LEAVE = {"ACTION_MODE": "execute"}


class Advisor(Outside):
    """A provider whose model looks at the sick node, asks to cordon it, and advises that."""

    def __init__(self) -> None:
        super().__init__(self._next)
        self.node = ""

    def _next(self, messages: int) -> Calls:
        about = {"node_name": self.node}
        if messages == 1:
            return [("get_node_info", about)]
        if messages == 3:
            return [("cordon_node", {**about, "reason": "unfit for work"})]
        return [("submit_assessment", self._verdict())]

    def _verdict(self) -> dict[str, object]:
        target = {"kind": "node", "name": self.node}
        claim = {"text": "the condition is there", "cites": [{"evidence": "E1", "quote": "GpuXid"}], "absence": False}
        sure = {"severity": "critical", "fault_class": "gpu_off_bus", "confidence": 0.95, "claims": [claim]}
        return {**VERDICT, **sure, "actions": [{"action": "cordon", "target": target, "reason": "unfit"}]}


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of a fresh database; empty for SQLite in the state folder."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


async def ended(stage: Stage, process: asyncio.subprocess.Process) -> ActionRecord | None:
    """The action once it has ended and everybody was told; None when the agent died first."""
    async with asyncio.timeout(DEADLINE_S):
        while process.returncode is None:
            record = await told_to_all(stage) if stage.journal else None
            if record is not None:
                return record
            await asyncio.sleep(0.1)
    return None


async def told_to_all(stage: Stage) -> ActionRecord | None:
    """The action, once it has ended and no sink is owed anything."""
    async with open_stores(stage.place(), SystemClock()) as stores:
        found = await stores.actions.in_state(*ActionState)
        owed = (await take_census(stores.database)).owed
    return found[0] if found and found[0].ended_at and not owed else None


def changes(stage: Stage) -> list[str]:
    """The requests that were to change the node's spec."""
    return [request.path for request in stage.fleet.requests if '"unschedulable": true' in request.body]


def cordons_seen(stage: Stage) -> list[str]:
    """Filled with the node's name whenever the API server makes it unschedulable."""
    seen: list[str] = []

    def look(plural: str, change) -> None:
        is_out = change.record.obj.get("spec", {}).get("unschedulable") if plural == "nodes" else None
        was_out = change.previous and change.previous.obj["spec"].get("unschedulable")
        if is_out and not was_out:
            seen.append(change.record.obj["metadata"]["name"])

    stage.fleet.store.listen(look)
    return seen


async def test_killed_after_every_few_steps_it_cordons_once(staged, database_url):
    """Every single one on SQLite. On PostgreSQL a replica's death is noticed after a while: fewer of them."""
    advisor, every = Advisor(), 6 if database_url else 1
    async with staged(scenario_text(4), database_url=database_url, outside=advisor, **LEAVE) as stage:
        advisor.node, seen = stage.fleet.world.trigger.node, cordons_seen(stage)
        record, deaths = None, 0
        while record is None:
            process = await stage.start(kill_after=every)
            record = await ended(stage, process)
            deaths += record is None
        await stop(process)

        assert (record.state, record.note) == (ActionState.DONE, f"node {advisor.node} is cordoned by gcm-sentinel")
        assert (seen, len(changes(stage))) == ([advisor.node], 1)
        steps = Counter(line.partition(" ")[2] for line in stage.journal)
        assert {name: steps[name] for name in ACTING} == dict.fromkeys(ACTING, 1)
        assert deaths >= len(ACTING) // every
        assert set(stage.outside.turns.values()) == {1}


async def test_killed_while_the_api_server_answers_it_cordons_once(staged, database_url):
    """The node is changed and nobody has recorded it: the request is sent again, and changes nothing."""
    advisor = Advisor()
    async with staged(scenario_text(4), database_url=database_url, outside=advisor, **LEAVE) as stage:
        advisor.node, seen = stage.fleet.world.trigger.node, cordons_seen(stage)
        process = await stage.start()

        def kill(plural: str, change) -> None:
            if plural == "nodes" and change.record.obj["spec"].get("unschedulable") and process.returncode is None:
                process.kill()

        stage.fleet.store.listen(kill)
        assert await process.wait() == -signal.SIGKILL
        heir = await stage.start()
        record = await ended(stage, heir)
        await stop(heir)

        assert record is not None
        assert record.state is ActionState.DONE
        assert (seen, len(changes(stage))) == ([advisor.node], 2)
