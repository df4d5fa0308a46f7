"""One order that a person would let pass, to be changed in one place by each test."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gcm_sentinel.domain.acting_policy import ActingPolicy, Breaker, Capacity
from gcm_sentinel.domain.assessment import Assessment, Draft, Outcome, RecommendedAction, Severity
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.gate import Case, Sighting, World
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.operations import DECLARED, Operation, TargetKind
from gcm_sentinel.domain.order import ActionTarget, Order

NOW = datetime(2026, 11, 3, 3, 0, tzinfo=UTC)
NODE = "gpu-node-1"
FLEET = tuple(f"gpu-node-{number}" for number in range(1, 101))
UIDS = {TargetKind.NODE: "node-uid-1", TargetKind.GPU: "GPU-1111", TargetKind.POD: "pod-uid-1"}
NAMES = {TargetKind.NODE: NODE, TargetKind.GPU: "GPU-1111", TargetKind.POD: "gpu-operator/dcgm-x7k2p"}


def target_of(kind, *, name=None, uid=None, node=NODE):
    on = "" if kind is TargetKind.NODE else node
    return ActionTarget(str(kind), name or (node if kind is TargetKind.NODE else NAMES[kind]), uid or UIDS[kind], on)


ABOUT = {
    TargetKind.NODE: Entity(EntityKind.NODE, NODE),
    TargetKind.GPU: Entity(EntityKind.GPU, "gpu2", node=NODE, uuid="GPU-1111"),
    TargetKind.POD: Entity(EntityKind.POD, NAMES[TargetKind.POD], node=NODE),
}
"""What advice for the usual target of each kind names."""


def advice(*actions, about=ABOUT[TargetKind.NODE], confidence=0.95, outcome=Outcome.CONCLUDED):
    """An assessment that advises `actions` for `about`; for nothing in particular where that is None."""
    draft = Draft(
        Severity.CRITICAL,
        FaultClass.GPU_OFF_BUS,
        "a GPU fell off the bus",
        "PCIe",
        confidence,
        actions=tuple(RecommendedAction(action, about) for action in actions),
    )
    return Assessment("inc-1", NODE, "GcmXidErrorsProblem", outcome, draft, (), "playbook", "playbook", NOW)


def world(operation=Operation.CORDON_NODE, **changes):
    found = World(
        now=NOW,
        uid=UIDS[DECLARED[operation].target],
        stands=True,
        capacity=Capacity.of(FLEET, ()),
        breaker=Breaker(),
        captured=True,
    )
    return replace(found, **changes)


def case_of(operation=Operation.CORDON_NODE, mode=Mode.EXECUTE, **changes):
    """A case whose order the policy allows at once in `execute`, with `changes`."""
    declaration = DECLARED[operation]
    found = Case(
        order=Order(operation, target_of(declaration.target), "inc-1", "inc-1.1"),
        mode=mode,
        policy=ActingPolicy(),
        scope=(NODE,),
        sighting=Sighting("E4", NOW - timedelta(minutes=2)),
        world=world(operation),
        assessment=advice(*declaration.carries_out, about=ABOUT[declaration.target]),
    )
    return replace(found, **changes)


@pytest.fixture
def case():
    """A cordon that may run."""
    return case_of()
