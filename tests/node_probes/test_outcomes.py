"""Five outcomes that are never mixed: only a wrong result is a FAIL."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.node_probes.gpus import VARIANTS, finding, gpu, outcomes, plan, run, runner

from sentinel_node.domain.errors import Invalid, Refused
from sentinel_node.domain.probes import Outcome, ProbeKind, ProbePlan
from sentinel_node.probes.session import Progress
from sentinel_node.probes.software.device import GPU, SoftwareDevice
from sentinel_node.probes.software.faults import DeadSm, Hang, LaunchError, Moved, StuckBit, Unended, Unreached
from sentinel_node.probes.software.twins import twins

FP32 = VARIANTS[0]


def test_an_sm_that_no_block_reaches_is_not_run() -> None:
    report = run(plan(FP32), Unreached(sm=4))

    assert outcomes(report) == {sm: Outcome.NOT_RUN if sm == 4 else Outcome.PASS for sm in range(6)}
    assert "no block was seen" in finding(report, 4).reason
    assert finding(report, 4).actual_hash == b""


def test_a_dead_sm_that_no_block_reaches_is_not_run_either() -> None:
    assert outcomes(run(plan(FP32), Unreached(sm=4), DeadSm(sm=4)))[4] is Outcome.NOT_RUN


def test_an_sm_missed_by_two_launches_is_asked_for_again() -> None:
    device = gpu(Unreached(sm=4, launches=2))

    report = runner().run(plan(FP32), device)

    assert report.outcome is Outcome.PASS
    assert [launch.grid for launch in device.launches] == [6, 12, 24]


def test_relaunches_are_bounded() -> None:
    device = gpu(Unreached(sm=4))

    runner().run(plan(FP32), device)

    assert len(device.launches) == 4


def test_a_block_that_was_moved_says_nothing() -> None:
    report = run(plan(FP32), Moved(sm=2), StuckBit(sm=2, bit=1))

    assert outcomes(report)[2] is Outcome.NOT_RUN
    assert "moved" in finding(report, 2).reason


def test_wrong_words_that_a_moved_block_found_are_told_apart_from_other_notes() -> None:
    report = run(plan(FP32), Moved(sm=2), StuckBit(sm=2, bit=1))

    assert report.unplaced
    assert all("moved from SM 2" in one and "wrong words" in one for one in report.unplaced)
    assert set(report.unplaced) <= set(report.notes)


def test_a_block_that_does_not_complete_its_record_is_an_error() -> None:
    assert outcomes(run(plan(FP32), Unended(sm=3)))[3] is Outcome.ERROR


def test_a_failed_launch_is_an_error_on_every_sm() -> None:
    report = run(plan(FP32), LaunchError(message="an illegal address"))

    assert set(outcomes(report).values()) == {Outcome.ERROR}
    assert "an illegal address" in report.findings[0].reason


def test_a_launch_that_does_not_end_is_a_timeout() -> None:
    assert set(outcomes(run(plan(FP32), Hang())).values()) == {Outcome.TIMEOUT}


def test_a_wrong_result_before_a_timeout_stays_a_failure() -> None:
    report = run(plan(FP32, repetitions=65), StuckBit(sm=1, bit=0), Hang(launch=1))

    assert outcomes(report) == {sm: Outcome.FAIL if sm == 1 else Outcome.TIMEOUT for sm in range(6)}


def test_after_a_lost_device_the_other_variants_are_not_run() -> None:
    report = run(ProbePlan(ProbeKind.FMA, GPU.uuid, repetitions=1), LaunchError())

    later = [each for each in report.findings if each.variant != FP32.name]
    assert {each.outcome for each in later} == {Outcome.NOT_RUN}
    assert {each.sm for each in later} == {None}


def test_a_report_doubts_the_host_where_every_sm_failed() -> None:
    everywhere = run(plan(FP32), *(StuckBit(sm, bit=5) for sm in range(6)))
    on_one = run(plan(FP32), StuckBit(0, bit=5))

    assert [("CPU" in note) for note in everywhere.notes] == [True]
    assert on_one.notes == ()


def test_what_is_cancelled_is_not_run() -> None:
    report = runner().run(plan(FP32), gpu(), is_cancelled=lambda: True)

    assert {(each.outcome, each.reason) for each in report.findings} == {(Outcome.NOT_RUN, "cancelled")}


def test_past_the_deadline_is_a_timeout() -> None:
    asked = replace(plan(FP32, repetitions=1000), deadline_s=5.0)

    report = runner(step_s=1.0).run(asked, gpu())

    assert set(outcomes(report).values()) == {Outcome.TIMEOUT}
    assert report.findings[0].repetitions < 1000


def test_only_the_sms_asked_for_are_told() -> None:
    report = run(plan(FP32, sms=(1, 5)), StuckBit(sm=5, bit=2), DeadSm(sm=0))

    assert outcomes(report) == {1: Outcome.PASS, 5: Outcome.FAIL}


def test_an_sm_that_there_is_not_is_not_run() -> None:
    assert outcomes(run(plan(FP32, sms=(1, 90_000)))) == {1: Outcome.PASS, 90_000: Outcome.NOT_RUN}


def test_progress_is_told_after_every_launch() -> None:
    told: list[Progress] = []

    runner().run(plan(FP32, repetitions=70), gpu(), progress=told.append)

    assert told == [Progress("fp32", 64, 70), Progress("fp32", 70, 70)]


def test_a_soak_goes_on_until_its_time_is_over() -> None:
    device = gpu()

    report = runner(step_s=0.1).run(replace(plan(FP32, repetitions=1), soak_s=0.8), device)

    assert report.outcome is Outcome.PASS
    assert len(device.launches) > 1


def test_a_partitioned_gpu_is_refused() -> None:
    device = SoftwareDevice(twins(), identity=replace(GPU, is_partitioned=True))

    with pytest.raises(Refused, match="MIG"):
        runner().run(plan(FP32), device)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_that_is_not_64_bits_is_refused(seed: int) -> None:
    with pytest.raises(Invalid, match="seed"):
        runner().run(plan(FP32, seed=seed), gpu())


def test_a_variant_that_there_is_not_is_named_with_those_there_are() -> None:
    with pytest.raises(Invalid, match=r"'fp4'.*bf16"):
        runner().run(ProbePlan(ProbeKind.TENSOR_CORE, GPU.uuid, variant="fp4"), gpu())


def test_a_format_that_the_gpu_lacks_is_refused_by_name() -> None:
    device = SoftwareDevice(twins(), identity=replace(GPU, compute_capability=(8, 0)))

    with pytest.raises(Invalid, match="sm_89"):
        runner().run(ProbePlan(ProbeKind.TENSOR_CORE, GPU.uuid, variant="fp8_e4m3"), device)


@pytest.mark.slow
def test_a_format_that_the_gpu_lacks_is_left_out_with_a_note() -> None:
    device = SoftwareDevice(twins(), sm_count=1, identity=replace(GPU, compute_capability=(8, 0)))

    report = runner().run(ProbePlan(ProbeKind.TENSOR_CORE, GPU.uuid, repetitions=1), device)

    assert {each.variant for each in report.findings} == {"fp16", "bf16", "tf32", "int8"}
    assert len(report.notes) == 2
    assert all("sm_89" in note for note in report.notes)
