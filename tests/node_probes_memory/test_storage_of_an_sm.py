"""Register file and shared memory: sound ones pass, and a wrong cell is found with its SM, place and bit."""

from __future__ import annotations

import pytest
from tests.node_probes_memory.gpus import failed, run_on_sms

from sentinel_node.domain.probes import Mismatch, Outcome, ProbeKind
from sentinel_node.probes import registers, shared
from sentinel_node.probes.software.faults import DeadSm, FlippedLane, Unreached
from sentinel_node.probes.software.registers_faults import StuckCell, WrongCell

REGISTER, SHARED = ProbeKind.REGISTER_FILE, ProbeKind.SHARED_MEMORY
UNITS = {SHARED: "shared", REGISTER: "register"}
each_kind = pytest.mark.parametrize(
    "kind", [SHARED, pytest.param(REGISTER, marks=pytest.mark.slow)], ids=["shared", "registers"]
)


def place(found: Mismatch) -> tuple[int, int]:
    """Row and thread; in shared memory the row of 256 words and the place in it."""
    word = found.byte_offset // 4
    return word // 256, word % 256


@each_kind
def test_sound_storage_passes_on_every_sm(kind: ProbeKind) -> None:
    report = run_on_sms(kind)

    assert [(each.sm, each.outcome) for each in report.findings] == [(sm, Outcome.PASS) for sm in range(3)]


@each_kind
@pytest.mark.parametrize("value", [0, 1])
def test_a_stuck_cell_is_found_by_sm_place_and_bit(kind: ProbeKind, value: int) -> None:
    finding = failed(run_on_sms(kind, StuckCell(1, UNITS[kind], 3, 77, 30, value), repetitions=1))

    assert finding.mismatch is not None
    assert (finding.sm, place(finding.mismatch), finding.mismatch.bits) == (1, (3, 77), (30,))
    assert finding.mismatch_bits == 1 << 30


@each_kind
def test_a_cell_that_shows_another_one_s_word_is_found(kind: ProbeKind) -> None:
    finding = failed(run_on_sms(kind, WrongCell(2, UNITS[kind], 1, 8, 2, 8)))

    rows = 5 if kind is SHARED else registers.REGISTERS
    assert finding.mismatch is not None
    assert finding.sm == 2
    assert finding.mismatch.byte_offset // 4 % (256 * rows) == 256 + 8


@each_kind
def test_a_flipped_lane_fails_and_an_sm_without_a_block_is_not_run(kind: ProbeKind) -> None:
    report = run_on_sms(kind, FlippedLane(0, 5, 16), DeadSm(1), Unreached(2), repetitions=1)

    assert [each.outcome for each in report.findings] == [Outcome.FAIL, Outcome.FAIL, Outcome.NOT_RUN]
    assert report.findings[0].mismatch_bits == 16


def test_shared_memory_is_tested_but_for_the_last_kib_a_block_may_have() -> None:
    assert [shared.rows_for(kib * 1024) for kib in (99, 163, 227)] == [98, 162, 226]


def test_the_words_of_a_march_are_over_nine_tenths_of_the_register_file() -> None:
    assert round(registers.COVERED, 3) == 0.918
