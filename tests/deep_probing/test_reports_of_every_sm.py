"""A pass of a GPU is one of every SM it has, in every variant, and of so much memory as is told."""

from __future__ import annotations

import pytest

from gcm_sentinel.clients import node_agent_probes as probes
from gcm_sentinel.domain.errors import BadResponse
from gcm_sentinel.domain.node_probes import ProbeKind, ProbeOrder, ProbeOutcome
from gcm_sentinel.domain.probe_result import from_json, result_of, to_json
from gcm_sentinel.tools.run_deep_probe_words import verdict
from sentinel.node.v1 import node_pb2

PASS, NOT_RUN = node_pb2.PROBE_OUTCOME_PASS, node_pb2.PROBE_OUTCOME_NOT_RUN
GIB = 1 << 30


def told(*findings, present=2, kind=ProbeKind.FMA, sms=()):
    """The run of an agent that found this."""
    order = ProbeOrder(kind, "GPU-1", is_deep=True, seed=1, sms=sms)
    event = node_pb2.ProbeEvent(gpu=node_pb2.GpuIdentity(uuid="GPU-1"))
    report, passed = event.report, sum(one.outcome == PASS for one in findings)
    report.plan.CopyFrom(probes.request(order))
    report.passed, report.not_run, report.sms_present = passed, len(findings) - passed, present
    report.outcome = PASS if passed == len(findings) else NOT_RUN
    return probes.run(event, [probes.finding(one) for one in findings], order)


def on(sm, variant="fp32", outcome=PASS):
    return node_pb2.ProbeFinding(outcome=outcome, sm_id=sm, variant=variant)


def test_right_results_of_every_sm_are_a_pass():
    assert told(on(0), on(9), on(0, "bf16"), on(9, "bf16")).outcome is ProbeOutcome.PASS


@pytest.mark.parametrize(
    ("findings", "present"),
    [
        ((on(0),), 132),
        ((on(0), on(0)), 2),
        ((on(0), on(1), on(0, "bf16")), 2),
        ((on(0), on(1)), 0),
        ((node_pb2.ProbeFinding(outcome=PASS, variant="fp32"),), 1),
    ],
    ids=["one-of-132", "one-twice", "a-variant-of-one", "nobody-told-how-many", "of-no-sm"],
)
def test_right_results_of_fewer_are_none(findings, present):
    with pytest.raises(BadResponse, match="reports a pass, and told of [01] of|told of 2 of an unknown number"):
        told(*findings, present=present)


def test_an_sm_that_was_not_reached_is_told_and_no_pass():
    assert told(on(0), on(1, outcome=NOT_RUN)).outcome is ProbeOutcome.NOT_RUN


def test_a_pass_of_sms_that_were_named_is_one_of_those():
    assert told(on(1), present=132, sms=(1,)).outcome is ProbeOutcome.PASS


@pytest.mark.parametrize(("size", "words"), [(3 * GIB // 2, "1.50 GiB tested"), (0, "nobody told how much was tested")])
def test_a_pass_of_memory_tells_how_much_was_tested(size, words):
    half = [node_pb2.ProbeFinding(outcome=PASS, variant=one, tested_bytes=size // 2) for one in ("c", "ss")]
    run = told(*half, *half, kind=ProbeKind.MEMORY)

    result = from_json(to_json(result_of(run, "P1-1")))

    assert f"memory ({words}) [P1-1]" in verdict("GPU-1", [run.order], [result])[1]
