"""What is wrong with each node as last observed, and what a newer look at it means. Pure.

Used by the Kubernetes watcher. Nothing here depends on edges: `diff` compares the problems a node had with those it
has, so a relist, a lost connection or a repeated event fires nothing twice and loses nothing.
Only nodes with problems are remembered, which keeps a fleet of 50,000 small.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gcm_sentinel.clients.kubernetes.objects import KubeObject, conditions, metadata, parse_time, text
from gcm_sentinel.domain.conditions import is_watched, state_of
from gcm_sentinel.domain.trigger import Trigger, TriggerStatus

SOURCE = "kubernetes"
_STATUS = {"problem": TriggerStatus.PROBLEM, "unknown": TriggerStatus.UNKNOWN}


@dataclass(frozen=True, slots=True)
class ActiveProblem:
    """One condition of a node that is bad, or unknown to its checker."""

    type: str
    status: TriggerStatus
    transition_at: datetime | None


@dataclass(frozen=True, slots=True)
class ObservedNode:
    """A node with at least one active problem."""

    uid: str
    active: tuple[ActiveProblem, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What one look at a node brought."""

    triggers: tuple[Trigger, ...]
    node: ObservedNode | None
    """What to remember of the node; None when nothing is wrong with it."""


def diff(previous: ObservedNode | None, node: KubeObject, *, patterns: tuple[str, ...], now: datetime) -> Change:
    """What is new about `node` (an API object) since `previous`.

    A problem is new when it was not active, when it became unknown or known, or when its transition time moved (it went
    away and came back unseen). A node of another uid is another node: its predecessor's problems do not recover.
    """
    uid = text(metadata(node).get("uid")) or text(metadata(node).get("name"))
    before = {problem.type: problem for problem in previous.active} if previous and previous.uid == uid else {}
    watched = [entry for entry in conditions(node) if is_watched(text(entry.get("type")), patterns)]
    active: dict[str, ActiveProblem] = {}
    triggers: list[Trigger] = []
    for condition in watched:
        problem = _problem(condition, patterns)
        if problem is None:
            continue
        active[problem.type] = problem
        if before.get(problem.type) != problem:
            triggers.append(_trigger(node, problem.type, problem.status, condition, now))
    by_type = {text(entry.get("type")): entry for entry in watched}
    triggers += [
        _trigger(node, type_, TriggerStatus.RECOVERED, by_type.get(type_, _REMOVED), now)
        for type_ in before
        if type_ not in active
    ]
    return Change(tuple(triggers), ObservedNode(uid, tuple(active.values())) if active else None)


_REMOVED: KubeObject = {"reason": "ConditionRemoved", "message": "the node no longer reports this condition"}


def _problem(condition: KubeObject, patterns: tuple[str, ...]) -> ActiveProblem | None:
    type_ = text(condition.get("type"))
    status = _STATUS.get(state_of(type_, text(condition.get("status")), patterns))
    if status is None:
        return None
    return ActiveProblem(type_, status, parse_time(condition.get("lastTransitionTime")))


def _trigger(node: KubeObject, type_: str, status: TriggerStatus, condition: KubeObject, now: datetime) -> Trigger:
    return Trigger(
        source=SOURCE,
        node=text(metadata(node).get("name")),
        kind=type_,
        status=status,
        reason=text(condition.get("reason")),
        message=text(condition.get("message")),
        observed_at=now,
        transition_at=parse_time(condition.get("lastTransitionTime")),
        node_uid=text(metadata(node).get("uid")) or None,
    )
