"""What the results of a deep probing prove, in words: the five outcomes and the missing report are never mixed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import process_time
from typing import Any

import pytest

from gcm_sentinel.domain.deep_probing import DeepProbing, call_of, probe_of, probes_of
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.node_agent import NodeGpu
from gcm_sentinel.domain.node_probes import ProbeFinding, ProbeKind, ProbeOutcome, ProbeRun
from gcm_sentinel.domain.order import ApiCall
from gcm_sentinel.domain.probe_result import FailingSm, ProbeResult, from_json, lines_of, plain, result_of, to_json
from gcm_sentinel.tools.run_deep_probe_words import verdict

GPU, OTHER = "GPU-a", "GPU-b"
ASKED = probes_of(GPU, 1, DeepProbing(soak=timedelta()))
PASS, FAIL = ProbeOutcome.PASS, ProbeOutcome.FAIL
FAILING = (FailingSm(17, ("fp16", "bf16"), 9, 0x400), FailingSm(None, ("march_ss",), 1, 1))


def result(kind, outcome=PASS, **parts):
    return ProbeResult(ProbeKind(kind), parts.pop("gpu", GPU), 0, outcome, **parts)


ALL = tuple(result(probe.kind) for probe in ASKED)


def test_right_results_throughout_are_a_pass():
    assert verdict(GPU, ASKED, ALL)[0]


@pytest.mark.parametrize("missing", range(len(ALL)))
def test_one_probe_that_was_not_asked_for_is_no_pass(missing):
    met, words = verdict(GPU, ASKED, ALL[:missing] + ALL[missing + 1 :])

    assert not met
    assert f"{ALL[missing].kind} not asked" in words


@pytest.mark.parametrize("outcome", [None, *(one for one in ProbeOutcome if one not in (PASS, FAIL))])
def test_one_probe_without_an_answer_is_no_pass(outcome):
    met, words = verdict(GPU, ASKED, (replace(ALL[0], outcome=outcome, words=("gone",)), *ALL[1:]))

    assert not met
    assert words.startswith("not verified: PASS: tensor_core")
    assert f"fma {'no report' if outcome is None else outcome.upper()} (gone)" in words


def test_nothing_at_all_is_no_pass():
    assert verdict(GPU, (), ()) == (False, "not verified: nothing was probed")


def test_what_the_gpu_beside_it_did_is_never_the_suspects():
    met, words = verdict(GPU, ASKED, tuple(replace(one, gpu_uuid=OTHER) for one in ALL))

    assert not met
    assert "PASS" not in words


def test_a_failure_tells_sms_bits_and_variants():
    _, words = verdict(GPU, ASKED, (result("fma", FAIL, failing=FAILING, evidence="P1-1"),))

    assert "fma FAIL on SM 17 (bits 0x00000400; fp16, bf16), memory (bits 0x00000001; march_ss)" in words
    assert "compared with no other GPU [P1-1]" in words


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        (PASS, "alone: GPU GPU-b"),
        (FAIL, "suspect host, driver and probe"),
        (ProbeOutcome.TIMEOUT, "no answer (TIMEOUT)"),
    ],
)
def test_it_is_compared_with_the_same_probe_of_the_gpu_beside_it(beside, said):
    both = (result("aes", FAIL, failing=FAILING), result("aes", beside, gpu=OTHER), result("fma", PASS, gpu=OTHER))

    assert said in verdict(GPU, ASKED, both)[1]


def test_a_result_reads_back_as_it_was_written():
    whole = result("fma", FAIL, counts=((PASS, 3), (FAIL, 1)), failing=FAILING, words=("note",), evidence="P1-1")

    assert from_json(to_json(whole)) == whole
    assert from_json(to_json(replace(whole, outcome=None))).outcome is None


@pytest.mark.parametrize("minutes", [5, 30, 120])
def test_the_deadlines_of_all_probes_fit_into_what_the_operator_gives(minutes):
    probes = probes_of(GPU, 1, DeepProbing(timedelta(minutes=minutes), timedelta(minutes=15)))

    assert sum((probe.deadline for probe in probes), timedelta()) <= timedelta(minutes=minutes)
    assert all(timedelta() < probe.deadline - probe.soak <= timedelta(hours=1) for probe in probes)


def test_a_call_says_all_of_its_probe():
    soaked = probes_of(GPU, 2**52 - 1, DeepProbing())[-1]

    assert probe_of(call_of("node-1", soaked)) == ("node-1", soaked)


@pytest.mark.parametrize(
    "call",
    [
        ApiCall("PATCH", "/api/v1/nodes/n"),
        replace(call_of("n", ASKED[0]), path="gcm_sentinel.node.v1.NodeService/CaptureEvidence"),
        replace(call_of("n", ASKED[0]), body={"depth": "light"}),
    ],
    ids=["patch", "another-method", "light"],
)
def test_a_call_that_is_no_deep_probe_is_none(call):
    with pytest.raises(BadConfiguration):
        probe_of(call)


def test_text_of_a_node_is_one_short_line():
    assert plain("a\n\x1b[2Jb " + "x" * 999).startswith("a [2Jb xxx")
    assert len(plain("x" * 999)) < 320


NODE_SENDS = [ProbeFinding(FAIL, number % 3, f"{number:04d} {'v' * 2900}", mismatch_bits=1) for number in range(3000)]


def a_run(findings):
    order, now = ASKED[0], datetime(2026, 11, 20, tzinfo=UTC)
    return ProbeRun("run-1", NodeGpu(GPU, 0, ""), order, FAIL, tuple(findings), 132, now, now)


def test_of_many_variants_some_are_told_and_the_rest_counted():
    told = result_of(a_run(NODE_SENDS), "P1-1")

    assert [(len(one.variants), one.variants_more) for one in told.failing] == [(16, 984)] * 3
    assert "and 984 more)" in str(told.failing[0])
    assert len(json.dumps(to_json(told))) < 10_000
    assert from_json(to_json(told)) == told


def test_a_result_that_counts_no_more_variants_was_recorded_earlier():
    recorded: Any = to_json(result("fma", FAIL, failing=FAILING))
    for one in recorded["failing"]:
        del one["variants_more"]

    assert from_json(recorded).failing == FAILING


def test_writing_down_a_run_takes_as_long_as_it_has_findings():
    many = [ProbeFinding(FAIL, 0, str(number)) for number in range(10_000)]
    began_s = process_time()

    lines = list(lines_of(a_run(many)))

    assert len(lines) == 2 + 2 * len(many)
    assert process_time() - began_s < 1.0
