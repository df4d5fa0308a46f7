"""What a faulty SM writes down about itself is no more trusted than what it computes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tests.node_probes.gpus import VARIANTS, finding, gpu, outcomes, plan, run, runner

from sentinel_node.domain.probes import Finding, Outcome, ProbeKind
from sentinel_node.probes.device import Buffer
from sentinel_node.probes.record import RECORD
from sentinel_node.probes.software.device import SoftwareDevice
from sentinel_node.probes.software.faults import DeadSm, FalseVote, Moved, StuckBit, Unended
from sentinel_node.probes.software.twins import twins

FP32 = VARIANTS[0]
MUFU = next(variant for variant in VARIANTS if variant.kind is ProbeKind.TRANSCENDENTAL)


class Scribbling(SoftwareDevice):
    """SM 1 writes some fields of its record wrong."""

    fields: dict[str, int]

    def download(
        self, buffer: Buffer, dtype: np.dtype[np.generic], count: int, offset_bytes: int = 0
    ) -> npt.NDArray[Any]:
        rows = super().download(buffer, dtype, count, offset_bytes)
        if dtype == RECORD and rows[1]["claimed"]:
            for name, value in self.fields.items():
                rows[1][name] = value
        return rows


def scribbled(*faults: object, **fields: int) -> Finding:
    device = Scribbling(twins(), 6, faults)
    device.fields = fields
    report = runner().run(plan(FP32), device)
    assert {each.outcome for each in report.findings if each.sm != 1} == {Outcome.PASS}
    return finding(report, 1)


@pytest.mark.parametrize("index", [2**31, 2**32 - 1])
def test_a_place_out_of_range_fails_without_one(index: int) -> None:
    found = scribbled(StuckBit(1, 3), first_index=index)

    assert (found.outcome, found.mismatch, found.actual_hash) == (Outcome.FAIL, None, b"")
    assert "not consistent" in found.reason
    assert found.mismatch_words > 0


def test_wrong_words_stay_a_failure_where_the_count_of_repetitions_is_wrong_too() -> None:
    found = scribbled(StuckBit(1, 3), repetitions=1)

    assert found.outcome is Outcome.FAIL
    assert "did not end: 1 of 2" in found.reason


def test_a_vote_for_a_mismatch_that_nobody_finds_is_a_failure() -> None:
    found = finding(run(plan(FP32), FalseVote(2)), 2)

    assert (found.outcome, found.mismatch, found.mismatch_words > 0) == (Outcome.FAIL, None, True)
    assert "found none" in found.reason


def test_wrong_words_of_a_block_that_was_moved_are_told() -> None:
    report = run(plan(FP32), Moved(sm=2), StuckBit(sm=2, bit=1))

    assert any("moved from SM 2 found" in note for note in report.notes)


def test_a_block_that_did_not_end_has_no_vote_and_is_an_error() -> None:
    report = run(plan(MUFU), Unended(sm=3), StuckBit(sm=3, bit=3))

    assert outcomes(report) == {sm: Outcome.ERROR if sm == 3 else Outcome.PASS for sm in range(6)}
    assert report.findings[0].expected_hash == run(plan(MUFU)).findings[0].expected_hash


def test_the_host_is_not_doubted_where_the_majority_gave_the_right_answer() -> None:
    report = run(replace(plan(MUFU), sms=(1, 2)), DeadSm(1), DeadSm(2))

    assert set(outcomes(report).values()) == {Outcome.FAIL}
    assert report.notes == ()


def test_no_memory_for_one_variant_leaves_the_others_their_turn() -> None:
    device = gpu()
    whole = device.free_memory_bytes()
    first = device.allocate(whole)
    asked = replace(plan(FP32), variant="")

    report = runner().run(asked, device)

    device.release(first)
    assert {each.outcome for each in report.findings} == {Outcome.ERROR}
    assert all("out of memory" in each.reason for each in report.findings)
