"""Carrying an approved order out: do it, wait until it shows, and take back what did not help.

Everything that touches the world is a recorded step, and between steps nothing is read, so after a crash the same code
over the same record arrives where it was: what was sent is not sent again, and what was checked stays checked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from gcm_sentinel.clients.guarded import Writer
from gcm_sentinel.clients.guarded_gateway import GatewayWriter
from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.errors import Bug, SentinelError
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.operations import DECLARED, Operation
from gcm_sentinel.domain.order import Order
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.domain.remediation import Carried, Check, RemediationTool
from gcm_sentinel.domain.steps import Codec, Steps
from gcm_sentinel.remediation.doubt import not_sent
from gcm_sentinel.remediation.elsewhere import Others
from gcm_sentinel.remediation.hands import ExactHands, Reader, Sleep
from gcm_sentinel.remediation.probing import Objection, ProbeRunner
from gcm_sentinel.remediation.proposals import order_from_json, order_to_json

log = structlog.get_logger(__name__)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0


def _check_from_json(data: Json) -> Check:
    reader = JsonReader.of(data, "check")
    return Check(reader.get("met", bool), reader.get("words", str), reader.get("hopeless", bool))


CHECK: Codec[Check] = Codec(
    encode=lambda check: {"met": check.met, "words": check.words, "hopeless": check.hopeless}, decode=_check_from_json
)
ORDER: Codec[Order | None] = Codec(
    encode=lambda order: None if order is None else order_to_json(order),
    decode=lambda data: None if data is None else order_from_json(data),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How carrying out ended."""

    state: ActionState
    """DONE, FAILED or UNDONE; REFUSED where nothing was sent."""
    note: str
    result: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cluster:
    """What an executor works on."""

    reader: Reader
    writer: Writer
    """Behind the mode's guard."""
    clock: Clock
    sleep: Sleep = asyncio.sleep
    gateway: GatewayWriter | None = None
    """Behind the mode's guard too; None where no gateway is configured."""
    probes: ProbeRunner | None = None
    """Behind it as well; None where no agents on GPU nodes are configured."""


class Executor:
    """Carries orders out."""

    def __init__(self, tools: Mapping[Operation, RemediationTool], cluster: Cluster) -> None:
        self._tools = tools
        self._cluster = cluster

    async def run(
        self,
        order: Order,
        steps: Steps,
        on_carried: Callable[[Carried], Awaitable[None]],
        *,
        resumed: bool = False,
        unwanted: Objection | None = None,
    ) -> Outcome:
        """Carry `order` out and see it through; `on_carried` hears when all was sent and checking begins.

        `resumed`: it may have got somewhere before a crash of which no step tells. `unwanted` is why what goes on for
        long, and leaves nothing behind, is to end; empty where it may go on.
        """
        tool = self._tool(order)
        hands = self._hands(order, steps, unwanted)
        try:
            carried = await tool.carry_out(order, hands)
        except SentinelError as error:
            log.warning("action.not_carried_out", order=order.key, reason=str(error))
            if hands.answered:
                return await self._take_back(order, Carried(hands.answered), steps, f"it broke off: {error}")
            if resumed or not not_sent(error):
                return await self._look_back(order, steps, error)
            return Outcome(ActionState.REFUSED, f"nothing was sent: {error}")
        await on_carried(carried)
        check = await self._verified(order, carried, steps)
        result: JsonObject = {
            **carried.facts, "sent": carried.sent, "left": list(carried.left), "verified": check.words,
        }  # fmt: skip
        if check.met:
            return Outcome(ActionState.DONE, check.words, result)
        undone = await self._take_back(order, carried, steps, f"it did not have its effect: {check.words}")
        return Outcome(undone.state, undone.note, {**result, **undone.result})

    async def _verified(self, order: Order, carried: Carried, steps: Steps) -> Check:
        """What the last check found; checks go on until one is met or the time for it is over."""
        within_s, waited_s, pause_s = DECLARED[order.operation].verify_within.total_seconds(), 0.0, _FIRST_PAUSE_S
        hands = self._hands(order, steps)
        while True:
            check = await steps.run("check", partial(self._check, order, carried), CHECK)
            if check.met or check.hopeless or waited_s >= within_s:
                return check
            await hands.pause(pause_s)
            waited_s, pause_s = waited_s + pause_s, min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _check(self, order: Order, carried: Carried) -> Check:
        try:
            return await self._tool(order).check(order, carried)
        except SentinelError as error:  # not seen is not failed: it is looked at again until the time is over
            return Check(met=False, words=f"could not be checked: {error}")

    async def _look_back(self, order: Order, steps: Steps, error: SentinelError) -> Outcome:
        """Nothing was answered, which does not say that nothing has arrived: what is there is taken back."""
        why = f"it may have arrived although it failed ({error})"
        declared = DECLARED[order.operation]
        if declared.leaves_nothing:
            return Outcome(ActionState.REFUSED, f"nothing of it is left: {error}")
        if declared.withdrawn:  # none of it there may mean that it was answered meanwhile: no `nothing` here
            return await self._take_back(order, Carried(0), steps, why)
        if not declared.reversible:
            return Outcome(ActionState.FAILED, f"{why}: a person must look")
        nothing = Outcome(ActionState.REFUSED, f"nothing of it is there: {error}")
        return await self._take_back(order, Carried(0), steps, why, nothing=nothing)

    async def _take_back(
        self, order: Order, carried: Carried, steps: Steps, why: str, *, nothing: Outcome | None = None
    ) -> Outcome:
        """Take back what is still ours; `nothing` is how it ends where nothing is, a failure if not told otherwise."""
        if DECLARED[order.operation].leaves_nothing:
            return Outcome(ActionState.FAILED, f"{why}; nothing of it is left: a person must look")
        kept = DECLARED[order.operation].kept_when_unproven
        if kept and carried.sent:
            return Outcome(ActionState.FAILED, f"{why}; {kept}: a person must look")
        try:
            undo = await steps.run("undo", partial(self._tool(order).undo, order, carried), ORDER)
            if undo is None:
                words = f"{why}; there is nothing of ours to take back: a person must look"
                return nothing or Outcome(ActionState.FAILED, words)
            back = await self._tool(undo).carry_out(undo, self._hands(undo, steps))
            check = await self._verified(undo, back, steps)
        except SentinelError as error:
            return Outcome(ActionState.FAILED, f"{why}; it could not be taken back ({error}): a person must look")
        if not check.met:
            return Outcome(ActionState.FAILED, f"{why}; taking it back does not show ({check.words})")
        return Outcome(ActionState.UNDONE, f"{why}; taken back: {check.words}", {"undone_by": str(undo.operation)})

    def _tool(self, order: Order) -> RemediationTool:
        tool = self._tools.get(order.operation)
        if tool is None:
            raise Bug(f"{order.operation} was allowed, but there is no tool for it")
        return tool

    def _hands(self, order: Order, steps: Steps, unwanted: Objection | None = None) -> ExactHands:
        cluster = self._cluster
        others = Others(cluster.gateway, cluster.probes)
        others = others if unwanted is None else replace(others, unwanted=unwanted)
        pair = (cluster.reader, cluster.writer)
        return ExactHands(order, pair, steps, cluster.clock, sleep=cluster.sleep, others=others)
