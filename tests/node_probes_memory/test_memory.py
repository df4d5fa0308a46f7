"""The memory probe: sound memory passes, every fault of a cell is found at its address, and silence is no pass."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.node_probes.gpus import runner
from tests.node_probes_memory.gpus import FIRST_ADDRESS, STRETCH_BYTES, failed, memory_plan, run_memory, small_gpu

from sentinel_node.domain.errors import DeviceFailed
from sentinel_node.domain.probes import Depth, Outcome, ProbeKind
from sentinel_node.domain.telemetry import EccErrors
from sentinel_node.probes.memory import MEMORY
from sentinel_node.probes.memory_record import ENTRIES, MEMORY_RECORD
from sentinel_node.probes.runner import Runner
from sentinel_node.probes.software.device import SoftwareDevice
from sentinel_node.probes.software.emulation import Call
from sentinel_node.probes.software.faults import Hang, LaunchError
from sentinel_node.probes.software.memory_faults import (
    Coupling,
    DeceptiveRead,
    FailedTransition,
    StuckMemoryBit,
    WrongDecoder,
)
from sentinel_node.probes.software.twins import twins

WORD, FAR = FIRST_ADDRESS + 0x1234, FIRST_ADDRESS + 0x3A08
TESTS = [variant.name for variant in MEMORY.variants]


@pytest.mark.parametrize("variant", TESTS)
def test_sound_memory_passes(variant: str) -> None:
    (finding,) = run_memory(memory_plan(variant)).findings

    assert (finding.outcome, finding.sm, finding.variant) == (Outcome.PASS, None, variant)
    assert (finding.tested_bytes, finding.repetitions) == (STRETCH_BYTES, 1)


@pytest.mark.slow
@pytest.mark.parametrize("variant", TESTS)
def test_no_seed_and_no_background_makes_a_false_failure(variant: str) -> None:
    plans = [replace(memory_plan(variant, depth=Depth.DEEP, repetitions=14), seed=seed) for seed in (0, 3, 2**64 - 1)]

    assert {run_memory(plan).outcome for plan in plans} == {Outcome.PASS}


@pytest.mark.parametrize(
    "fault",
    [
        StuckMemoryBit(WORD, 9, 0),
        StuckMemoryBit(WORD, 9, 1),
        FailedTransition(WORD, 9, 1),
        FailedTransition(WORD, 9, 0),
        Coupling(FAR, WORD, 9, rises=1, value=0),
        Coupling(FAR, WORD, 9, rises=0, value=1),
    ],
    ids=["stuck at 0", "stuck at 1", "no rise", "no fall", "coupled rise", "coupled fall"],
)
def test_a_faulty_cell_is_found_by_address_and_bit(fault: object) -> None:
    finding = failed(run_memory(memory_plan(), fault))

    assert finding.mismatch is not None
    assert (finding.mismatch.device_address, finding.mismatch.byte_offset) == (WORD, 0x1234)
    assert (finding.mismatch.bits, finding.mismatch_bits) == ((9,), 1 << 9)
    assert finding.sm is None


@pytest.mark.parametrize("variant", ["march_c_minus", "address"])
def test_each_stretch_has_its_own_finding(variant: str) -> None:
    plan = replace(memory_plan(variant), memory_share=0.4)

    report = run_memory(plan, StuckMemoryBit(FIRST_ADDRESS + STRETCH_BYTES + 8, 0, 1))

    assert [finding.outcome for finding in report.findings] == [Outcome.PASS, Outcome.FAIL]
    assert (found := report.findings[1].mismatch) is not None
    assert (found.byte_offset, found.device_address) == (8, FIRST_ADDRESS + STRETCH_BYTES + 8)


@pytest.mark.parametrize("variant", TESTS)
def test_an_address_that_reaches_another_one_s_cells_is_found(variant: str) -> None:
    finding = failed(run_memory(memory_plan(variant), WrongDecoder(WORD, FAR)))

    assert finding.mismatch is not None
    assert finding.mismatch.device_address in (WORD, FAR)


def test_a_deceptive_read_is_found_by_the_test_that_reads_twice_alone() -> None:
    fault = DeceptiveRead(WORD, 4, 1)

    outcomes = [run_memory(memory_plan(variant), fault).outcome for variant in ("march_c_minus", "march_ss")]

    assert outcomes == [Outcome.PASS, Outcome.FAIL]


def test_many_wrong_words_are_counted_and_the_first_are_named() -> None:
    faults = [StuckMemoryBit(FIRST_ADDRESS + 4 * word, word % 2, 1) for word in range(ENTRIES + 4)]

    report = run_memory(memory_plan("address"), *faults)

    finding = failed(report)
    assert finding.mismatch_words > ENTRIES
    assert finding.mismatch_bits == 0b11
    assert any(
        f"{FIRST_ADDRESS:#x} bits 0" in note and f"{FIRST_ADDRESS + 4:#x} bits 1" in note for note in report.notes
    )


def test_the_report_tells_how_much_of_the_memory_was_tested() -> None:
    notes = run_memory(memory_plan()).notes

    assert "march_c_minus: 16384 bytes tested, 20.0% of the 81920 that were free and 10.0% of all 163840" in notes


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [(LaunchError(), Outcome.ERROR), (Hang(3), Outcome.TIMEOUT)],
    ids=["launch error", "hang"],
)
def test_a_launch_that_goes_wrong_says_nothing_about_memory(fault: object, outcome: Outcome) -> None:
    (finding,) = run_memory(memory_plan(), fault).findings

    assert (finding.outcome, finding.tested_bytes) == (outcome, 0)
    assert finding.reason


def test_reads_that_did_not_compare_all_that_was_due_are_an_error() -> None:
    device = SoftwareDevice({**twins(), ("memory.cu", "memory_read"): lambda call: None}, memory_bytes=80 * 1024)
    device.l2_bytes = 512

    (finding,) = runner().run(memory_plan(), device).findings

    assert (finding.outcome, finding.reason) == (Outcome.ERROR, "0 words were compared where 20480 were due")


@pytest.mark.parametrize("address", [0, FIRST_ADDRESS + STRETCH_BYTES])
def test_a_record_that_names_an_address_elsewhere_fails_without_a_place(address: int) -> None:
    def read(call: Call) -> None:
        records = call.array(10, MEMORY_RECORD)
        assert records is not None
        records[0]["mismatches"] = records[0]["claimed"] = 1
        records[0]["entries"][0] = (address, 1, 2, 3, 0, 0, 0, 0, 0)

    device = SoftwareDevice({**twins(), ("memory.cu", "memory_read"): read}, memory_bytes=80 * 1024)
    device.l2_bytes = 512

    (finding,) = runner().run(memory_plan(), device).findings

    assert (finding.outcome, finding.mismatch, finding.mismatch_words) == (Outcome.FAIL, None, 1)
    assert "not consistent" in finding.reason


def test_a_wrong_word_seen_in_an_earlier_batch_stays_a_failure_when_a_later_one_hangs() -> None:
    report = run_memory(memory_plan("march_ss"), StuckMemoryBit(WORD, 0, 1), Hang(330))

    assert failed(report).repetitions == 0


def test_a_wrong_word_stays_a_failure_when_a_later_round_hangs() -> None:
    report = run_memory(memory_plan(repetitions=2), StuckMemoryBit(WORD, 0, 1), Hang(200))

    assert failed(report).repetitions == 1


def test_a_cancelled_run_is_not_run() -> None:
    (finding,) = runner().run(memory_plan(), small_gpu(), is_cancelled=lambda: True).findings

    assert (finding.outcome, finding.tested_bytes) == (Outcome.NOT_RUN, 0)
    assert "cancelled" in finding.reason


def test_a_deadline_between_rounds_is_a_timeout() -> None:
    (finding,) = runner().run(replace(memory_plan(), deadline_s=0.0001), small_gpu()).findings

    assert finding.outcome is Outcome.TIMEOUT


def test_too_little_free_memory_is_not_run() -> None:
    (finding,) = runner().run(memory_plan(), small_gpu(memory_bytes=1500)).findings

    assert finding.outcome is Outcome.NOT_RUN
    assert "1500 bytes of memory are free" in finding.reason


def test_a_failure_stands_although_the_device_is_lost_before_the_next_test_of_the_memory() -> None:
    class Dying(SoftwareDevice):
        """Its context dies of an error that is seen only after the first test."""

        def free_memory_bytes(self) -> int:
            if self.launches:
                raise DeviceFailed("an uncorrectable ECC error")
            return super().free_memory_bytes()

    device = Dying(twins(), 2, (StuckMemoryBit(WORD, 9, 0),), memory_bytes=80 * 1024)
    device.l2_bytes = 512

    report = runner().run(memory_plan(""), device)

    first, second, *others = ({one.outcome for one in report.findings if one.variant == name} for name in TESTS)
    assert (report.outcome, Outcome.FAIL in first, second) == (Outcome.FAIL, True, {Outcome.ERROR})
    assert others == [{Outcome.NOT_RUN}] * len(others)


def test_all_memory_is_given_back() -> None:
    device = small_gpu()
    free_bytes = device.free_memory_bytes()

    runner().run(memory_plan(), device)

    assert device.free_memory_bytes() == free_bytes


def test_ecc_errors_meanwhile_stand_in_the_notes() -> None:
    counts = iter([EccErrors(2, 0), EccErrors(5, 0)])
    probe = replace(MEMORY, read_ecc=lambda: next(counts))

    report = Runner({ProbeKind.MEMORY: probe}, runner().clocks).run(memory_plan(), small_gpu())

    assert "memory ECC errors while it ran: 3 corrected, 0 uncorrected" in report.notes
