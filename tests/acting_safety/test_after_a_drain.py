"""A drain that is done has its incident investigated again where something advised had to wait for it: at most once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.acting_safety.conftest import NODE, Death, Yard, verdict_of

from gcm_sentinel.app.acting import load_tools
from gcm_sentinel.app.life.next_step import NextStep
from gcm_sentinel.domain.acting_policy import ActingPolicy
from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.advice import advised_after
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ActionTarget, Order
from gcm_sentinel.remediation.judge import Judge
from gcm_sentinel.storage.incident_views import IncidentView
from gcm_sentinel.storage.incidents import Incidents
from gcm_sentinel.tools.context import ToolContext

pytestmark = pytest.mark.slow

DRAIN, CORDON, RESET, REBOOT = Operation.DRAIN_NODE, Operation.CORDON_NODE, Operation.RESET_GPU, Operation.REBOOT_NODE


async def asked_for(yard: Yard) -> list[str]:
    """Who asked for the investigations of inc-1 beyond the first."""
    view = await yard.stores.incidents.get("inc-1")
    assert view is not None
    assert view.record.revision == len(view.requests) + 1
    return [request.by for request in view.requests]


async def done(yard: Yard, *advised: Action, operation: Operation = DRAIN) -> str:
    """Id of an action of inc-1 that is seen through, its investigation having advised this."""
    record = await yard.ask(await yard.investigated(actions=advised), NODE, operation)
    await yard.work()
    assert (await yard.now(record)).state is ActionState.DONE
    return record.id


@pytest.mark.parametrize("next_step", [Action.REBOOT, Action.RESET_GPU])
async def test_what_had_to_wait_for_it_has_the_incident_investigated_again(yard, next_step):
    drain = await done(yard, Action.DRAIN, next_step)

    assert await asked_for(yard) == [f"gcm-sentinel, after {drain}"]


async def test_where_nothing_waits_nothing_is_investigated(yard):
    await done(yard, Action.DRAIN, Action.RMA)

    assert await asked_for(yard) == []


async def test_nothing_but_a_drain_is_followed(yard):
    await done(yard, Action.CORDON, Action.REBOOT, operation=CORDON)

    assert await asked_for(yard) == []


async def test_what_the_operator_switched_off_is_not_waited_for(yard):
    yard.policy = replace(yard.policy, operations=frozenset({DRAIN, RESET}))
    await done(yard, Action.DRAIN, Action.REBOOT)

    assert await asked_for(yard) == []


async def test_what_there_is_no_tool_for_is_not_waited_for(yard):
    view = await yard.investigated(actions=(Action.DRAIN, Action.REBOOT))
    record = replace(await yard.ask(view, NODE, DRAIN), state=ActionState.DONE)

    await NextStep(yard.stores, lambda operation: operation is RESET).ask(record)
    assert await asked_for(yard) == []

    await NextStep(yard.stores, lambda operation: operation is REBOOT).ask(record)
    assert len(await asked_for(yard)) == 1


@pytest.mark.parametrize(("tools", "policy"), [((), (REBOOT,)), ((REBOOT,), ())])
def test_offered_is_what_has_a_tool_and_is_switched_on(yard, tools, policy):
    acting, loaded = yard.acting, load_tools(ToolContext(yard.client, yard.clock, yard.policy))
    allowed, offered = ActingPolicy(operations=frozenset(policy)), {one: loaded[one] for one in tools}

    assert acting.judge.offers(REBOOT)
    assert not Judge(offered, acting.surveyor, allowed, yard.mode).offers(REBOOT)


class ClosedOnceRead(Incidents):
    """It is closed right after it was looked at."""

    async def get(self, incident_id: str, *, triggers: int = 500, skip: int = 0) -> IncidentView | None:
        found = await super().get(incident_id)
        await self.request_close(incident_id, "ada", "mended")
        return found


async def test_an_incident_that_is_closed_just_then_stays_closed(yard):
    record = await yard.ask(await yard.investigated(actions=(Action.DRAIN, Action.REBOOT)), NODE, DRAIN)
    stores = replace(yard.stores, incidents=ClosedOnceRead(yard.stores.database))

    await NextStep(stores, yard.acting.judge.offers).ask(record)

    view = await yard.stores.incidents.get("inc-1")
    assert view is not None
    assert (view.record.state, [request.kind for request in view.requests]) == ("closed", ["close"])


async def test_a_drain_whose_incident_is_over_by_then_is_followed_by_nothing(yard):
    record = await yard.ask(await yard.investigated(actions=(Action.DRAIN, Action.REBOOT)), NODE, DRAIN)
    key = f"{record.id}@proposed"
    await yard.hand_over()
    steps = ("rule", "begin", "look:node", "send:PATCH")
    await yard.run(key, Death(len(steps) - 1, recorded=True))
    await yard.close("inc-1")
    await yard.run(key)

    assert (await yard.now(record)).state is ActionState.DONE
    view = await yard.stores.incidents.get("inc-1")
    assert view is not None
    assert (view.record.state, await asked_for(yard)) == ("closed", [])


@pytest.mark.parametrize("recorded", [True, False])
async def test_a_crash_while_it_is_asked_for_asks_once(yard, recorded):
    record = await yard.ask(await yard.investigated(actions=(Action.DRAIN, Action.REBOOT)), NODE, DRAIN)
    key = f"{record.id}@proposed"
    await yard.hand_over()
    await yard.run(key)
    last = len(yard.queue.steps[key]) - 1
    assert yard.queue.steps[key][last][0] == "next"

    yard.queue.steps[key] = yard.queue.steps[key][: last + recorded]
    await yard.run(key)

    assert len(await asked_for(yard)) == 1


@pytest.mark.parametrize(
    ("advised", "after"), [((Action.REBOOT, Action.RESET_GPU), (RESET, REBOOT)), ((Action.POWER_CYCLE,), ())]
)
def test_only_advice_for_the_same_node_waits_for_its_drain(advised, after):
    order = Order(DRAIN, ActionTarget("node", NODE, "uid"), "inc-1", "inc-1.1")

    assert advised_after(verdict_of("inc-1", NODE, actions=advised), order) == after
    assert advised_after(verdict_of("inc-1", NODE, actions=advised, advises="gpu-node-2"), order) == ()
