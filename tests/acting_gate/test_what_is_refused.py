"""One fact at a time turns an order that could run into one that cannot, and the reason names the fact."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.acting_gate.conftest import FLEET, NODE, NOW, advice, case_of, target_of, world

from gcm_sentinel.domain.acting_policy import ActingPolicy, Breaker, Capacity
from gcm_sentinel.domain.action_record import MAY_BE_ORDERED_AGAIN, ActionRecord, ActionState
from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import Outcome
from gcm_sentinel.domain.entity import node
from gcm_sentinel.domain.gate import Sighting, Verdict, decide
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.operations import DECLARED, Operation, TargetKind
from gcm_sentinel.domain.ownership import Holder

OUT = [operation for operation in Operation if DECLARED[operation].takes_out_of_service]
DESTROYS = [operation for operation in Operation if DECLARED[operation].destroys_evidence]


def refused(case, words):
    ruling = decide(case)
    assert ruling.verdict is Verdict.REFUSED
    assert words in ruling.reason


def asked(case, words):
    ruling = decide(case)
    assert ruling.verdict is Verdict.ASK
    assert words in ruling.reason


def on(case, target):
    return replace(case, order=replace(case.order, target=target))


@pytest.mark.parametrize("name", ["gpu-node-10", "gpu-node", "gpu-node-1 ", "GPU-NODE-1", "gpu-node-1.example", ""])
def test_a_node_of_another_name_is_out_of_scope(case, name):
    refused(on(case, target_of(TargetKind.NODE, node=name or " ")), "is not one of those this incident is about")


def test_a_node_of_another_incident_is_out_of_scope(case):
    refused(replace(case, scope=("gpu-node-2",)), "gpu-node-2")


def test_a_gpu_on_another_node_is_out_of_scope():
    case = case_of(Operation.QUARANTINE_GPU)

    refused(on(case, target_of(TargetKind.GPU, node="gpu-node-2")), "gpu-node-2")


def test_a_node_operation_is_not_done_to_a_pod(case):
    refused(on(case, target_of(TargetKind.POD)), "is done to a node, not to a pod")


def test_what_nobody_observed_is_not_touched(case):
    refused(replace(case, sighting=None), "look at it first")


def test_a_proposal_on_old_evidence_is_sent_back(case):
    old = Sighting("E1", NOW - timedelta(minutes=11))

    refused(replace(case, sighting=old, assessment=None), "is 11 min old: look again first")


def test_a_person_may_take_longer_than_evidence_stays_fresh(case):
    old = Sighting("E1", NOW - timedelta(minutes=50))

    assert decide(replace(case, sighting=old)).verdict is Verdict.ALLOWED


@pytest.mark.parametrize("uid", ["node-uid-2", None])
def test_another_object_of_the_same_name_is_another_target(case, uid):
    refused(replace(case, world=world(uid=uid)), "another object now" if uid else "there is no node")


def test_a_node_that_somebody_keeps_is_theirs(case):
    kept = world(holders=(Holder("NVSentinel", "label dgxc.nvidia.com/nvsentinel-state=draining"),))

    refused(replace(case, world=kept), "kept by NVSentinel (label dgxc.nvidia.com/nvsentinel-state=draining)")


@pytest.mark.parametrize(
    ("policy", "labels"),
    [
        (ActingPolicy(protected_nodes=("gpu-node-*",)), {}),
        (ActingPolicy(), {"node-role.kubernetes.io/control-plane": ""}),
        (ActingPolicy(protected_labels={"tier": "gold*"}), {"tier": "gold-1"}),
    ],
)
def test_protected_nodes_are_never_acted_on(case, policy, labels):
    refused(replace(case, policy=policy, world=world(labels=labels)), "is protected by")


def test_pods_of_protected_namespaces_are_never_restarted():
    case = case_of(Operation.RESTART_POD)

    refused(on(case, target_of(TargetKind.POD, name="kube-system/kube-proxy-x")), "namespace kube-system is protected")


def test_an_operation_that_is_switched_off(case):
    refused(replace(case, policy=ActingPolicy(operations=frozenset())), "switched off by the operator")


@pytest.mark.parametrize("state", [state for state in ActionState if state not in MAY_BE_ORDERED_AGAIN])
def test_the_same_thing_is_not_done_twice_in_one_incident(case, state):
    before = ActionRecord(case.order, "execute", NOW, state=state)

    refused(replace(case, world=world(earlier=(before,))), f"was ordered before: {state}")


@pytest.mark.parametrize("state", sorted(MAY_BE_ORDERED_AGAIN))
def test_what_was_refused_may_be_ordered_again(case, state):
    before = ActionRecord(case.order, "execute", NOW, state=state)

    assert decide(replace(case, world=world(earlier=(before,)))).verdict is Verdict.ALLOWED


def test_nothing_is_done_about_what_is_over(case):
    refused(replace(case, world=world(stands=False)), "no longer wrong")


@pytest.mark.parametrize("outcome", [Outcome.INCONCLUSIVE, Outcome.PARTIAL, Outcome.FAILED])
def test_nothing_is_done_on_an_investigation_that_did_not_conclude(case, outcome):
    refused(replace(case, assessment=advice(Action.CORDON, outcome=outcome)), "nothing is done on it")


@pytest.mark.parametrize("found", [advice(Action.WATCH), advice(Action.CORDON, about=node("gpu-node-2")), advice()])
def test_what_the_assessment_does_not_advise_is_not_done(case, found):
    refused(replace(case, assessment=found), "advises none of")


def test_advice_without_a_target_is_about_the_incidents_only_node(case):
    untold = replace(case, assessment=advice(Action.CORDON, about=None))

    assert decide(untold).verdict is Verdict.ALLOWED
    refused(replace(untold, scope=FLEET), "advises none of")


def test_a_doubtful_assessment_needs_a_person(case):
    asked(replace(case, assessment=advice(Action.CORDON, confidence=0.79)), "79%, below the 80%")


@pytest.mark.parametrize(("ages_min", "verdict"), [((1, 20, 59), Verdict.ASK), ((1, 20, 60), Verdict.ALLOWED)])
def test_more_actions_than_an_hour_may_have_need_a_person(case, ages_min, verdict):
    begun = tuple(NOW - timedelta(minutes=age) for age in ages_min)

    assert decide(replace(case, world=world(begun=begun))).verdict is verdict


@pytest.mark.parametrize("operation", OUT)
def test_an_open_breaker_keeps_the_rest_in_service(operation):
    opened = world(operation, breaker=Breaker(NOW, "12 of 100 nodes out"))

    refused(case_of(operation, world=opened), "a person has to reset it")


@pytest.mark.parametrize("operation", OUT)
@pytest.mark.parametrize(("elsewhere", "verdict"), [(4, Verdict.ALLOWED), (5, Verdict.REFUSED)])
def test_everybodys_cordons_count_against_the_share_that_may_be_out(operation, elsewhere, verdict):
    taken = world(operation, capacity=Capacity.of(FLEET, FLEET[50 : 50 + elsewhere]))
    ruling = decide(case_of(operation, world=taken))

    assert (ruling.verdict is Verdict.REFUSED) is (verdict is Verdict.REFUSED)


def test_what_others_are_about_to_take_counts_too(case):
    taken = world(capacity=Capacity.of(FLEET, FLEET[50:53], FLEET[60:62]))

    refused(replace(case, world=taken), "6 of 100 GPU nodes would be out of service, 5 may be")


def test_a_node_that_is_out_already_costs_nothing_more():
    taken = world(Operation.CORDON_NODE, capacity=Capacity.of(FLEET, {NODE, *FLEET[50:60]}))

    assert decide(case_of(Operation.CORDON_NODE, world=taken)).verdict is Verdict.ALLOWED


@pytest.mark.parametrize("operation", [Operation.DRAIN_NODE, Operation.REBOOT_NODE])
@pytest.mark.parametrize(("elsewhere", "verdict"), [(4, Verdict.ALLOWED), (5, Verdict.REFUSED)])
def test_what_ends_everything_on_a_node_is_not_done_while_too_many_are_out(operation, elsewhere, verdict):
    taken = world(operation, capacity=Capacity.of(FLEET, {NODE, *FLEET[50 : 50 + elsewhere]}))

    assert decide(case_of(operation, world=taken)).verdict is verdict


@pytest.mark.parametrize(("size", "may"), [(0, 0), (1, 0), (2, 1), (19, 1), (20, 1), (40, 2), (100, 5)])
def test_five_percent_of_a_fleet(size, may):
    assert Capacity.of(FLEET[:size], ()).allowed(0.05) == may


@pytest.mark.parametrize("operation", DESTROYS)
def test_evidence_is_captured_before_it_is_destroyed(operation):
    refused(case_of(operation, world=world(operation, captured=False)), "has not been captured")


def test_all_reasons_are_told_at_once(case):
    ruling = decide(replace(case, sighting=None, world=world(stands=False)))

    assert len(ruling.reasons) == 2


def test_a_refusal_outweighs_a_question(case):
    both = replace(case, mode=Mode.APPROVE, world=world(stands=False))

    assert decide(both).verdict is Verdict.REFUSED
