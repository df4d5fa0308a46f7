"""Directives are judged by what the gateway has on record: the wrong deed, or the wrong GPU, fails the case."""

from __future__ import annotations

import pytest
from tests.end_to_end.conftest import ROOT

from gcm_sentinel.app.eval_case import Manner, run_case
from gcm_sentinel.app.simulated import Case
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.evals.acted import DIRECTS, Directed, wrongly_directed
from gcm_sentinel.evals.expectation import parse
from sentinel_fleet.scenario import load
from sentinel_sdk.types import QuarantineAction

NODE, GPU, OTHER = "gpu-r01-n01", "GPU-1", "GPU-2"
PLAYED = [
    ("tmr-true", None, "QUARANTINE"),
    ("mercurial-inference", None, "QUARANTINE"),
    ("tmr-true", "taken-out-before", "SCHEDULE_DEEP_TEST"),
    ("tmr-once", None, None),
]
"""Scenario, variant, and the directive that is right; None: none is."""


def expecting(*forbidden: str, entities: tuple[dict[str, str], ...] = ({"kind": "gpu", "node": NODE, "uuid": GPU},)):
    """What a scenario expects."""
    actions = {"forbidden": list(forbidden)}
    sheet = {"fault_class": ["sdc_confirmed"], "severity": ["critical"], "entities": list(entities), "actions": actions}
    return parse(sheet, where="test")


@pytest.mark.parametrize("action", DIRECTS)
def test_a_right_directive_about_the_right_gpu_is_well(action):
    assert wrongly_directed([Directed(action, GPU, NODE, "EXECUTED")], expecting()) == ()


@pytest.mark.parametrize("status", ["EXECUTED", "WAITING", "WITHDRAWN", "DENIED"])
@pytest.mark.parametrize(("action", "deed"), DIRECTS.items())
def test_a_forbidden_directive_breaks_the_case_whatever_became_of_it(action, deed, status):
    broken = wrongly_directed([Directed(action, GPU, NODE, status)], expecting(deed))

    assert broken == (f"directed {action} of GPU {GPU} of {NODE}",)


@pytest.mark.parametrize(("gpu", "node"), [(OTHER, NODE), (GPU, "gpu-r01-n02")], ids=["its neighbour", "elsewhere"])
def test_a_directive_about_another_gpu_breaks_the_case(gpu, node):
    broken = wrongly_directed([Directed("QUARANTINE", gpu, node, "EXECUTED")], expecting())

    assert broken == (f"directed QUARANTINE of GPU {gpu} of {node}, which is not at fault",)


def test_where_nothing_is_at_fault_no_gpu_is_to_be_taken():
    assert wrongly_directed([Directed("QUARANTINE", GPU, NODE, "EXECUTED")], expecting(entities=())) != ()


def test_giving_back_is_no_deed():
    assert wrongly_directed([Directed("REINSTATE", OTHER, NODE, "EXECUTED")], expecting("quarantine-gpu")) == ()


def test_every_directive_is_a_deed_or_takes_one_back():
    assert {*DIRECTS, "REINSTATE"} == {action.name for action in QuarantineAction if action.value}


@pytest.mark.slow
@pytest.mark.parametrize("mode", [Mode.APPROVE, Mode.EXECUTE])
@pytest.mark.parametrize(("scenario", "variant", "action"), PLAYED, ids=lambda value: str(value))
async def test_what_the_gateways_own_events_begin_is_directed_and_judged(scenario, variant, action, mode):
    case = Case(load(ROOT / "evals" / "scenarios" / scenario / "scenario.yaml"), 1, variant)

    result = await run_case(case, Manner("playbook", mode), launch=None)

    assert result.passed, result.score or result.error
    assert result.answered is not None
    told = [(one.action, one.status) for one in result.answered.directed]
    before = [("QUARANTINE", "EXECUTED")] if variant else []  # by the agent: tests of what others took wait
    assert told == before + ([(action, "EXECUTED")] if action else [])
