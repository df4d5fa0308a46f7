"""Probes that an investigation asked a node for: what they say for and against a defective SM."""

from __future__ import annotations

from typing import Any

import pytest
from tests.playbook.test_metric_findings import ask
from tests.playbook.test_planning import EVERYTHING, first_turn

from gcm_sentinel.llm.playbook.hypotheses import shipped


def node_probe(case, comparison, *, gpu=2, sm: int | None = 7, kind="fma"):
    """What a node answered; `sm` failed where anything did."""
    wrong: list[dict[str, Any]] = [{"sm": sm, "variants": ["fp32"], "wrong_words": 3}] if "fail" in comparison else []
    kinds = [{"kind": kind, "comparison": comparison, "failing_sms": wrong, "failing_sms_total": len(wrong)}]
    summary = {"node": case.node, "gpu": case.uuid(gpu), "comparison": comparison, "kinds": kinds}
    return case.metrics({}).put("probe_gpu", summary)


def test_an_sm_that_fails_alone_is_told_with_its_number(sick):
    found = ask(node_probe(sick(), "fails_alone"), "sm_probe_fails", 2)

    assert (found.holds, found.strength) == (True, 1.0)
    assert "SM 7" in found.detail
    assert {cite.quote for cite in found.cites} == {"comparison = fails_alone", "kinds[0].failing_sms[0].sm = 7"}


def test_a_failure_without_comparison_counts_for_less(sick):
    found = ask(node_probe(sick(), "fails_uncompared"), "sm_probe_fails", 2)

    assert found.holds is True
    assert found.strength < 1


def test_a_whole_pass_speaks_against_it(sick):
    assert ask(node_probe(sick(), "passes"), "sm_probe_fails", 2).holds is False


@pytest.mark.parametrize("comparison", ["passes_in_part", "no_answer", "only_sibling_fails"])
def test_what_is_no_answer_about_this_gpu_decides_nothing(sick, comparison):
    assert ask(node_probe(sick(), comparison), "sm_probe_fails", 2).holds is None


def test_what_both_gpus_get_wrong_speaks_against_a_defect_of_one(sick):
    assert ask(node_probe(sick(), "fails_on_both"), "sm_probe_fails", 2).holds is False


def test_memory_says_nothing_of_sms(sick):
    assert ask(node_probe(sick(), "passes", kind="memory"), "sm_probe_fails", 2).holds is None
    assert ask(node_probe(sick(), "fails_alone", sm=None, kind="memory"), "sm_probe_fails", 2).holds is None


def test_another_gpus_probe_says_nothing_of_this_one(sick):
    assert ask(node_probe(sick(), "fails_alone", gpu=3), "sm_probe_fails", 2).holds is None


def test_a_pass_is_weak_and_a_failure_strong():
    weights = [
        weight
        for hypothesis in shipped().hypotheses
        for weight in hypothesis.weights
        if weight.finding == "sm_probe_fails"
    ]

    assert [weight.holds > 10 and 0.5 < weight.fails < 1 for weight in weights] == [True]


async def test_no_gpu_is_probed_as_a_matter_of_course(sick):
    asked = await first_turn(sick(), EVERYTHING)

    assert "probe_gpu" not in {call.name for call in asked.tool_calls}
