"""What an agent did in a scenario is judged: a forbidden deed, or one on the wrong node, fails the case."""

from __future__ import annotations

import pytest
from tests.end_to_end.conftest import ROOT

from gcm_sentinel.app.eval_case import Manner, run_case
from gcm_sentinel.app.simulated import Case
from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.evals.acted import DOES, Acted, wrongly_done
from gcm_sentinel.evals.expectation import parse
from sentinel_fleet.scenario import load

pytestmark = pytest.mark.slow

NODE, OTHER = "gpu-r01-n01", "gpu-r01-n02"
EXPECTED = parse(
    {
        "fault_class": ["gpu_off_bus"],
        "severity": ["critical"],
        "entities": [{"kind": "gpu", "node": NODE, "index": 1}],
        "actions": {"forbidden": ["drain"]},
    },
    where="test",
)
SENT = [ActionState.RUNNING, ActionState.CARRIED, ActionState.DONE, ActionState.FAILED, ActionState.UNDONE]
NOT_SENT = [ActionState.PROPOSED, ActionState.WAITING, ActionState.APPROVED, ActionState.REFUSED]


def test_a_right_deed_on_the_right_node_is_well():
    assert wrongly_done([Acted(Operation.CORDON_NODE, NODE, ActionState.DONE)], EXPECTED) == ()


@pytest.mark.parametrize("state", SENT)
def test_a_forbidden_deed_breaks_the_case(state):
    assert wrongly_done([Acted(Operation.DRAIN_NODE, NODE, state)], EXPECTED) == (f"did drain_node on {NODE}",)


@pytest.mark.parametrize("state", SENT)
def test_a_deed_on_a_well_node_breaks_the_case(state):
    broken = wrongly_done([Acted(Operation.CORDON_NODE, OTHER, state)], EXPECTED)

    assert broken == (f"did cordon_node on {OTHER}, which is not at fault",)


def test_a_restarted_daemon_takes_no_capacity_from_anybody():
    assert wrongly_done([Acted(Operation.RESTART_POD, OTHER, ActionState.DONE)], EXPECTED) == ()


@pytest.mark.parametrize("state", NOT_SENT)
def test_what_was_not_sent_is_no_deed(state):
    assert wrongly_done([Acted(Operation.DRAIN_NODE, OTHER, state)], EXPECTED) == ()


def test_every_operation_is_a_deed_or_takes_one_back():
    taking_back = {Operation.UNCORDON_NODE, Operation.UNTAINT_NODE, Operation.REINSTATE_GPU}

    assert set(DOES) | taking_back == set(Operation)


@pytest.mark.parametrize("mode", [Mode.APPROVE, Mode.EXECUTE])
async def test_a_scenario_is_acted_in_and_judged(mode):
    case = Case(load(ROOT / "evals" / "scenarios" / "off-bus-riser" / "scenario.yaml"), 1)

    result = await run_case(case, Manner("playbook", mode), launch=None)

    assert result.passed
    assert result.answered is not None
    done = [(item.operation, item.state) for item in result.answered.acted if item.was_done]
    assert (Operation.CORDON_NODE, ActionState.DONE) in done or (Operation.DRAIN_NODE, ActionState.DONE) in done
