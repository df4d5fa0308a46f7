"""The `sentinel` part is read as strictly as the rest of a scenario."""

from __future__ import annotations

import pytest
from tests.fleet_sentinel.conftest import world_of

from sentinel_fleet.scenario import ScenarioError

CORRUPTS = {"node": "${node}", "gpu": "${gpu}", "what": "nan_logits", "at": "-5m"}
FAIL = {"fail": {"node": "${node}", "gpu": "${gpu}", "sm": 3, "at": "-20m", "share": 1.0}}


def test_a_world_without_the_part_has_no_gateway(make):
    assert world_of(make([], sentinel={})).plan.sentinel is None


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        ({"quarantine": {"node": "${node}"}}, "expected exactly one kind of fact; allowed: fail, timeout"),
        ({"fail": FAIL["fail"] | {"times": 3}}, "expected exactly one of `share` and `times`"),
        ({"fail": FAIL["fail"] | {"at": "5m"}}, "`at` must lie before `until`"),
        ({"fail": FAIL["fail"] | {"node": "elsewhere"}}, "no node of this fleet"),
        ({"fail": FAIL["fail"] | {"gpu": 2}}, "no GPU index"),
        ({"fail": FAIL["fail"] | {"probes": "DIVISION"}}, "TENSOR_CORE"),
        ({"canary": {"gpus": [["${a}", 0], ["${b}", 1]], "at": "-5m"}}, "at least 3"),
        ({"corrupts": {**CORRUPTS, "at": "-20m"}}, "by 15 minutes at most"),
        ({"corrupts": {**CORRUPTS, "what": "cold_logits"}}, "nan_logits"),
        ({"anomaly": {"node": "${node}", "type": "COLD", "at": "-5m"}}, "LOSS_SPIKE"),
    ],
)
def test_what_cannot_be_meant_is_an_error_at_its_place(make, fact, words):
    with pytest.raises(ScenarioError, match=words) as refusal:
        make([fact])

    assert refusal.value.place.startswith("sentinel.facts[0]")


def test_a_variant_adds_facts_and_replaces_the_rest(make):
    variants = {"more": {"sentinel": {"since": "3h", "facts": [FAIL]}}}
    plan = world_of(make([FAIL], variants=variants), variant="more").plan.sentinel

    assert plan is not None
    assert len(plan.facts) == 2
    assert plan.part.since == 3 * 3600.0


def test_a_distractor_may_add_facts(make):
    distractors = [{"chance": 1.0, "sentinel": {"facts": [FAIL]}}]
    plan = world_of(make([], distractors=distractors)).plan.sentinel

    assert plan is not None
    assert [fact.kind for fact in plan.facts] == ["fail"]
