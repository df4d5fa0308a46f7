"""A deep probe waits for the drain of its node, and is asked for by the investigation that follows it."""

from __future__ import annotations

import pytest
from tests.acting_gate.conftest import ABOUT, advice, target_of

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.advice import advised_after
from gcm_sentinel.domain.operations import Operation, TargetKind
from gcm_sentinel.domain.order import Order

DRAIN = Order(Operation.DRAIN_NODE, target_of(TargetKind.NODE), "inc-1", "inc-1.1")


def test_one_advised_for_a_gpu_of_the_drained_node_comes_next():
    found = advice(Action.DRAIN, Action.PROBE_DEEP, about=ABOUT[TargetKind.GPU])

    assert advised_after(found, DRAIN) == (Operation.RUN_DEEP_PROBE,)


@pytest.mark.parametrize("operation", [one for one in Operation if one is not Operation.DRAIN_NODE])
def test_nothing_follows_anything_but_a_drain(operation):
    found = advice(Action.DRAIN, Action.PROBE_DEEP, about=ABOUT[TargetKind.GPU])

    assert advised_after(found, Order(operation, target_of(TargetKind.NODE), "inc-1", "inc-1.1")) == ()
