"""Advice is about exactly what it names: another GPU or pod of the same node is another thing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.acting_gate.conftest import ABOUT, NODE, advice, case_of

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.entity import Entity, EntityKind, gpu, node
from gcm_sentinel.domain.gate import Verdict, decide
from gcm_sentinel.domain.operations import DECLARED, Operation, TargetKind

ON_GPUS = [operation for operation in Operation if DECLARED[operation].target is TargetKind.GPU]
ON_GPUS.remove(Operation.REINSTATE_GPU)  # it only undoes, and follows no advice


def ruled(operation, action, about):
    return decide(case_of(operation, assessment=advice(action, about=about)))


@pytest.mark.parametrize("operation", ON_GPUS)
@pytest.mark.parametrize("about", [gpu(NODE, uuid="GPU-2222"), gpu(NODE, index=2), node(NODE), None])
def test_what_is_not_about_this_very_gpu_does_nothing_to_it(operation, about):
    action = next(iter(DECLARED[operation].carries_out))

    assert "advises none of" in ruled(operation, action, about).reason


@pytest.mark.parametrize("about", [gpu(NODE, uuid="GPU-1111"), Entity(EntityKind.GPU, "GPU-1111")])
def test_advice_for_this_very_gpu_counts(about):
    assert ruled(Operation.QUARANTINE_GPU, Action.QUARANTINE_GPU, about).verdict is Verdict.ALLOWED


def daemon_set(name, on=None):
    return Entity(EntityKind.DAEMONSET, name, node=on)


@pytest.mark.parametrize(
    ("about", "verdict"),
    [
        (Entity(EntityKind.POD, "gpu-operator/other", node=NODE), Verdict.REFUSED),
        (ABOUT[TargetKind.POD], Verdict.ALLOWED),
        (daemon_set("gpu-operator/dcgm"), Verdict.ALLOWED),
        (daemon_set("dcgm", NODE), Verdict.ALLOWED),
        (daemon_set("dcgm", "gpu-node-2"), Verdict.REFUSED),
        (daemon_set("other/dcgm"), Verdict.REFUSED),
        (daemon_set("gpu-operator/dc"), Verdict.REFUSED),
        (node(NODE), Verdict.REFUSED),
        (None, Verdict.REFUSED),
    ],
)
def test_a_pod_is_restarted_where_it_or_its_daemon_set_is_named(about, verdict):
    assert ruled(Operation.RESTART_POD, Action.RESTART_DAEMONSET, about).verdict is verdict


def test_a_daemon_set_is_not_named_by_advice_for_a_pod():
    assert ruled(Operation.RESTART_POD, Action.RESTART_POD, daemon_set("gpu-operator/dcgm")).verdict is Verdict.REFUSED


def test_a_drain_for_one_gpus_sake_is_one_of_its_node():
    assert ruled(Operation.DRAIN_NODE, Action.DRAIN, gpu(NODE, index=2)).verdict is Verdict.ALLOWED


def test_advice_for_all_of_many_nodes_is_for_none_of_them():
    case = case_of(Operation.DRAIN_NODE, assessment=advice(Action.DRAIN, about=None))

    assert decide(replace(case, scope=(NODE, "gpu-node-2"))).verdict is Verdict.REFUSED
