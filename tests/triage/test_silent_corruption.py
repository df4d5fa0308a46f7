"""What a SENTINEL gateway tells folds by node and by the cause it names."""

from __future__ import annotations

import pytest
from tests.triage.shelf import Shelf, fleet_of, problem

from gcm_sentinel.domain.incident_record import Urgency
from gcm_sentinel.domain.topology import SHARED_CAUSE
from gcm_sentinel.domain.trigger import NODE, FaultScope
from gcm_sentinel.triage.urgency import urgency_of

STATE, SM, CAUSE = "SentinelGpuState", "SentinelSmLocalized", "SentinelSharedCause:golden_answer/H200/32"
KEY = "golden_answer/H200/32"


def said(node: str, kind: str = STATE, reason: str = "Suspect", gpu: str | None = "GPU-1", **more: float):
    return problem(node, kind, "SM 57 failed", source="sentinel", reason=reason, gpu_uuid=gpu, **more)


def test_everything_about_one_gpu_is_one_incident():
    shelf = Shelf()
    shelf.store(said("n1"))
    shelf.decide(3)
    shelf.store(said("n1", SM, "Critical", at=40), said("n1", STATE, "Quarantined", at=41), at=41)
    shelf.decide(44)

    (incident,) = shelf.standing

    assert incident.kinds == {STATE, SM}
    assert incident.urgency is Urgency.CRITICAL


def test_node_conditions_of_the_same_moment_belong_to_it():
    shelf = Shelf()
    shelf.store(said("n1"), problem("n1", "GpuXid", "Xid 13"))
    shelf.decide(3)

    assert len(shelf.standing) == 1


@pytest.mark.parametrize("nodes", [2, 40], ids=["two nodes", "forty nodes"])
def test_gpus_with_a_shared_cause_are_one_incident_about_it(nodes):
    names = [f"n{number}" for number in range(nodes)]
    shelf = Shelf(fleet=fleet_of({SHARED_CAUSE: {KEY: names}, "rack": {"r1": [*names, "quiet"]}}))
    shelf.store(*(said(name) for name in names))
    shelf.decide(1)
    shelf.store(*(said(name, CAUSE, "GoldenAnswer", None, at=1) for name in names), at=1)
    shelf.decide(5)

    (incident,) = shelf.standing

    assert incident.scope == FaultScope(SHARED_CAUSE, KEY)
    assert incident.nodes == frozenset(names)


def test_a_gpu_elsewhere_that_fails_by_itself_stays_apart():
    shelf = Shelf(fleet=fleet_of({SHARED_CAUSE: {KEY: ["n1", "n2"]}}))
    shelf.store(said("n1", CAUSE), said("n2", CAUSE), said("n9", STATE, "Quarantined"))
    shelf.decide(4)

    assert {incident.scope.kind for incident in shelf.standing} == {SHARED_CAUSE, NODE}


@pytest.mark.parametrize(
    ("kind", "reason", "urgency"),
    [
        (STATE, "Suspect", Urgency.WARNING),
        (STATE, "Quarantined", Urgency.CRITICAL),
        (STATE, "DeepTest", Urgency.INFO),
        (STATE, "Condemned", Urgency.WARNING),
        ("SentinelTmrConfirmed", "High", Urgency.CRITICAL),
        ("SentinelMultiSignal", "Warning", Urgency.WARNING),
        ("SentinelMultiSignal", "Critical", Urgency.CRITICAL),
        ("SentinelDirectiveWaiting", "Condemn", Urgency.WARNING),
        (CAUSE, "GoldenAnswer", Urgency.WARNING),
        ("SentinelSharedCause:rollout/driver 580.2/8", "Rollout", Urgency.CRITICAL),
    ],
)
def test_how_urgent_it_is(kind, reason, urgency):
    assert urgency_of(said("n1", kind, reason)) is urgency
