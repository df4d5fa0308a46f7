"""The shipped playbook: complete, sourced, and only about what the agent can see."""

from __future__ import annotations

import copy

import pytest
from pydantic import ValidationError

from gcm_sentinel.domain.actions import DESTROYS_EVIDENCE, Action
from gcm_sentinel.domain.faults import BENIGN, FaultClass
from gcm_sentinel.llm.playbook.findings import REGISTRY, parse
from gcm_sentinel.llm.playbook.hypotheses import Playbook, shipped

OUT_OF_SIGHT = {FaultClass.MULTIPLE_FAULTS, FaultClass.INCONCLUSIVE}
"""Verdicts about the whole."""
TOUCHING = DESTROYS_EVIDENCE | {Action.DRAIN, Action.CORDON, Action.RMA, Action.QUARANTINE_GPU, Action.PROBE_DEEP}
EVERY = pytest.mark.parametrize("item", shipped().hypotheses, ids=lambda item: str(item.fault_class))


def test_covers_every_class_a_source_can_show():
    assert {item.fault_class for item in shipped().hypotheses} == set(FaultClass) - OUT_OF_SIGHT


def test_no_class_twice():
    classes = [item.fault_class for item in shipped().hypotheses]

    assert len(classes) == len(set(classes))


@EVERY
def test_something_can_speak_for_it(item):
    assert max(weight.holds for weight in item.weights) >= 3


@EVERY
def test_no_finding_counts_twice(item):
    keys = [weight.finding for weight in item.weights]

    assert len(keys) == len(set(keys))


@EVERY
def test_benign_classes_touch_no_capacity(item):
    if item.fault_class in BENIGN:
        assert not TOUCHING & {advice.action for advice in item.actions}


@EVERY
def test_destroyers_come_with_a_capture(item):
    actions = {advice.action for advice in item.actions}

    assert not actions & DESTROYS_EVIDENCE or Action.CAPTURE_EVIDENCE in actions


@EVERY
def test_every_advice_gives_its_reason(item):
    assert all(advice.reason for advice in item.actions)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_finding_is_described(name):
    assert REGISTRY[name].check.__doc__


def test_every_finding_is_used():
    keys = {key for item in shipped().hypotheses for key in _keys(item)}
    told = {
        "instruction_in_log",
        "message_contradicts",
        "only_this_node",
        "others_run_on",
        "gang",
        "held_by_person",
        "on_other_gpu",
    }
    parts = {"node_exporter_answers"}

    assert set(REGISTRY) == {parse(key)[0].name for key in keys} | told | parts


def _keys(item):
    rules = [*(advice.when for advice in item.actions), *(rule.when for rule in item.severity_when)]
    named = [weight.finding for weight in item.weights] + [key.removeprefix("not ") for keys in rules for key in keys]
    return [*named, *item.excluded_by, *item.explains]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda raw: raw["hypotheses"][0]["weights"][0].update(finding="no_such_finding"), "no finding"),
        (lambda raw: raw["hypotheses"][0]["weights"][0].update(source="hearsay"), "hearsay"),
        (lambda raw: raw["hypotheses"][0].update(confirm=["no_such_question"]), "no_such_question"),
        (lambda raw: raw["hypotheses"][0].update(raised_by={"no_such_family": 2}), "no_such_family"),
        (lambda raw: raw["hypotheses"][0]["weights"][0].update(holds=0), "greater than 0"),
    ],
    ids=["finding", "source", "question", "family", "ratio"],
)
def test_refuses_knowledge_that_points_nowhere(change, words):
    raw = copy.deepcopy(shipped().model_dump(mode="python"))
    raw["hypotheses"] = [dict(item) for item in raw["hypotheses"]]
    change(raw)

    with pytest.raises(ValidationError, match=words):
        Playbook.model_validate(raw)


def test_no_rule_names_a_node_or_a_scenario():
    text = shipped().model_dump_json()

    assert "-r0" not in text
    assert "scenario" not in text
