"""The judge: rules on a stored order with the assessment in hand, on a world read anew.

The tool plans again, so what is ruled on is what would be sent now. A person's approval answers the gate's questions,
never its refusals, and only for calls that person has seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gcm_sentinel.domain.acting_policy import ActingPolicy
from gcm_sentinel.domain.assessment import Assessment
from gcm_sentinel.domain.errors import NotFound, Permanent
from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.gate import Case, Ruling, Verdict, decide
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import Order
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.remediation import Plan, RemediationTool
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.domain.trigger import Incident
from gcm_sentinel.remediation.survey import Surveyor, sighting_of


@dataclass(frozen=True, slots=True)
class Ground:
    """What an order rests on: the investigation that led to it, finished."""

    incident: Incident
    assessment: Assessment
    evidence: tuple[Evidence, ...]
    captured: bool = False
    """Whether what the order destroys was captured."""


class Judge:
    """Rules on orders of one agent."""

    def __init__(
        self, tools: Mapping[Operation, RemediationTool], surveyor: Surveyor, policy: ActingPolicy, mode: Mode
    ) -> None:
        self._tools = tools
        self._surveyor = surveyor
        self._policy = policy
        self.mode = mode
        """Of the agent."""

    def offers(self, operation: Operation) -> bool:
        """Whether there is a tool for it, and the operator has not switched it off."""
        return operation in self._tools and operation in self._policy.operations

    async def rule(self, order: Order, ground: Ground, *, approved: bool) -> Ruling:
        """Whether `order` may be carried out now; `approved` says that a person has approved exactly it.

        Raises:
            Retryable: the world could not be read just now.
        """
        tool = self._tools.get(order.operation)
        if tool is None:
            return _refused(f"{order.operation} is not offered in this installation")
        scope = Scope(ground.incident, ground.evidence)
        try:
            plan = await tool.plan(as_call(order), scope)
        except (NotFound, ValueError) as error:
            return _refused(str(error))
        except Permanent as error:
            return _refused(f"the world cannot be read: {error}")
        return await self._decide(order, plan, scope, ground, approved=approved)

    async def _decide(self, order: Order, plan: Plan, scope: Scope, ground: Ground, *, approved: bool) -> Ruling:
        if plan.already:
            return _refused("it is done already: the world is as this action would make it")
        grown = [str(call) for call in plan.order.calls if call not in (*order.calls, *plan.severable)]
        if grown:
            return _refused(f"it would do more now than was proposed: {grown[0]}; it has to be proposed again")
        found, incident = replace(plan, order=order), ground.incident
        world = await self._surveyor.of(found, incident, uid=plan.order.target.uid, captured=ground.captured)
        case = Case(
            order=order,
            mode=self.mode,
            policy=self._policy,
            scope=ground.incident.affected,
            sighting=sighting_of(order, scope),
            world=world,
            assessment=ground.assessment,
        )
        case = await self._surveyor.tried(case)
        ruling = decide(case)
        await self._surveyor.heed(case, ruling)
        if ruling.verdict is Verdict.ASK and approved:
            return Ruling(Verdict.ALLOWED, ("a person approved it", *ruling.reasons))
        return ruling


def as_call(order: Order) -> ToolCall:
    """The call that led to `order`, for planning it anew."""
    place = {"node": "node_name", "pod": "pod_name", "gpu": "gpu_uuid"}[order.target.kind]
    name = order.target.uid if order.target.kind == "gpu" else order.target.name
    return ToolCall("again", str(order.operation), {place: name, **order.arguments, "reason": order.reason})


def _refused(reason: str) -> Ruling:
    return Ruling(Verdict.REFUSED, (reason,))
