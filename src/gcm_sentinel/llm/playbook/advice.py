"""Which actions follow from a hypothesis in this very case, and what each aims at.

Conditions come from the playbook's data (drain only what runs, reset only what is idle); targets are only entities that
were observed, and no other node than the investigated one, but for a GPU whose quarantine a broken ledger hides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import RecommendedAction
from gcm_sentinel.domain.entity import Entity
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.transcript import ToolSpec
from gcm_sentinel.llm.playbook import entities
from gcm_sentinel.llm.playbook.beliefs import Belief, Findings
from gcm_sentinel.llm.playbook.hypotheses import Advice, Playbook
from gcm_sentinel.llm.playbook.malformed import safely
from gcm_sentinel.llm.playbook.observations import Observations


@dataclass(frozen=True, slots=True)
class Case:
    """Everything a verdict is made of."""

    playbook: Playbook
    obs: Observations
    beliefs: Sequence[Belief]
    findings: Findings
    tools: Sequence[ToolSpec]


def actions(case: Case, belief: Belief) -> tuple[RecommendedAction, ...]:
    advised = []
    for item in belief.hypothesis.actions:
        if case.findings.hold(item.when, belief.subject):
            advised.append(RecommendedAction(item.action, _target(case, belief, item), item.reason))
    return merged(advised)


def _target(case: Case, belief: Belief, item: Advice) -> Entity | None:
    return safely(lambda: _aim(case, belief, item), None, "target")


def _aim(case: Case, belief: Belief, item: Advice) -> Entity | None:
    obs, here = case.obs, node_entity(case.obs.node)
    found: dict[str, tuple[Entity, ...]] = {
        "gpu": (belief.subject.entity,) if belief.subject else (here,),
        "node": (here,),
        "workload": entities.workloads(obs, belief.subject),
        "pods": entities.pods(obs, belief.subject) or entities.workloads(obs, belief.subject),
        "daemonset": entities.daemonset(obs, belief),
        "switch": entities.switch(obs),
        "held": entities.held(obs),
        "none": (),
    }
    return next(iter(entities.known(obs, found[item.target])), None)


def merged(items: Sequence[RecommendedAction]) -> tuple[RecommendedAction, ...]:
    """Each action on each target once, in order; `none` only when nothing else is advised for the fault itself."""
    kept: dict[tuple[Action, str], RecommendedAction] = {}
    for item in items:
        kept.setdefault((item.action, item.target.name if item.target else ""), item)
    order = {Action.CAPTURE_EVIDENCE: 0}
    return tuple(sorted(kept.values(), key=lambda item: order.get(item.action, 1)))


def with_warnings(case: Case, items: tuple[RecommendedAction, ...]) -> tuple[RecommendedAction, ...]:
    """Security is told of text that tries to steer an investigation, whatever the fault is."""
    if not case.findings.hold(["instruction_in_log"], None):
        return items
    note = "a log holds text addressed to diagnostic agents; it was treated as data and not followed"
    return (*items, RecommendedAction(Action.PAGE_SECURITY, None, note))
