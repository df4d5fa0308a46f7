"""What the four tools of the SENTINEL gateway share: a directive about one GPU, issued once, followed to its effect.

Which node the GPU is in is the gateway's knowledge; a model's word is only held against it. The directive bears the
order's handle as its id, so one that is sent again is answered as before. Where the gateway wants a person of its own
to agree, the directive waits there; one that still waits when our time is over is taken back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gcm_sentinel.clients.kubernetes.marks import marks_of
from gcm_sentinel.clients.kubernetes.objects import mapping, metadata, strings, text
from gcm_sentinel.clients.sentinel.directing import ISSUE, WITHDRAW
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.evidence import DESK
from gcm_sentinel.domain.gpu_health import GpuHealth, GpuState
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.observed import Observed
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import NODE_UID, ActionTarget, ApiCall, Order
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.remediation import Carried, Check, Hands, Plan
from gcm_sentinel.domain.sentinel_events import WAITING, Directive
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec
from gcm_sentinel.tools import asking, gpu_places
from gcm_sentinel.tools.context import ClusterReader, GatewayReader, ToolContext

_EXECUTED = "EXECUTED"
_EVIDENCE = "evidence"
_WITHDRAWS = "withdraws"


@dataclass(frozen=True, slots=True, kw_only=True)
class Directing:
    """One kind of directive."""

    operation: Operation
    action: str
    """On the wire."""
    description: str
    """To a model."""
    takes: frozenset[GpuState]
    """States of a GPU in which the gateway takes it."""
    reached: frozenset[GpuState]
    """States that show its effect, those that may have followed included."""
    undo: tuple[Operation, str] | None = None
    """The operation that takes it back, and its action on the wire."""


class DirectiveTool:
    """One tool of the gateway."""

    def __init__(self, directing: Directing, cluster: ClusterReader, gateway: GatewayReader) -> None:
        self._directing = directing
        self._cluster = cluster
        self._gateway = gateway

    @property
    def operation(self) -> Operation:
        """Which one."""
        return self._directing.operation

    @property
    def spec(self) -> ToolSpec:
        """The tool as a model sees it."""
        return asking.spec_of(self.operation, self._directing.description, gpu_places.PROPERTIES)

    async def plan(self, call: ToolCall, scope: Scope) -> Plan:
        """One directive."""
        uuid = gpu_places.gpu_uuid(call)
        health = await self._known(uuid)
        name = health.gpu.node
        gpu_places.check_place(call, uuid, name, scope)
        if health.state not in self._directing.takes:
            takes = ", ".join(sorted(self._directing.takes))
            raise ValueError(f"GPU {uuid} is {health.state}; {self._directing.action} is for one that is {takes}")
        node = await asking.read_node(self._cluster, name)
        cited = _cited(uuid, call, scope)
        incident, why = scope.incident, asking.reason(call)
        order = Order(
            self.operation,
            ActionTarget("gpu", uuid, uuid, name),
            incident.id,
            incident.investigation_id,
            {NODE_UID: text(metadata(node).get("uid")), _EVIDENCE: cited},
            (_issue(uuid, self._directing.action, f"{incident.id}: {why}", _whole(incident.investigation_id, cited)),),
            why,
        )
        return Plan(order, marks_of(node), strings(metadata(node).get("labels")), notes=(_NOTE,))

    async def carry_out(self, order: Order, hands: Hands) -> Carried:
        """Issue the directive, or take it back."""
        (call,) = order.calls
        return Carried(1, facts=await hands.send(call))

    async def check(self, order: Order, carried: Carried) -> Check:
        """What became of the directive, and of the GPU."""
        directive = await self._gateway.directive(order.handle)
        if directive is None:
            return Check(met=False, words=f"the gateway has no directive {order.handle}", hopeless=True)
        if _WITHDRAWS in order.arguments:
            return _taken_back(directive)
        if directive.status == WAITING:
            return Check(met=False, words=_waits(directive))
        if directive.status != _EXECUTED:
            words = f"the directive was {directive.status.lower()} at the gateway: {directive.note}".strip(" :")
            return Check(met=False, words=words, hopeless=True)
        health = await self._gateway.gpu(order.target.uid)
        if health is None:
            return Check(met=False, words=f"the gateway knows no GPU {order.target.uid} any more")
        return Check(met=health.state in self._directing.reached, words=f"the gateway reports the GPU {health.state}")

    async def undo(self, order: Order, carried: Carried) -> Order | None:
        """Take the directive back where it waits, else its effect where that is still ours."""
        directive = await self._gateway.directive(order.handle)
        if directive is None or _WITHDRAWS in order.arguments:
            return None
        if directive.status == WAITING:
            body: JsonObject = {"directive_id": order.handle, "comment": f"{order.incident_id}: given up"}
            arguments: JsonObject = {**order.arguments, _WITHDRAWS: order.handle}
            return replace(order, arguments=arguments, calls=(ApiCall("CALL", WITHDRAW, body),))
        health = await self._gateway.gpu(order.target.uid)
        if self._directing.undo is None or health is None or not self._is_ours(order, directive, health):
            return None
        operation, action = self._directing.undo
        call = _issue(order.target.uid, action, f"{order.incident_id}: taken back", [order.handle])
        return replace(order, operation=operation, calls=(call,))

    def _is_ours(self, order: Order, directive: Directive, health: GpuHealth) -> bool:
        """Whether the GPU is where this very directive has put it, and nobody has decided about it since."""
        said = mapping(order.calls[0].body).get("reason")
        return directive.status == _EXECUTED and health.state in self._directing.reached and health.why == said

    async def _known(self, uuid: str) -> GpuHealth:
        health = await self._gateway.gpu(uuid)
        if health is None:
            raise ValueError(f"the SENTINEL gateway knows no GPU {uuid}: nobody ever reported about it")
        return health


_NOTE = "the gateway may ask a person of its own; the directive then waits there"


def offered(directing: Directing, context: ToolContext) -> DirectiveTool | None:
    """The tool; None where no gateway is configured, so that nobody is offered what cannot be done."""
    return DirectiveTool(directing, context.cluster, context.gateway) if context.gateway else None


def _issue(uuid: str, action: str, why: str, evidence: list[Json]) -> ApiCall:
    body: JsonObject = {"gpu_uuid": uuid, "action": action, "reason": why, "evidence": evidence}
    return ApiCall("CALL", ISSUE, body)


def _cited(uuid: str, call: ToolCall, scope: Scope) -> list[Json]:
    """Ids of the evidence that shows the GPU; planned again, of what was cited the first time only."""
    target = Entity(EntityKind.GPU, uuid, uuid=uuid)
    gathered = (item for item in scope.gathered if item.source != DESK)
    shown: list[Json] = [item.id for item in gathered if Observed(item.result.entities).has(target)]
    first = call.arguments.get(_EVIDENCE)
    return [one for one in shown if one in first] if isinstance(first, list) else shown


def _whole(investigation_id: str, ids: list[Json]) -> list[Json]:
    return [f"{investigation_id}/{one}" for one in ids]


def _waits(directive: Directive) -> str:
    until = f" until {directive.expires_at.isoformat()}" if directive.expires_at else ""
    return f"waits for an approval at the gateway{until}"


def _taken_back(directive: Directive) -> Check:
    gone = directive.status not in (WAITING, _EXECUTED)
    return Check(met=gone, words=f"the directive is {directive.status.lower()} at the gateway")
