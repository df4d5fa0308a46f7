"""What is wrong with each node as last observed, and what a newer look at it means. Pure.

Used by the Kubernetes watcher. Nothing here depends on edges: `diff` compares the problems a node had with those it
has, so a relist, a lost connection, a restart or a repeated event fires nothing twice and loses nothing.
Only nodes with problems are remembered, which keeps a fleet of 50,000 small.

A recovery that no reporter dates (the node was deleted, the condition removed) carries the transition of the problem
it ends: the same one whoever observes it and whenever, and another one for the next time.

Transitions do not order what was seen: `Ready` is dated by the kubelet's clock when it is True and by the controller's
when it is Unknown, so a recovery may be dated before its problem. Each trigger carries the node's resource version.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from gcm_sentinel.clients.kubernetes.objects import KubeObject, conditions, metadata, parse_time, text
from gcm_sentinel.domain.conditions import is_watched, state_of
from gcm_sentinel.domain.incident_record import Symptom
from gcm_sentinel.domain.trigger import Trigger, TriggerStatus

SOURCE = "kubernetes"
_DIGITS_MAX = 19
"""Of a resource version that fits a 64-bit column."""
_STATUS = {"problem": TriggerStatus.PROBLEM, "unknown": TriggerStatus.UNKNOWN}


@dataclass(frozen=True, slots=True)
class ActiveProblem:
    """One condition of a node that is bad, or unknown to its checker."""

    type: str
    status: TriggerStatus
    transition_at: datetime | None
    node_uid: str = ""
    """Of the node that has it; empty where that is not known, and then it is taken for the node of that name."""


Problems: TypeAlias = tuple[ActiveProblem, ...]
"""What is wrong under one node name: with the node there is, or with a predecessor whose end nobody has seen yet."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one look at a node brought."""

    triggers: tuple[Trigger, ...]
    problems: Problems
    """What to remember of the node; empty when nothing is wrong with it."""


def remembered(known: Iterable[Symptom]) -> dict[str, Problems]:
    """What storage knows to be wrong, by node name: where a watcher begins after a restart."""
    problems: dict[str, Problems] = {}
    for symptom in known:
        problem = ActiveProblem(symptom.kind, symptom.status, symptom.since, symptom.node_uid)
        problems[symptom.node] = (*problems.get(symptom.node, ()), problem)
    return problems


def diff(previous: Problems | None, node: KubeObject, *, patterns: tuple[str, ...], now: datetime) -> Change:
    """What is new about `node` (an API object) since `previous` (None or empty: nothing was wrong).

    A problem is new when it was not active, when it became unknown or known, or when its transition time moved (it went
    away and came back unseen). A node of another uid is another node: its predecessor's problems end first.
    """
    name = text(metadata(node).get("name"))
    uid = text(metadata(node).get("uid")) or name
    before = {problem.type: problem for problem in previous or () if problem.node_uid in ("", uid)}
    strangers = (problem for problem in previous or () if problem.node_uid not in ("", uid))
    triggers = [*gone(node, strangers, now)]
    active: dict[str, ActiveProblem] = {}
    for condition in conditions(node):
        problem = _problem(condition, patterns, uid)
        if problem is None:
            continue
        known = before.get(problem.type)
        if known is not None and _same(known, problem):
            active[problem.type] = replace(known, node_uid=uid)
        else:
            active[problem.type] = problem
            triggers.append(_trigger(node, problem.type, problem.status, condition, now))
    triggers += [_recovery(node, problem, patterns, now) for type_, problem in before.items() if type_ not in active]
    return Change(tuple(triggers), tuple(active.values()))


def gone(node: KubeObject, problems: Iterable[ActiveProblem], now: datetime) -> tuple[Trigger, ...]:
    """The end of every problem of a node that does not exist any more.

    `node` is its last state, its successor, or as much as is known: its name and where the list that lacks it stood.
    """
    return tuple(
        Trigger(
            source=SOURCE,
            node=text(metadata(node).get("name")),
            kind=problem.type,
            status=TriggerStatus.RECOVERED,
            reason="NodeDeleted",
            message="the node does not exist any more",
            observed_at=now,
            transition_at=problem.transition_at,
            node_uid=problem.node_uid or None,
            sequence=_sequence(node),
        )
        for problem in problems
    )


_REMOVED: KubeObject = {"reason": "ConditionRemoved", "message": "the node no longer reports this condition"}
_UNWATCHED: KubeObject = {"reason": "ConditionNotWatched", "message": "this condition is no longer watched"}


def _problem(condition: KubeObject, patterns: tuple[str, ...], uid: str) -> ActiveProblem | None:
    type_ = text(condition.get("type"))
    if not is_watched(type_, patterns):
        return None
    status = _STATUS.get(state_of(type_, text(condition.get("status")), patterns))
    if status is None:
        return None
    return ActiveProblem(type_, status, parse_time(condition.get("lastTransitionTime")), uid)


def _same(known: ActiveProblem, problem: ActiveProblem) -> bool:
    """Whether two looks saw one transition; a reporter that dates nothing is told apart by status alone."""
    return known.status is problem.status and problem.transition_at in (None, known.transition_at)


def _recovery(node: KubeObject, problem: ActiveProblem, patterns: tuple[str, ...], now: datetime) -> Trigger:
    by_type = {text(entry.get("type")): entry for entry in conditions(node)}
    condition = by_type.get(problem.type, _REMOVED)
    if condition is not _REMOVED and not is_watched(problem.type, patterns):
        condition = _UNWATCHED
    trigger = _trigger(node, problem.type, TriggerStatus.RECOVERED, condition, now)
    return trigger if trigger.transition_at else replace(trigger, transition_at=problem.transition_at)


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
        sequence=_sequence(node),
    )


def _sequence(node: KubeObject) -> int | None:
    """The resource version as a number; None for a server that counts otherwise."""
    version = text(metadata(node).get("resourceVersion"))
    return int(version) if version.isdecimal() and len(version) < _DIGITS_MAX else None
