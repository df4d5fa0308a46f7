"""A probe whose report never came: it is asked for again for a while, and what was seen of it is told as seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.acting_safety.conftest import Clock
from tests.deep_probing.conftest import GPU, SWIFT

from gcm_sentinel.app.stores import IN_MEMORY, open_stores
from gcm_sentinel.domain.deep_probing import GETTING_READY, DeepProbing, call_of, probe_of, probes_of
from gcm_sentinel.domain.errors import Overloaded, Rejected, SentinelError, Unreachable
from gcm_sentinel.domain.node_probes import ProbeFinding, ProbeOutcome, nobody
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ActionTarget, Order
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.remediation.keeping import Keeper
from gcm_sentinel.remediation.probing import Objections, Pace, ProbeRunner

CALL = call_of("node-1", probes_of(GPU, 1, DeepProbing())[0])
ORDER = Order(Operation.RUN_DEEP_PROBE, ActionTarget("gpu", GPU, GPU, "node-1"), "inc-1", "inc-1.1", {}, (CALL,))


class Breaking:
    """A node's agent that tells of a wrong result on SM 3, and then of trouble."""

    def __init__(self, trouble: SentinelError, clock: Clock, takes: timedelta) -> None:
        self.asked = 0
        self.within: list[timedelta | None] = []
        self._trouble, self._clock, self._takes = trouble, clock, takes

    async def describe(self, node):
        raise self._trouble

    async def run_probe(self, node, order, follow=nobody):
        self.asked += 1
        self.within.append(order.answer_within)
        follow(ProbeFinding(ProbeOutcome.FAIL, 3, "fp32"))
        self._clock.moment += self._takes
        raise self._trouble


async def nothing():
    return ""


async def broken_off(trouble, takes=timedelta()):
    """How often it was asked, what was raised, and what was kept."""
    return (await asked_of(trouble, takes))[:3]


async def asked_of(trouble, takes=timedelta()):
    """The same, and the time that each try was given."""
    clock = Clock()
    agent = Breaking(trouble, clock, takes)
    async with open_stores(IN_MEMORY, clock) as stores:
        runner = ProbeRunner(agent, Keeper(stores.evidence, clock, Redactor()), clock, SWIFT, sleep=clock.sleep)
        with pytest.raises(SentinelError) as raised:
            await runner(CALL, ORDER, Objections(nothing, nothing))
        return agent.asked, str(raised.value), await stores.evidence.all("inc-1.1"), agent.within


async def test_what_it_told_of_before_is_seen_and_no_result():
    _, said, (kept,) = await broken_off(Unreachable("gone"))

    assert said == "gone; before that it told of wrong results on SM 3"
    assert (str(kept.result.status), kept.result.summary, kept.result.note) == ("error", {}, said)


async def test_it_is_asked_for_again_while_its_time_lasts():
    assert (await broken_off(Unreachable("gone")))[0] == 3


async def test_one_that_took_all_of_its_time_is_not_asked_for_again():
    assert (await broken_off(Unreachable("the GPU does not answer"), takes=timedelta(hours=1)))[0] == 1


async def test_what_the_node_refuses_is_not_asked_for_again():
    assert (await broken_off(Rejected("somebody computes on it")))[0] == 1


class Silent(Breaking):
    """An agent of which nothing is heard but trouble."""

    async def run_probe(self, node, order, follow=nobody):
        self.asked += 1
        raise self._trouble


@pytest.mark.parametrize("minutes", [5, 30, 120])
@pytest.mark.parametrize("trouble", [Overloaded("busy"), Unreachable("gone")], ids=["busy", "gone"])
async def test_a_gpu_or_an_agent_is_waited_for_five_minutes_whatever_the_probes_deadline(trouble, minutes):
    probe = probes_of(GPU, 1, DeepProbing(timedelta(minutes=minutes)))[0]
    clock = Clock()

    async with open_stores(IN_MEMORY, clock) as stores:
        keeper = Keeper(stores.evidence, clock, Redactor())
        runner = ProbeRunner(Silent(trouble, clock, timedelta()), keeper, clock, sleep=clock.sleep)
        own, began = replace(ORDER, calls=(call_of("node-1", probe),)), clock.moment
        with pytest.raises(SentinelError):
            await runner(own.calls[0], own, Objections(nothing, nothing))

    assert clock.moment - began == Pace().waits == timedelta(minutes=5)


async def test_all_tries_together_may_take_as_long_as_one():
    _, _, _, given = await asked_of(Unreachable("gone"), takes=timedelta(seconds=60))

    whole = probe_of(CALL)[1].deadline + GETTING_READY
    assert given == [whole, whole - timedelta(seconds=60)]
