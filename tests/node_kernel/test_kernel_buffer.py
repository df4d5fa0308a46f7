"""Reading the kernel's own buffer."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from tests.node_kernel.conftest import KernelBuffer

from sentinel_node.domain.errors import Unavailable
from sentinel_node.kernel.kmsg import Kmsg, KmsgRecord, parse_record


def test_a_record_tells_level_number_time_and_text():
    assert parse_record(b"4,1234,5678901,-;NVRM: loading") == KmsgRecord(4, 0, 1234, 5678901, "NVRM: loading")


def test_the_device_of_a_record_is_read_from_its_further_lines():
    record = parse_record(b"3,7,8,-;AER: error\n SUBSYSTEM=pci\n DEVICE=+pci:0000:9b:00.0")

    assert record is not None
    assert (record.message, record.pci_bus_id) == ("AER: error", "0000:9b:00.0")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        pytest.param(rb"caf\xc3\xa9", "café", id="UTF-8"),
        pytest.param(rb"a\x0ab\x1b[31m", r"a\x0ab\x1b[31m", id="control characters stay escaped"),
        pytest.param(rb"back\x5cslash", r"back\slash", id="backslash"),
        pytest.param(rb"\xff", r"\xff", id="no UTF-8"),
        pytest.param(rb"a;b,c", "a;b,c", id="separators"),
    ],
)
def test_escapes_of_the_kernel_are_undone_as_far_as_they_can_be_shown(raw: bytes, text: str):
    record = parse_record(b"6,1,2,-;" + raw)

    assert record is not None
    assert record.message == text


def test_a_line_that_a_process_wrote_has_its_facility():
    record = parse_record(b"12,1,2,-;NVRM: Xid (PCI:0000:9b:00): 79, x")

    assert record is not None
    assert (record.facility, record.level) == (1, 4)


@pytest.mark.parametrize("junk", [b"", b"no record", b"1,2;short", b";", b"a,b,c,-;text"])
def test_what_is_no_record_is_passed_over(junk: bytes):
    assert parse_record(junk) is None


def test_reading_takes_what_there_is_and_does_not_wait(buffer: KernelBuffer):
    kmsg = Kmsg(buffer.path)
    buffer.print("one", "two")

    assert [record.message for record in kmsg.records(100)] == ["one", "two"]
    assert kmsg.records(100) == []
    kmsg.close()


def test_after_overwritten_records_reading_goes_on_with_the_oldest_left(buffer: KernelBuffer):
    answers: list[bytes | OSError] = [
        BrokenPipeError(errno.EPIPE, "overwritten"),
        b"6,90,1,-;left\n",
        BlockingIOError(),
    ]

    def read(descriptor: int, size: int) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    kmsg = Kmsg(buffer.path, read)

    assert [(record.sequence, record.message) for record in kmsg.records(100)] == [(90, "left")]
    kmsg.close()


def test_a_device_that_breaks_is_unavailable(buffer: KernelBuffer):
    def read(descriptor: int, size: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    kmsg = Kmsg(buffer.path, read)

    with pytest.raises(Unavailable, match="cannot be read any more: Input/output error"):
        kmsg.records(1)
    kmsg.close()


def test_a_device_that_is_not_there_says_what_it_takes(tmp_path: Path):
    with pytest.raises(Unavailable, match="CAP_SYSLOG"):
        Kmsg(tmp_path / "kmsg")
