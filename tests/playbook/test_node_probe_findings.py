"""Probes that an investigation asked a node for: what they say for and against a defective SM."""

from __future__ import annotations

from typing import Any

import pytest
from tests.playbook.probing import entities, fleet, probed
from tests.playbook.test_metric_findings import ask
from tests.playbook.test_planning import EVERYTHING, first_turn

from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.transcript import ModelTurn
from gcm_sentinel.llm.playbook.hypotheses import shipped


def node_probe(case, comparison, *kinds, gpu=2, sm: int | None = 7, counts=None, not_asked=()):
    """What a node answered; `sm` failed in every kind where anything did."""
    wrong: list[dict[str, Any]] = [{"sm": sm, "variants": ["fp32"], "wrong_words": 3}] if "fails" in comparison else []
    told = [
        {"kind": kind, "comparison": comparison, "suspect": {"counts": counts or {}}, "failing_sms": wrong}
        for kind in kinds or ("fma",)
    ]
    summary = {
        "node": case.node, "gpu": case.uuid(gpu), "comparison": comparison, "kinds": told, "not_asked": not_asked,
        "depth": "light", "repeating_sms": [sm] if wrong and len(kinds) > 1 else [],
    }  # fmt: skip
    return case.metrics({}).put("probe_gpu", summary, "probes of two GPUs", entities(case))


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
    assert ask(node_probe(sick(), "passes", "memory"), "sm_probe_fails", 2).holds is None
    assert ask(node_probe(sick(), "fails_alone", "memory", sm=None), "sm_probe_fails", 2).holds is None


def test_another_gpus_probe_says_nothing_of_this_one(sick):
    assert ask(node_probe(sick(), "fails_alone", gpu=3), "sm_probe_fails", 2).holds is None


def test_two_kinds_that_fail_on_one_sm_are_told_together(sick):
    found = ask(node_probe(sick(), "fails_alone", "fma", "tensor_core"), "sm_probe_repeats", 2)

    assert (found.holds, found.strength) == (True, 1.0)
    assert found.detail.startswith("probes of 2 kinds (fma, tensor_core) were wrong on SM 7 of GPU 2 ")
    assert {cite.quote for cite in found.cites} == {"comparison = fails_alone", "repeating_sms = [7]"}


def test_one_kind_that_fails_is_no_repetition(sick):
    assert ask(node_probe(sick(), "fails_alone"), "sm_probe_repeats", 2).holds is False


@pytest.mark.parametrize(("comparison", "holds"), [("fails_on_both", True), ("passes", False), ("no_answer", None)])
def test_what_fails_beside_too_is_told_of_the_node(sick, comparison, holds):
    assert ask(node_probe(sick(), comparison), "probe_fails_beside_too").holds is holds


@pytest.mark.parametrize("fault", [FaultClass.GPU_SM_DEFECT, FaultClass.SDC_CONFIRMED])
def test_a_repeated_failure_is_strong_and_a_pass_weak(fault):
    weights = {weight.finding: weight for weight in shipped().by_class[fault].weights}
    fails, repeats = weights["sm_probe_fails"], weights["sm_probe_repeats"]

    assert fails.holds * repeats.holds > 100
    assert 0.5 < fails.fails * repeats.fails < 1


def suspected(sick):
    """SENTINEL saw one wrong result of GPU 2, on SM 57, and no more."""
    case = probed(sick(kind="SentinelProbeFailure", message="a probe failed"), {2: {57: (1, 900)}})
    return fleet(case, "one_gpu", failing=[{"gpu": 2, "failed": 1}])


def test_a_single_wrong_result_that_probes_repeat_now_is_proven(sick, investigate):
    outcome = investigate(node_probe(suspected(sick), "fails_alone", "fma", "tensor_core", sm=57))

    assert "probe_gpu" in outcome.asked
    assert outcome.draft.fault_class is FaultClass.SDC_CONFIRMED
    assert outcome.draft.summary.startswith("SM 57 of GPU 2 ")
    assert "rma" in outcome.actions
    assert quoted(outcome) & {"repeating_sms = [57]"}


def test_a_pass_leaves_the_suspicion_and_is_told_with_its_bound(sick, investigate):
    outcome = investigate(node_probe(suspected(sick), "passes", counts={"pass": 1500}))

    assert outcome.draft.fault_class is FaultClass.SDC_SUSPECTED
    assert "comparison = passes" in quoted(outcome)
    assert any("3/1500" in line for line in outcome.draft.not_checked)


def test_what_gave_no_answer_is_a_gap_and_no_evidence(sick, investigate):
    case = node_probe(suspected(sick), "no_answer", counts={"timeout": 132}, not_asked=["aes"])

    outcome = investigate(case)

    assert outcome.draft.fault_class is FaultClass.SDC_SUSPECTED
    gap = next(line for line in outcome.draft.not_checked if "probes on the node" in line)
    assert "fma (timeout 132), aes (not run): no evidence either way" in gap


def test_what_both_gpus_get_wrong_proves_no_defect_of_one(sick, investigate):
    outcome = investigate(node_probe(suspected(sick), "fails_on_both", "fma", "tensor_core", sm=57))

    assert outcome.draft.fault_class is not FaultClass.SDC_CONFIRMED
    assert "quarantine-gpu" not in outcome.actions


def quoted(outcome) -> set[str]:
    """What the claims that stand quote of the probe."""
    made = [item.result.summary for item in outcome.transcript.evidence if item.tool == "probe_gpu"]
    assert len(made) == 1
    return {cite.quote for claim in outcome.checked.draft.claims for cite in claim.cites}


def blamed_on_the_job(sick):
    """A job of one owner dies again and again at one place of GPU 2, and its own log says that it is at fault."""
    case = sick(message="XID 13 seen on GPU 2").log("cuda_illegal_access", "an illegal memory access was encountered")
    case.kernel({"xid": 13, "gpu": 2, "pids": [1, 2, 3], "count": 3, "places": ["GPC 3, TPC 5"], "first": 1800})
    return case.work({"owner": "train", "exit": 1, "phase": "Failed"})


@pytest.mark.parametrize(
    ("comparison", "fault"), [("fails_alone", FaultClass.GPU_SM_DEFECT), ("passes", FaultClass.APP_MEMORY_FAULT)]
)
def test_a_probe_tells_the_chip_from_the_job_that_seems_the_likelier_cause(sick, investigate, comparison, fault):
    outcome = investigate(node_probe(blamed_on_the_job(sick), comparison, "fma", "tensor_core"))

    thoughts = [entry.text for entry in outcome.transcript.entries if isinstance(entry, ModelTurn)]
    assert thoughts[1].startswith("Hypotheses: app_memory_fault")
    assert "probe_gpu" in outcome.asked
    assert outcome.draft.fault_class is fault


async def test_no_gpu_is_probed_as_a_matter_of_course(sick):
    asked = await first_turn(sick(), EVERYTHING)

    assert "probe_gpu" not in {call.name for call in asked.tool_calls}
