"""A probe report on the wire: one execution for each SM that gave an outcome."""

from __future__ import annotations

from hashlib import sha256
from itertools import count

import pytest
from tests.node_reporting.node import GPU, HOST, RIGHT, WRONG, finding, report

from sentinel.v1 import probe_pb2
from sentinel_node.domain.probes import Outcome, ProbeKind, ProbeReport
from sentinel_node.reporting.executions import PROBE_TYPES, Executions, executions_of
from sentinel_node.scheduling.budget import gpu_s_of
from sentinel_sdk.types import ProbeExecution

FAIL, PASS, ERROR, TIMEOUT, NOT_RUN = Outcome.FAIL, Outcome.PASS, Outcome.ERROR, Outcome.TIMEOUT, Outcome.NOT_RUN


def mapped(made: ProbeReport) -> Executions:
    ids = count(1)
    return executions_of(made, GPU, HOST, lambda: f"id-{next(ids)}")


def results(made: ProbeReport) -> dict[int, str]:
    return {one.sm.sm_id: probe_pb2.ProbeResult.Name(one.result)[13:] for one in mapped(made).messages}


def test_it_says_which_gpu_by_everything_that_is_known_of_it():
    gpu = mapped(report()).messages[0].sm.gpu

    assert (gpu.uuid, gpu.hostname, gpu.device_index, gpu.model) == (GPU.uuid, HOST, 3, GPU.model)
    assert (gpu.driver_version, gpu.firmware_version) == ("550.54.15", "96.00.74.00.01")


def test_it_says_how_the_gpu_was_while_it_ran_and_when_it_ended():
    made = report()
    one = mapped(made).messages[0]

    assert (one.gpu_clock_mhz, one.gpu_temperature_c, one.gpu_power_w) == (1755, 61.5, 312.5)
    assert one.timestamp.ToNanoseconds() == made.ended_unix_ns // 1000 * 1000


@pytest.mark.parametrize("kind", list(ProbeKind))
def test_every_kind_has_a_probe_type_of_the_same_name(kind):
    assert probe_pb2.ProbeType.Name(PROBE_TYPES[kind]) == f"PROBE_TYPE_{kind.name}"


def test_outcomes_are_told_as_they_are_and_what_did_not_run_is_not_told():
    made = report(finding(PASS, 0), finding(FAIL, 1), finding(ERROR, 2), finding(TIMEOUT, 3), finding(NOT_RUN, 4))

    assert results(made) == {0: "PASS", 1: "FAIL", 2: "ERROR", 3: "TIMEOUT"}
    assert mapped(made).not_run == 1


def test_a_kernel_that_is_not_proven_passes_no_sm_and_lets_none_time_out():
    unproven = [finding(outcome, sm, is_proven=False) for sm, outcome in enumerate((PASS, TIMEOUT, ERROR))]

    assert results(report(*unproven, finding(PASS, 3))) == {2: "ERROR", 3: "PASS"}


@pytest.mark.parametrize(
    ("outcomes", "told"),
    [
        ((PASS, FAIL), "FAIL"),
        ((TIMEOUT, FAIL, ERROR), "FAIL"),
        ((ERROR, TIMEOUT), "TIMEOUT"),
        ((PASS, ERROR), "ERROR"),
        ((NOT_RUN, FAIL, PASS), "FAIL"),
        ((NOT_RUN, PASS, ERROR), "ERROR"),
    ],
)
def test_the_formats_of_an_sm_are_one_execution_with_the_gravest_outcome(outcomes, told):
    made = report(*(finding(outcome, 7, f"format-{place}") for place, outcome in enumerate(outcomes)))

    assert results(made) == {7: told}


def test_an_sm_that_passed_in_one_format_and_did_not_run_in_another_is_not_told_as_a_pass():
    made = report(finding(PASS, 0, "fp32"), finding(NOT_RUN, 0, "bf16"), finding(PASS, 1, "fp32"))

    assert (results(made), mapped(made).not_run) == ({1: "PASS"}, 1)


def test_a_format_that_did_not_run_at_all_leaves_no_sm_with_a_pass_and_a_failure_stands():
    made = report(finding(PASS, 0, "fp32"), finding(FAIL, 1, "fp32"), finding(NOT_RUN, None, "bf16"))

    assert (results(made), mapped(made).not_run) == ({1: "FAIL"}, 1)


def test_a_run_in_which_nothing_ran_is_not_told():
    made = report(finding(NOT_RUN, None, "bf16"))

    assert (results(made), mapped(made).not_run) == ({}, 1)


def test_memory_of_a_gpu_whose_number_of_sms_is_unknown_blames_no_sm():
    made = report(finding(TIMEOUT, None), kind=ProbeKind.MEMORY, sms=0)

    assert (results(made), mapped(made).unplaced) == ({}, 1)


def test_a_failure_comes_with_its_mismatch_and_both_hashes():
    one = mapped(report(finding(FAIL))).messages[0]

    assert (one.expected_hash, one.actual_hash) == (RIGHT, WRONG)
    assert (one.mismatch_detail.byte_offset, list(one.mismatch_detail.differing_bits)) == (8, [0])
    assert (one.mismatch_detail.expected_value, one.mismatch_detail.actual_value) == (b"\0\0\0\0", b"\1\0\0\0")


def test_several_hashes_become_the_hash_of_all_and_differ_where_one_does():
    one = mapped(report(finding(PASS, 7, "bf16"), finding(FAIL, 7, "fp16"))).messages[0]

    assert one.expected_hash == sha256(RIGHT + RIGHT).digest()
    assert one.actual_hash == sha256(RIGHT + WRONG).digest()


def test_memory_goes_by_the_number_after_the_last_sm():
    made = report(finding(FAIL, None, "march"), finding(PASS, None, "walking"), kind=ProbeKind.MEMORY)

    assert results(made) == {132: "FAIL"}


def test_a_run_that_failed_as_a_whole_is_told_once():
    assert results(report(finding(TIMEOUT, None), sms=0)) == {0: "TIMEOUT"}


def test_execution_times_add_up_to_what_the_run_held_the_gpu():
    both = [finding(PASS, sm, name, duration_ns=132_000) for sm in range(132) for name in ("bf16", "fp16")]
    made = report(*both, kind=ProbeKind.TENSOR_CORE)

    assert sum(one.execution_time_ns for one in mapped(made).messages) == 264_000 == gpu_s_of(made) * 1e9


def test_what_is_read_back_for_sending_again_is_equal_to_the_last_bit():
    for one in mapped(report(finding(FAIL), finding(PASS, 1))).messages:
        assert ProbeExecution.from_proto(one).to_proto() == one
