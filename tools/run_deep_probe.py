"""Runs the deep probes of one GPU through the agent on its node: every SM, all free memory, then hot.

A deep probe takes all of a GPU for minutes, and memory that others want. So the node must be one that we have cordoned
and on which no pod holds a GPU: Kubernetes does not know which GPU a pod holds, and one that idles now may compute the
next second. That is asked when it is planned, before each probe and all the while; the node's agent asks the driver.

Another GPU of the node is probed afterwards, with the same operands, and only by those probes that the suspect failed:
where it passes them the fault is the suspect's own, where it fails too it is the host's, the driver's or the probe's.
So never more than one GPU of a node is probed at a time. Nothing is left behind, so there is nothing to undo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import structlog

from gcm_sentinel.clients.kubernetes.marks import marks_of
from gcm_sentinel.clients.kubernetes.objects import metadata, strings, text
from gcm_sentinel.domain.deep_probing import at_most, call_of, probe_of, probes_of, seed_of
from gcm_sentinel.domain.errors import Permanent, Refused, SentinelError
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.node_agent import NodeDescription, NodeGpu, ProbePermission
from gcm_sentinel.domain.node_probes import ProbeOutcome
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import NODE_UID, ActionTarget, ApiCall, Order
from gcm_sentinel.domain.probe_result import ProbeResult, from_json, no_result, plain, to_json
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.remediation import Carried, Check, Hands, Plan
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec
from gcm_sentinel.tools import asking, gpu_places
from gcm_sentinel.tools.context import NodeReader, ToolContext
from gcm_sentinel.tools.emptied import Emptied
from gcm_sentinel.tools.run_deep_probe_beside import choose
from gcm_sentinel.tools.run_deep_probe_words import verdict

log = structlog.get_logger(__name__)

RESULTS = "probes"
"""Of what carrying out found: every result, the suspect's first."""
SIBLING = "sibling_uuid"
"""Argument of an order: the GPU beside it, empty where there is none."""


