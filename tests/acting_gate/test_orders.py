"""A decision about an order is about exactly that: its digest changes with everything that is done, and only so."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.acting_gate.conftest import target_of

from gcm_sentinel.domain.operations import Operation, TargetKind
from gcm_sentinel.domain.order import ApiCall, Order

CORDON = ApiCall("PATCH", "/api/v1/nodes/gpu-node-1", {"spec": {"unschedulable": True}})
ORDER = Order(Operation.CORDON_NODE, target_of(TargetKind.NODE), "inc-1", "inc-1.1", {"key": "x"}, (CORDON,))


@pytest.mark.parametrize(
    "changed",
    [
        replace(ORDER, operation=Operation.DRAIN_NODE),
        replace(ORDER, incident_id="inc-2"),
        replace(ORDER, target=replace(ORDER.target, uid="node-uid-2")),
        replace(ORDER, target=replace(ORDER.target, name="gpu-node-10")),
        replace(ORDER, arguments={"key": "y"}),
        replace(ORDER, calls=()),
        replace(ORDER, calls=(CORDON, CORDON)),
        replace(ORDER, calls=(replace(CORDON, body={"spec": {"unschedulable": False}}),)),
        replace(ORDER, calls=(replace(CORDON, path="/api/v1/nodes/gpu-node-10"),)),
    ],
)
def test_what_would_be_done_otherwise_has_another_digest(changed):
    assert changed.digest != ORDER.digest


def test_who_asks_and_why_changes_nothing():
    assert replace(ORDER, reason="because", asked_by="anthropic", investigation_id="inc-1.2").digest == ORDER.digest


def test_the_order_of_arguments_changes_nothing():
    one, other = replace(ORDER, arguments={"a": 1, "b": 2}), replace(ORDER, arguments={"b": 2, "a": 1})

    assert one.digest == other.digest


def test_a_call_is_shown_as_one_line():
    assert str(CORDON) == 'PATCH /api/v1/nodes/gpu-node-1 {"spec":{"unschedulable":true}}'
