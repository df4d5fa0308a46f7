"""Which of the advised actions the playbook engine also proposes, where the mode puts tools for them before it.

One operation for each piece of advice: the one that does just that, where there is a tool for it. What waits for
something else (`watch` comes first) is advice for later and is not proposed. Nor is a reset, a reboot or a deep probe
beside a drain of the same node: it would be refused until the drain is over. The investigation that follows a drain
which is done has its own drain refused for that, and then proposes what had to wait; the tools refuse it where the node
is not empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import Draft, RecommendedAction
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.transcript import ModelTurn, ToolCall, ToolReplies, ToolSpec, Transcript

_DOES: dict[Action, tuple[Operation, ...]] = {
    Action.DRAIN: (Operation.DRAIN_NODE, Operation.CORDON_NODE),
    Action.CORDON: (Operation.CORDON_NODE,),
    Action.QUARANTINE_GPU: (Operation.QUARANTINE_GPU,),
    Action.PROBE_DEEP: (Operation.RUN_DEEP_PROBE, Operation.SCHEDULE_DEEP_TEST),
    Action.RESTART_DAEMONSET: (Operation.RESTART_POD,),
    Action.RESET_GPU: (Operation.RESET_GPU,),
    Action.REBOOT: (Operation.REBOOT_NODE,),
}
"""What does what; the first that there is a tool for. A taint is never chosen: its key is the operator's wish."""

_AFTER_A_DRAIN = frozenset({Operation.RESET_GPU, Operation.REBOOT_NODE, Operation.RUN_DEEP_PROBE})
"""What needs an empty node begins when its drain is over. A drain begins with the cordon, so none is asked for beside
it."""
_OF_A_GPU = frozenset(
    {Operation.QUARANTINE_GPU, Operation.RUN_DEEP_PROBE, Operation.SCHEDULE_DEEP_TEST, Operation.RESET_GPU}
)
_DAEMON_POD = "[a-z0-9]{5}"
"""What a DaemonSet's controller puts behind its name."""

Asked = tuple[str, dict[str, Json]]
"""Tool and arguments."""


def to_propose(draft: Draft, transcript: Transcript, tools: Sequence[ToolSpec]) -> tuple[Asked, ...]:
    """The calls that propose what `draft` advises and was not proposed before."""
    if _waits(draft.actions):
        return ()
    offered = {tool.name for tool in tools}
    before = {(call.name, _place(call.arguments)) for call in _calls(transcript)}
    wanted = [asked for item in draft.actions if (asked := _asked(item, transcript, offered)) is not None]
    drained = {arguments["node_name"] for name, arguments in wanted if name == Operation.DRAIN_NODE}
    to_come = drained - _refused_drains(transcript)
    fresh = {
        (name, _place(arguments)): (name, arguments)
        for name, arguments in wanted
        if not (name == Operation.CORDON_NODE and arguments["node_name"] in drained)
        and not (name in _AFTER_A_DRAIN and arguments["node_name"] in to_come)
    }
    return tuple(asked for place, asked in fresh.items() if place not in before)


def _waits(advice: Sequence[RecommendedAction]) -> bool:
    return bool(advice) and advice[0].action is Action.WATCH


def _asked(item: RecommendedAction, transcript: Transcript, offered: set[str]) -> Asked | None:
    operation = next((found for found in _DOES.get(item.action, ()) if str(found) in offered), None)
    if operation is None:
        return None
    target = item.target
    if operation in _OF_A_GPU:
        if target is None or target.kind is not EntityKind.GPU or not target.uuid:
            return None
        return str(operation), {"gpu_uuid": target.uuid, "node_name": target.node or "", "reason": item.reason}
    if operation is Operation.RESTART_POD:
        pod = _pod_of(target, transcript)
        return (str(operation), {"pod_name": pod, "reason": item.reason}) if pod else None
    node = (target.node or target.name) if target else transcript.incident.node
    return str(operation), {"node_name": node, "reason": item.reason}


def _pod_of(target: Entity | None, transcript: Transcript) -> str | None:
    """The pod to restart: the target itself, or the one of a DaemonSet that was seen on the incident's node."""
    if target is None or target.kind is EntityKind.POD:
        return target.name if target else None
    named = re.compile(rf"(?:.*/)?{re.escape(target.name.rpartition('/')[2])}-{_DAEMON_POD}")
    here = transcript.incident.node
    seen = (entity for evidence in transcript.evidence for entity in evidence.result.entities)
    pods = {
        item.name for item in seen if item.kind is EntityKind.POD and item.node == here and named.fullmatch(item.name)
    }
    return pods.pop() if len(pods) == 1 else None


def _calls(transcript: Transcript) -> Iterator[ToolCall]:
    for entry in transcript.entries:
        if isinstance(entry, ModelTurn):
            yield from entry.tool_calls


def _refused_drains(transcript: Transcript) -> set[Json]:
    """Nodes whose drain was asked for in this investigation, and refused."""
    replies = [reply for entry in transcript.entries if isinstance(entry, ToolReplies) for reply in entry.replies]
    drains = [reply.call for reply in replies if reply.is_error and reply.call.name == Operation.DRAIN_NODE]
    return {call.arguments.get("node_name") for call in drains}


def _place(arguments: JsonObject) -> str:
    """What a call is about, whatever its reason says."""
    return str(sorted((key, str(value)) for key, value in arguments.items() if key != "reason"))
