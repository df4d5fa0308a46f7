"""What ``make test-gpu`` asks of a real GPU, asked of one in software, healthy and faulty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.gpu.running import (
    COMPUTE,
    differing,
    light_runs,
    name_of,
    outputs,
    plan_of,
    run,
    twin_of,
    uncovered,
    wrong_sms,
)
from tests.gpu.wrapping import Watching
from tests.node_probes.gpus import gpu

from sentinel_node.domain.probes import Outcome
from sentinel_node.probes.software.faults import StuckBit, Unreached
from sentinel_node.probes.software.pinned import CYCLES_PER_REPETITION

FP32 = COMPUTE[0]


def test_a_healthy_gpu_is_covered():
    device = gpu(sm_count=3)

    assert uncovered(run(plan_of(FP32, device, repetitions=2), device)) == ""


def test_an_sm_that_was_not_reached_is_told():
    device = gpu(Unreached(sm=1), sm_count=3)

    assert "2 of 3 SMs passed: SM 1: not_run" in uncovered(run(plan_of(FP32, device, repetitions=2), device))


def test_two_findings_of_one_sm_are_told():
    report = run(plan_of(FP32, device := gpu(sm_count=2), repetitions=1), device)

    doubled = replace(report, findings=(report.findings[0],) * 2)

    assert "two findings" in uncovered(doubled)


def test_a_faulty_sm_is_told():
    device = gpu(StuckBit(sm=1, bit=3), sm_count=3)

    assert wrong_sms(run(plan_of(FP32, device, repetitions=2), device)) == {1}


@pytest.mark.parametrize("variant", [FP32, COMPUTE[-1]], ids=name_of)
def test_outputs_are_taken_uncompared_and_held_against_the_twin(variant):
    coverage = outputs(variant, gpu(sm_count=2), seed=5, sets=2)

    assert sorted(coverage.records) == [0, 1]
    assert list(differing(coverage, twin_of(variant, 5, 2))) == []


def test_an_sm_whose_words_differ_from_the_twin_is_told():
    coverage = outputs(FP32, gpu(StuckBit(sm=1, bit=3), sm_count=2), seed=5, sets=1)

    (told,) = differing(coverage, twin_of(FP32, 5, 1))
    assert told.startswith("SM 1: ")


def test_a_wrong_checksum_of_right_words_is_told():
    coverage = outputs(FP32, gpu(sm_count=1), seed=5, sets=1)
    coverage.records[0] = replace(coverage.records[0], checksum=1)

    assert [told.split(" instead")[0] for told in differing(coverage, twin_of(FP32, 5, 1))] == ["SM 0: checksum 0x1"]


def test_light_runs_are_counted_and_those_that_do_not_pass_are_named():
    healthy = light_runs(gpu(sm_count=1), 2, (FP32,))
    faulty = light_runs(gpu(StuckBit(sm=0, bit=3), sm_count=1), 1, (FP32,))

    assert (healthy.findings, healthy.repetitions, healthy.not_passed) == (2, 32, ())
    assert faulty.not_passed == (f"{name_of(FP32)} with seed 1: {Outcome.FAIL.value}",)
    assert "2 light runs" in str(healthy)


def test_cycles_are_those_of_the_records():
    watching = Watching(gpu(sm_count=2))

    run(plan_of(FP32, watching, repetitions=3), watching)

    assert watching.cycles_per_repetition() == CYCLES_PER_REPETITION
    assert isinstance(watching.records[0], np.ndarray)