class RunDeepProbe:
    """`run_deep_probe`."""

    operation = Operation.RUN_DEEP_PROBE

    def __init__(self, context: ToolContext, agents: NodeReader) -> None:
        self._cluster = context.cluster
        self._agents = agents
        self._limits = context.deep_probing
        self._order_lasts = context.policy.order_lasts
        self._objection = Emptied(context).for_reset

    @property
    def spec(self) -> ToolSpec:
        """The tool as a model sees it."""
        return asking.spec_of(
            self.operation,
            "Propose to run the deep probes of one GPU on its node, for minutes: exact results of every SM, all free"
            " memory, then hot. The node must be drained first. Its outcome is kept as evidence of the incident.",
            gpu_places.PROPERTIES,
        )

    async def plan(self, call: ToolCall, scope: Scope) -> Plan:
        """A call for each probe of the GPU, and the same ones for a GPU beside it."""
        uuid, name = gpu_places.gpu_and_node(call, scope)
        node = await asking.read_node(self._cluster, name)
        if objection := await self._objection(node):
            raise ValueError(objection)
        described = await self._agents.describe(name)
        suspect = _probeable(described, uuid)
        sibling, note = await choose(self._agents, described, suspect, scope, call.arguments.get(SIBLING))
        given: JsonObject = {NODE_UID: text(metadata(node).get("uid")), SIBLING: sibling}
        incident = scope.incident
        target = ActionTarget("gpu", uuid, uuid, name)
        order = Order(self.operation, target, incident.id, incident.investigation_id, given, reason=asking.reason(call))
        calls = self._calls(order, (uuid, sibling) if sibling else (uuid,))
        notes = (note, self._how_long(sibling))
        return Plan(replace(order, calls=calls), marks_of(node), strings(metadata(node).get("labels")), notes=notes)

    async def carry_out(self, order: Order, hands: Hands) -> Carried:
        """Probe the suspect until one probe gets no report, then the GPU beside it by those that found a fault.

        Raises:
            SentinelError: nothing was probed, and nothing would be if it were asked again.
        """
        ours = [call for call in order.calls if probe_of(call)[1].gpu_uuid == order.target.uid]
        results: list[ProbeResult] = []
        for call in ours:
            results.append(await self._run(call, order, hands, nothing_yet=not results))
            if results[-1].outcome is None:
                break
        failed = {(one.kind, one.soak_s) for one in results if one.outcome is ProbeOutcome.FAIL}
        for call in order.calls:
            probe = probe_of(call)[1]
            if call not in ours and (probe.kind, int(probe.soak.total_seconds())) in failed:
                results.append(await self._run(call, order, hands, nothing_yet=False))
        answered = [one for one in results if one.outcome is not None]
        left = tuple(f"{one.title} on {one.gpu_uuid}: {one.words[0]}" for one in results if one.outcome is None)
        told: list[Json] = [to_json(one) for one in results]
        return Carried(len(answered), left, {RESULTS: told})

    async def check(self, order: Order, carried: Carried) -> Check:
        """What the reports say; they are all there, so waiting helps nothing."""
        told = carried.facts.get(RESULTS)
        results = [from_json(one) for one in told] if isinstance(told, list) else []
        asked = [probe for _, probe in map(probe_of, order.calls) if probe.gpu_uuid == order.target.uid]
        met, words = verdict(order.target.uid, asked, results)
        return Check(met=met, words=words, hopeless=not met)

    async def undo(self, order: Order, carried: Carried) -> Order | None:
        """Nothing: a probe leaves nothing behind."""
        return None

    def _how_long(self, sibling: str) -> str:
        """What it costs at most, for whoever approves it."""
        probing, each, ends = map(_minutes, (self._limits.lasts, at_most(self._limits), self._order_lasts))
        beside = ", then the one beside it for as long at most" if sibling else ""
        taken = f"takes all of the GPU for at most {each} min, {probing} of them probing{beside}"
        return f"{taken}; stopped {ends} min after it began"

    def _calls(self, order: Order, uuids: Sequence[str]) -> tuple[ApiCall, ...]:
        seed, node = seed_of(order), order.target.node
        return tuple(call_of(node, probe) for uuid in uuids for probe in probes_of(uuid, seed, self._limits))

    async def _run(self, call: ApiCall, order: Order, hands: Hands, *, nothing_yet: bool) -> ProbeResult:
        """What one probe came to; also where no report came, unless nothing was probed at all."""
        about = asking.node_path(order.target.node)
        try:
            return from_json(await hands.send(call, unless=_no_more, besides=self._objection, about=about))
        except SentinelError as error:
            if nothing_yet and isinstance(error, Permanent | Refused):
                raise
            return no_result(probe_of(call)[1], str(error))


def _minutes(duration: timedelta) -> str:
    return f"{duration.total_seconds() / 60:.0f}"


def _no_more(_found: JsonObject) -> str:
    return ""


def _probeable(described: NodeDescription, uuid: str) -> NodeGpu:
    """The GPU as its node's agent has it.

    Raises:
        ValueError: deep probes cannot run there; says why.
    """
    node = described.node
    if described.permission is not ProbePermission.DEEP:
        raise ValueError(f"node {node} lets no deep probe run: its agent's setting probes is {described.permission}")
    missing = next((part.missing for part in described.parts if part.name == "probes" and part.missing), "")
    if missing:
        raise ValueError(f"no probe can run on node {node}: {plain(missing)}")
    found = next((gpu for gpu in described.gpus if gpu.uuid == uuid), None)
    if found is None:
        known = ", ".join(plain(gpu.uuid) for gpu in described.gpus[:16]) or "none"
        raise ValueError(f"the agent on node {node} knows no GPU {uuid}; there are: {known}")
    if found.is_partitioned:
        raise ValueError(f"MIG is on for GPU {uuid}: SM numbers belong to partitions then, so no probe runs")
    return found


def build(context: ToolContext) -> RunDeepProbe | None:
    """The entry point; None where deep probes may not be asked for, so that nobody is offered what cannot be done."""
    if context.node_agents is None:
        return None
    if context.probes is not ProbePermission.DEEP:
        reason = f"GCM_SENTINEL_PROBES is {context.probes}; deep probes need deep"
        log.info("tool.not_offered", tool=str(Operation.RUN_DEEP_PROBE), reason=reason)
        return None
    return RunDeepProbe(context, context.node_agents)
