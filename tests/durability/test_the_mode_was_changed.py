"""An agent that is started again in a mode that does not act withdraws what it had asked, and everybody is told."""

from __future__ import annotations

import asyncio

import pytest
from tests.durability.conftest import DEADLINE_S, Stage, scenario_text, stop
from tests.durability.world_outside import VERDICT, Calls, Outside

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.stores import open_stores
from gcm_sentinel.domain.action_record import ActionRecord, ActionState
from gcm_sentinel.storage.census import take_census

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Advisor(Outside):
    """A provider whose model looks at the sick node, asks to cordon it, and advises that."""

    node = ""

    def __init__(self) -> None:
        super().__init__(lambda messages: self._turns()[messages // 2])

    def _turns(self) -> tuple[Calls, ...]:
        about = {"node_name": self.node}
        advice = {"action": "cordon", "target": {"kind": "node", "name": self.node}, "reason": "unfit"}
        claim = {"text": "the condition is there", "cites": [{"evidence": "E1", "quote": "GpuXid"}], "absence": False}
        sure = {"severity": "critical", "fault_class": "gpu_off_bus", "confidence": 0.95}
        verdict = {**VERDICT, **sure, "claims": [claim], "actions": [advice]}
        ask = [("cordon_node", {**about, "reason": "unfit for work"})]
        return [("get_node_info", about)], ask, [("submit_assessment", verdict)]


async def told(stage: Stage, state: ActionState) -> ActionRecord:
    """The one action, once it stands at `state` and every sink knows."""
    async with asyncio.timeout(DEADLINE_S):
        while (found := await _told(stage, state)) is None:  # noqa: ASYNC110 - another process tells nobody
            await asyncio.sleep(0.1)
    return found


async def _told(stage: Stage, state: ActionState) -> ActionRecord | None:
    if not stage.journal:
        return None
    async with open_stores(stage.place(), SystemClock()) as stores:
        found = await stores.actions.in_state(state)
        return found[0] if found and not (await take_census(stores.database)).owed else None


async def test_what_waited_for_a_person_is_withdrawn_at_the_next_start(staged):
    advisor = Advisor()
    async with staged(scenario_text(4), outside=advisor, ACTION_MODE="approve") as stage:
        advisor.node = stage.fleet.world.trigger.node
        asking = await stage.start()
        await told(stage, ActionState.WAITING)
        await stop(asking)

        stage.settings["ACTION_MODE"] = "recommend"
        watching = await stage.start()
        record = await told(stage, ActionState.REFUSED)
        await stop(watching)

        assert record.note == "the agent's mode is recommend now"
        assert not [item for item in stage.fleet.requests if "unschedulable" in item.body]
        async with open_stores(stage.place(), SystemClock()) as stores:
            asked = await stores.approvals.of_action(record.id)
        assert asked is not None
        assert asked.withdrawn
        assert any(key.endswith("/3") for key in stage.outside.webhooks), "the edition that tells of the end"
