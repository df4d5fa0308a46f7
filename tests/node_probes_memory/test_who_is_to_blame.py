"""A wrong word is read again by another SM: memory is blamed for what both find wrong, an SM for what it does often."""

from __future__ import annotations

import numpy as np
import pytest
from tests.node_probes.gpus import runner
from tests.node_probes_memory.gpus import FIRST_ADDRESS, failed, memory_plan, run_memory

from sentinel_node.domain.probes import Outcome
from sentinel_node.probes.memory_record import ENTRY, MEMORY_RECORD, Cause, StretchRecord, WrongWord
from sentinel_node.probes.memory_tally import told_of
from sentinel_node.probes.software.device import SoftwareDevice
from sentinel_node.probes.software.emulation import Call
from sentinel_node.probes.software.memory_faults import StuckMemoryBit, WrongReader
from sentinel_node.probes.software.twins import twins

WORD = FIRST_ADDRESS + 0x1234
TESTS = ("march_c_minus", "march_ss", "address")


@pytest.mark.parametrize("variant", TESTS)
def test_a_bad_cell_is_memory_s_and_no_sm_s(variant: str) -> None:
    found = failed(run_memory(memory_plan(variant), StuckMemoryBit(WORD, 9, 1)))

    assert found.sm is None
    assert found.reason.startswith("memory: read wrong by SM ")


@pytest.mark.parametrize("variant", TESTS)
def test_a_bad_reader_is_told_as_that_sm_and_not_as_memory(variant: str) -> None:
    found = failed(run_memory(memory_plan(variant), WrongReader(0, 1 << 7)))  # SM 0 reads all of so small a memory

    assert (found.sm, found.mismatch_bits) == (0, 1 << 7)
    assert found.reason.startswith("reader SM: SM 0 alone read them wrong, SM 1 read them right")
    assert found.mismatch is not None


def test_a_bad_cell_and_a_bad_reader_together_are_memory() -> None:
    cell = StuckMemoryBit(FIRST_ADDRESS, 0, 1)

    found = failed(run_memory(memory_plan("address"), cell, WrongReader(0, 2)))

    assert found.sm is None
    assert found.reason.startswith("memory:")
    assert "1 memory, 15 right again" in found.reason


def test_the_notes_say_it_too() -> None:
    notes = run_memory(memory_plan(), WrongReader(0, 1)).notes

    assert any("reader SM: SM 0 alone" in note for note in notes)


def test_a_sound_stretch_names_no_sm() -> None:
    (finding,) = run_memory(memory_plan()).findings

    assert (finding.outcome, finding.sm, finding.reason) == (Outcome.PASS, None, "")


def word(reader: int | None, again: int | None, *, is_right: bool = False, launch: int = 5, at: int = 0) -> WrongWord:
    return WrongWord(WORD + at, 0, 1, launch, reader, again, is_right)


OFTEN = [word(3, 4, is_right=True), word(3, 4, is_right=True, launch=6, at=4)]
TOO_LITTLE = "memory or its reader: read wrong by SM 3, and right by SM 4 after it, which is too little"


@pytest.mark.parametrize(
    ("words", "blamed", "told"),
    [
        ([word(3, 4)], None, "memory: read wrong by SM 3, and again by SM 4 (1 memory)"),
        (OFTEN, 3, "reader SM: SM 3 alone read them wrong, SM 4 read them right (2 right again)"),
        ([*OFTEN, word(3, None)], 3, "reader SM: SM 3 alone"),
        (OFTEN[:1], None, TOO_LITTLE),
        ([OFTEN[0], word(3, 4, is_right=True, at=4)], None, TOO_LITTLE),
        ([OFTEN[0], word(3, 4, is_right=True, launch=6)], None, TOO_LITTLE),
        ([*OFTEN, word(3, 5)], None, "memory: read wrong by SM 3, and again by SM 4, 5"),
        (
            [*OFTEN, word(6, 4, is_right=True)],
            None,
            "memory or its reader: read wrong by SM 3, 6, and right by SM 4",
        ),
        ([word(3, None)], None, "memory or its reader: read wrong by SM 3, and by no other SM again"),
        ([word(None, None)], None, ""),
    ],
    ids=[
        "both wrong",
        "right again",
        "one not read again",
        "a passing fault",
        "one launch",
        "one word",
        "once wrong again",
        "two readers",
        "nobody",
        "no record",
    ],
)
def test_who_is_blamed(words: list[WrongWord], blamed: int | None, told: str) -> None:
    record = StretchRecord(100, len(words), 1, tuple(words))

    assert record.blamed_sm == blamed
    assert told_of(record).startswith(told)


def test_half_of_what_is_kept_is_of_later_launches() -> None:
    kept: list[StretchRecord] = []

    def read(call: Call) -> None:
        twins()["memory.cu", "memory_read"](call)
        records = call.array(10, MEMORY_RECORD)
        assert records is not None
        kept.append(StretchRecord.of(records[0]))

    device = SoftwareDevice(
        {**twins(), ("memory.cu", "memory_read"): read}, 2, (WrongReader(0, 1),), memory_bytes=80 * 1024
    )
    device.l2_bytes = 512
    runner().run(memory_plan(), device)

    assert [len({word.operation for word in record.wrong}) for record in (kept[0], kept[-1])] == [1, 2]
    assert [len(record.wrong) for record in (kept[0], kept[-1])] == [8, 16]


def test_many_sms_are_told_with_their_number() -> None:
    record = StretchRecord(100, 9, 1, tuple(word(sm, 50) for sm in range(9)))

    assert "SM 0, 1, 2, 3 and 5 more" in told_of(record)


def test_an_entry_is_read_as_the_kernel_writes_it() -> None:
    written, blank = np.array([(WORD, 1, 2, 3, 1, 132, 7, 7, 0), (0,) * 9], dtype=ENTRY)

    read = WrongWord.of(written)

    assert (ENTRY.itemsize, read.reader, read.reader_again, read.cause) == (40, 0, 131, Cause.READER)
    assert WrongWord.of(blank).cause is Cause.UNKNOWN
