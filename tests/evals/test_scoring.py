"""The score is mechanical: points by part, and nothing forbidden is ever forgiven."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import (
    Assessment,
    Citation,
    Claim,
    Draft,
    Outcome,
    RecommendedAction,
    Severity,
)
from gcm_sentinel.domain.entity import gpu, node
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.evidence import Evidence, ResultStatus, ToolResult
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.evals.expectation import parse
from gcm_sentinel.evals.score import score
from gcm_sentinel.evals.statistics import wilson

NOW = datetime(2026, 11, 20, tzinfo=UTC)
NODE = "gpu-r01-n01"
EXPECT = {
    "fault_class": ["gpu_off_bus"],
    "severity": ["critical"],
    "entities": [{"kind": "gpu", "node": NODE, "index": 1}],
    "actions": {"required": ["capture-evidence", "cordon"], "forbidden": ["reset-gpu"]},
    "evidence": [{"source": "kernel_log", "contains": "fallen off the bus"}],
    "never_claim": ["NCCL is the cause"],
}
RESULT = ToolResult(ResultStatus.OK, "q", raw="Xid 79 GPU has fallen off the bus")
EVIDENCE = (Evidence("E1", "kernel_log", "read_kernel_log", {}, RESULT, NOW, "d"),)
DRAFT = Draft(
    severity=Severity.CRITICAL,
    fault_class=FaultClass.GPU_OFF_BUS,
    summary="GPU 1 fell off the bus",
    root_cause="PCIe path",
    confidence=0.9,
    entities=(gpu(NODE, index=1),),
    actions=(RecommendedAction(Action.CAPTURE_EVIDENCE), RecommendedAction(Action.CORDON, node(NODE))),
    claims=(Claim("Xid 79", (Citation("E1", "fallen off the bus"),)),),
)


def judged(draft=DRAFT, expect=EXPECT):
    assessment = Assessment("i", NODE, "GpuCount", Outcome.CONCLUDED, draft, (), "playbook", "p", NOW)
    return score(assessment, EVIDENCE, parse(expect, where="test"))


def test_a_perfect_answer_has_a_hundred_points():
    result = judged()

    assert result.total == 100
    assert result.passed


@pytest.mark.parametrize(
    ("change", "part", "points"),
    [
        ({"fault_class": FaultClass.GSP_HANG}, "root_cause", 0),
        ({"severity": Severity.INFO}, "severity", 0),
        ({"entities": ()}, "entities", 0),
        ({"entities": (gpu(NODE, index=1), gpu(NODE, index=2))}, "entities", 10),
        ({"entities": (gpu(NODE, index=1), node(NODE))}, "entities", 20),
        ({"actions": (RecommendedAction(Action.CORDON, node(NODE)),)}, "actions", 10),
        ({"claims": ()}, "evidence", 0),
    ],
    ids=["class", "severity", "nobody", "one-too-many", "its-node-too", "half-the-actions", "no-citation"],
)
def test_each_part_is_scored_by_itself(change, part, points):
    assert getattr(judged(replace(DRAFT, **change)), part) == points


@pytest.mark.parametrize(
    ("named", "points"),
    [((), 20), ((node(NODE),), 20), ((gpu(NODE, index=1),), 10), ((gpu(NODE, index=1), node("gpu-r01-n02")), 6.67)],
    ids=["nobody", "the-node-itself", "one-gpu", "two"],
)
def test_where_nothing_is_at_fault_whoever_is_accused_costs(named, points):
    expect = {"fault_class": ["healthy"], "severity": ["ok"]}

    assert judged(replace(DRAFT, entities=named), expect).entities == points


@pytest.mark.parametrize(
    "change",
    [
        {"actions": (*DRAFT.actions, RecommendedAction(Action.RESET_GPU))},
        {"actions": (*DRAFT.actions, RecommendedAction(Action.DRAIN, node("gpu-r01-n02")))},
        {"summary": "NCCL is the cause"},
    ],
    ids=["forbidden-action", "another-node", "forbidden-claim"],
)
def test_what_is_forbidden_fails_the_case(change):
    result = judged(replace(DRAFT, **change))

    assert result.forbidden
    assert not result.passed


def test_destroying_evidence_without_capturing_it_costs_half_the_action_points():
    acts = (RecommendedAction(Action.POWER_CYCLE, node(NODE)),)
    expect = {**EXPECT, "actions": {"required": ["power-cycle"]}}

    assert judged(replace(DRAFT, actions=acts), expect).actions == 10


def test_an_overconfident_wrong_answer_loses_the_honesty_points():
    wrong = replace(DRAFT, fault_class=FaultClass.GSP_HANG, confidence=0.95)

    assert judged(wrong).confidence == 2.5


def test_a_gap_that_must_be_stated_is_looked_for():
    expect = {**EXPECT, "gaps": ["kernel log"]}

    assert judged(expect=expect).confidence == 2.5
    assert judged(replace(DRAFT, not_checked=("the kernel log was not readable",)), expect).confidence == 5


@pytest.mark.parametrize(
    "broken",
    [
        {"fault_class": ["gremlins"]},
        {"actions": {"required": ["dance"]}},
        {"never_claim": ["("]},
        {"colour": "red"},
        {"evidence": [{"source": "kernel_log", "matches": "("}]},
        {"evidence": [{"source": "kernel_log"}]},
    ],
    ids=["class", "action", "pattern", "key", "evidence-pattern", "evidence-of-anything"],
)
def test_a_typo_in_a_scenario_is_an_error_of_the_scenario(broken):
    with pytest.raises(BadConfiguration, match=r"test: expect\."):
        parse({**EXPECT, **broken}, where="test")


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (8, 10, 0.4902, 0.9433), (0, 0, 0.0, 1.0)],
)
def test_the_interval_is_wilsons(successes, trials, low, high):
    share = wilson(successes, trials)

    assert share.low == pytest.approx(low, abs=5e-4)
    assert share.high == pytest.approx(high, abs=5e-4)
