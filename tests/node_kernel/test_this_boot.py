"""This boot's lines, from the kernel's buffer."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.node_kernel.conftest import BOOT, BOOT_START_NS, XID_79, KernelBuffer, messages

from sentinel_node.domain.errors import NotFound, Unavailable
from sentinel_node.domain.kernel import KernelQuery, KernelRecord
from sentinel_node.kernel.journal import Journal
from sentinel_node.kernel.log import KernelLog


def test_a_line_becomes_a_record_with_boot_time_and_what_it_names(buffer: KernelBuffer, log: KernelLog):
    buffer.print(XID_79, at_us=5_000_000, priority=2)

    assert log.read(KernelQuery()).records == (
        KernelRecord(
            boot_id=BOOT,
            sequence=0,
            monotonic_us=5_000_000,
            unix_ns=BOOT_START_NS + 5_000_000_000,
            level=2,
            message=XID_79,
            source="kmsg",
            xid=79,
            pci_bus_id="0000:9b:00.0",
            is_off_bus=True,
        ),
    )


def test_lines_are_kept_and_read_again(buffer: KernelBuffer, log: KernelLog):
    buffer.print("one")
    log.read(KernelQuery())
    buffer.print("two")

    assert messages(log.read(KernelQuery()).records) == ["one", "two"]


def test_the_newest_are_given_and_that_there_were_more_is_told(buffer: KernelBuffer, log: KernelLog):
    buffer.print("one", "two", "three")

    page = log.read(KernelQuery(limit=2))

    assert (messages(page.records), page.is_truncated) == (["two", "three"], True)


def test_a_window_of_time_is_kept_to(buffer: KernelBuffer, log: KernelLog):
    for second in range(1, 6):
        buffer.print(f"at {second}", at_us=second * 1_000_000)

    page = log.read(KernelQuery(BOOT_START_NS + 2_000_000_000, BOOT_START_NS + 4_000_000_000))

    assert messages(page.records) == ["at 2", "at 3", "at 4"]


def test_any_of_the_texts_is_enough_letter_case_aside(buffer: KernelBuffer, log: KernelLog):
    buffer.print("NVRM: loading", "usb 1-1: new device", "mlx5_core: link down")

    assert messages(log.read(KernelQuery(contains=("nvrm", "LINK DOWN"))).records) == [
        "NVRM: loading",
        "mlx5_core: link down",
    ]


def test_lines_that_the_kernel_overwrote_are_counted(buffer: KernelBuffer, log: KernelLog):
    buffer.lose(100)
    buffer.print("one", at_us=1_000_000)
    buffer.lose(5)
    buffer.print("two", at_us=2_000_000)

    assert log.read(KernelQuery()).lost_lines == 105
    assert log.read(KernelQuery(since_unix_ns=BOOT_START_NS + 1_500_000_000)).lost_lines == 5
    assert log.read(KernelQuery(since_unix_ns=BOOT_START_NS + 2_500_000_000)).lost_lines == 0


def test_an_xid_that_a_process_wrote_into_the_buffer_is_no_xid(buffer: KernelBuffer, log: KernelLog):
    buffer.print(XID_79, priority=12)

    record = log.read(KernelQuery()).records[0]

    assert (record.message, record.xid, record.is_off_bus) == (XID_79, None, False)


def test_without_a_journal_it_is_said_that_earlier_boots_are_unknown(log: KernelLog, buffer: KernelBuffer):
    buffer.print("one")

    page = log.read(KernelQuery())

    assert (page.boots, page.missing) == ((BOOT,), ("journalctl is not installed here: earlier boots are unknown",))


def test_a_window_that_memory_holds_whole_needs_no_journal(log: KernelLog, buffer: KernelBuffer):
    buffer.print("one", at_us=1_000_000)
    buffer.print("two", at_us=2_000_000)

    assert log.read(KernelQuery(since_unix_ns=BOOT_START_NS + 1_000_000_000)).missing == ()


def test_a_boot_that_is_not_kept_is_not_found(log: KernelLog):
    with pytest.raises(NotFound, match=BOOT):
        log.read(KernelQuery(boot_id="f" * 32))


def test_a_machine_without_any_log_says_what_is_missing(tmp_path: Path, boot_id: Path):
    log = KernelLog(Journal(programs=()), tmp_path / "none", boot_id)

    with pytest.raises(Unavailable, match="no kernel log can be read; .*CAP_SYSLOG.*; journalctl is not installed"):
        log.read(KernelQuery())
