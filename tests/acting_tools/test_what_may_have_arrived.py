"""A request whose answer was lost stays in doubt, however the next try ends; a 429 is a refusal in words."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from tests.acting_tools.conftest import NODE
from tests.acting_tools.test_maintenance import XID, node, planned

from gcm_sentinel.clients.guarded import GuardedWriter
from gcm_sentinel.domain.acting_policy import ActingPolicy
from gcm_sentinel.domain.errors import Forbidden, Overloaded, Refused, Unreachable
from gcm_sentinel.domain.gate import Verdict
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.order import ActionTarget, Order
from gcm_sentinel.domain.remediation import Carried
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.remediation.doubt import not_sent
from gcm_sentinel.remediation.judge import Ground, Judge
from gcm_sentinel.tools import asking, cordon_node, quarantine_gpu, reboot_node
from sentinel_fleet.kube import JANITOR

BUSY = Overloaded("slow down", status=429)


class Failing(GuardedWriter):
    """Its answers are lost, or it refuses, as listed; then it works."""

    failures: list[Exception]

    async def patch(self, *asked: Any, **how: Any) -> Any:
        if self.failures:
            raise self.failures.pop(0)
        return await super().patch(*asked, **how)

    async def create(self, *asked: Any) -> Any:
        if self.failures:
            raise self.failures.pop(0)
        return await super().create(*asked)


def hands(place, order, *failures):
    found = place.hands(order)
    found._writer = Failing(place.client, Mode.EXECUTE)
    found._writer.failures = list(failures)
    return found


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (BUSY, True),
        (Overloaded("away", status=503), False),
        (Unreachable("no answer"), False),
        (Refused("no"), True),
    ],
    ids=["429", "503", "no answer", "refused"],
)
def test_a_429_says_that_nothing_has_arrived_and_a_503_does_not(error, expected):
    assert not_sent(error) is expected


@pytest.mark.parametrize("last", [Forbidden("no"), BUSY])
async def test_a_refusal_after_a_lost_answer_does_not_say_that_nothing_arrived(place, last):
    tool = cordon_node.build(place.context)
    order = (await place.plan(tool)).order

    with pytest.raises(Unreachable, match="its answer was lost"):
        await tool.carry_out(order, hands(place, order, Unreachable("no answer"), *[last] * 5))


async def test_a_refusal_alone_is_a_refusal(place):
    tool = cordon_node.build(place.context)
    order = (await place.plan(tool)).order

    with pytest.raises(Overloaded):
        await tool.carry_out(order, hands(place, order, *[BUSY] * 5))


async def test_a_resource_of_which_an_answer_was_lost_stays_in_doubt(place):
    place.store.install(JANITOR)
    node(place, conditions=[XID])
    tool = reboot_node.build(place.context)
    order = (await planned(place, tool)).order

    with pytest.raises(Unreachable, match="its answer was lost"):
        await tool.carry_out(order, hands(place, order, Unreachable("no answer"), *[BUSY] * 4))


async def test_an_order_that_would_do_more_than_was_proposed_is_refused(place):
    tool = cordon_node.build(place.context)
    order = replace((await place.plan(tool)).order, calls=())
    surveyor: Any = None  # never asked
    judge = Judge({tool.operation: tool}, surveyor, ActingPolicy(), Mode.EXECUTE)
    assessment: Any = None

    ruling = await judge.rule(order, Ground(place.scope().incident, assessment, ()), approved=True)

    assert ruling.verdict is Verdict.REFUSED
    assert ruling.reasons[0].startswith(f"it would do more now than was proposed: PATCH /api/v1/nodes/{NODE}")


async def test_a_gpu_that_the_gateway_has_forgotten_is_not_seen_in_its_state(place):
    class Forgetful:
        async def gpu(self, uuid):
            return None

        async def directive(self, directive_id):
            return SimpleNamespace(status="EXECUTED", note="", expires_at=None)

    gateway: Any = Forgetful()
    tool = quarantine_gpu.build(replace(place.context, gateway=gateway))
    assert tool is not None
    order = Order(tool.operation, ActionTarget("gpu", "GPU-1", "GPU-1", NODE), "inc-1", "inc-1.1")

    check = await tool.check(order, Carried(1))

    assert (check.met, check.words) == (False, "the gateway knows no GPU GPU-1 any more")


def test_a_reason_that_was_cut_stays_as_it_is():
    first = asking.reason(ToolCall("c", "cordon_node", {"reason": "x" * 499 + " " + "y" * 50}))

    assert asking.reason(ToolCall("c", "cordon_node", {"reason": first})) == first == "x" * 499
