"""The GPU, the neighbour and the entry that a question names, and what becomes of it when a summary is malformed."""

from __future__ import annotations

import dataclasses

import pytest

from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.llm.playbook.beliefs import Belief
from gcm_sentinel.llm.playbook.hypotheses import shipped
from gcm_sentinel.llm.playbook.subject import SUSPECTED, aimed, subject

APP, SM, LINK = FaultClass.APP_MEMORY_FAULT, FaultClass.GPU_SM_DEFECT, FaultClass.NVLINK_HARDWARE
QUESTIONS = {question.name: question for question in shipped().questions}


def probed_gpu(case, *suspicions, question="probe_sms") -> str:
    """The GPU that a question is asked about, when `suspicions` are (fault class, GPU or None, probability)."""
    obs = case.metrics({}).observed()
    gpus = {ref.index: ref for ref in obs.gpus} | {None: None}
    beliefs = [
        Belief(shipped().by_class[fault], gpus[index], (), (), 0.0, probability)
        for fault, index, probability in suspicions
    ]
    return aimed(QUESTIONS[question], subject(obs, beliefs[0]), obs, beliefs).gpu


def test_a_probe_is_run_on_the_suspected_gpu_though_the_job_is_the_likelier_cause(sick):
    case = sick()

    assert probed_gpu(case, (APP, None, 0.58), (SM, 2, 0.41)) == case.uuid(2)


def test_a_probe_is_not_run_on_the_gpu_of_a_suspicion_it_cannot_judge(sick):
    case = sick()

    assert probed_gpu(case, (LINK, 3, 0.7), (SM, 2, 0.2)) == case.uuid(2)
    assert probed_gpu(case, (LINK, 3, 0.7), (APP, None, 0.2)) == ""


def test_a_suspicion_of_next_to_nothing_costs_no_probe(sick):
    assert probed_gpu(sick(), (APP, None, 0.9), (SM, 2, SUSPECTED - 0.001)) == ""


def test_where_no_gpu_stands_out_the_probe_is_of_the_one_the_trigger_names(sick):
    case = sick()
    trigger = dataclasses.replace(case.incident.lead, gpu_uuid=case.uuid(5))
    obs = dataclasses.replace(case.observed(), incident=dataclasses.replace(case.incident, triggers=(trigger,)))
    belief = Belief(shipped().by_class[SM], None, (), (), 0.0, 0.5)

    assert aimed(QUESTIONS["probe_sms"], subject(obs, belief), obs, [belief]).gpu == case.uuid(5)


def test_a_question_that_a_gpu_merely_narrows_is_about_the_leading_hypothesis(sick):
    case = sick()

    assert probed_gpu(case, (LINK, 3, 0.7), (SM, 2, 0.2), question="history") == case.uuid(3)


def leading():
    return Belief(shipped().by_class[APP], None, (), (), 0.0, 0.5)


@pytest.mark.parametrize("tool", ["get_topology", "verify_audit_ledger"])
def test_a_malformed_summary_leaves_its_name_empty(sick, tool):
    about = subject(sick().put(tool, {"node": "gpu-r03-n05", "shape": "another"}).observed(), leading())

    assert (about.peer, about.bad_entry, about.stranger) == ("", "", "")


def test_metrics_without_gpus_name_no_stranger(sick):
    case = sick(message="XID 79 on GPU-0000aaaa-1111-2222-3333-00000000aaaa").metrics({})
    obs = case.observed()
    assert subject(obs, leading()).stranger
    torn = dataclasses.replace(obs.metrics.evidence, result=ToolResult(ResultStatus.OK, "q", {"node": case.node}))

    broken = dataclasses.replace(obs, metrics=dataclasses.replace(obs.metrics, evidence=torn))

    assert subject(broken, leading()).stranger == ""


@pytest.mark.parametrize("tool", ["get_topology", "verify_audit_ledger", "compare_gpu_metrics", "probe_gpu"])
def test_an_investigation_ends_in_an_assessment_whatever_is_malformed(sick, investigate, tool):
    case = sick(kind="SentinelProbeFailure", message="a probe failed").put(tool, {"node": "gpu-r03-n05", "odd": 1})

    assert investigate(case).draft.summary
