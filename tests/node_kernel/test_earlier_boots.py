"""Earlier boots, and what this one lost, from the persistent journal."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.node_kernel.conftest import BEFORE, BOOT, BOOT_START_NS, XID_79, JournalFiles, KernelBuffer, messages

from sentinel_node.domain.errors import NotFound
from sentinel_node.domain.kernel import KernelQuery
from sentinel_node.kernel.folding import MOST_A_SECOND
from sentinel_node.kernel.journal import Journal
from sentinel_node.kernel.log import KernelLog


def test_an_earlier_boots_line_comes_first_and_names_its_boot(
    buffer: KernelBuffer, files: JournalFiles, log_with_journal: KernelLog
):
    files.keep(XID_79)
    files.install()
    buffer.print("booting")

    page = log_with_journal.read(KernelQuery())

    assert [(record.boot_id, record.source) for record in page.records] == [(BEFORE, "journal"), (BOOT, "kmsg")]
    assert (page.records[0].xid, page.records[0].pci_bus_id) == (79, "0000:9b:00.0")
    assert (page.boots, page.missing) == ((BEFORE, BOOT), ())


def test_one_boot_can_be_asked_for(buffer: KernelBuffer, files: JournalFiles, log_with_journal: KernelLog):
    files.keep("before")
    files.install()
    buffer.print("now")

    page = log_with_journal.read(KernelQuery(boot_id=BEFORE))

    assert (messages(page.records), page.boots) == (["before"], (BEFORE,))
    assert f"_BOOT_ID={BEFORE}" in files.arguments()


def test_what_memory_lost_of_this_boot_comes_from_the_journal_and_nothing_twice(
    buffer: KernelBuffer, files: JournalFiles, log_with_journal: KernelLog
):
    files.boots = [BEFORE, BOOT]
    for second, text in enumerate(["overwritten", "held"], start=1):
        files.keep(text, boot=BOOT, at_us=second * 1_000_000)
    files.install()
    buffer.lose(1)
    buffer.print("held", at_us=2_000_000)

    page = log_with_journal.read(KernelQuery())

    assert (messages(page.records), page.lost_lines) == (["overwritten", "held"], 0)


def test_lines_that_the_journal_missed_are_counted(files: JournalFiles, log_with_journal: KernelLog):
    files.keep("Missed 17 kernel messages", _TRANSPORT="driver")
    files.install()

    page = log_with_journal.read(KernelQuery())

    assert (page.records, page.lost_lines) == ((), 17)


def test_a_storm_in_the_journal_is_folded_as_it_happened(files: JournalFiles, log_with_journal: KernelLog):
    for pid in range(40):
        files.keep(f"NVRM: Xid (PCI:0000:9b:00): 31, pid={pid}", at_us=5_000_000 + pid)
    files.install()

    records = log_with_journal.read(KernelQuery(boot_id=BEFORE)).records

    assert [record.monotonic_us for record in records] == [5_000_000 + pid for pid in range(MOST_A_SECOND)]
    assert records[-1].folded == 40 - MOST_A_SECOND


def test_the_newest_are_given_and_that_there_were_more_is_told(files: JournalFiles, log_with_journal: KernelLog):
    for second in range(10):
        files.keep(f"line {second}", at_us=second * 1_000_000)
    files.install()

    page = log_with_journal.read(KernelQuery(boot_id=BEFORE, limit=2))

    assert (messages(page.records), page.is_truncated) == (["line 8", "line 9"], True)


def test_time_is_of_the_printing_not_of_the_storing(files: JournalFiles, log_with_journal: KernelLog):
    files.keep("late", at_us=9_000_000, _SOURCE_MONOTONIC_TIMESTAMP="2000000")
    files.install()

    record = log_with_journal.read(KernelQuery(boot_id=BEFORE)).records[0]

    assert (record.monotonic_us, record.unix_ns) == (2_000_000, BOOT_START_NS - 100_000_000_000_000 + 2_000_000_000)


def test_bytes_that_are_no_text_are_escaped(files: JournalFiles, log_with_journal: KernelLog):
    files.keep([97, 255, 10])
    files.install()

    assert messages(log_with_journal.read(KernelQuery(boot_id=BEFORE)).records) == [r"a\xff\x0a"]


def test_a_line_that_a_process_wrote_names_no_fault(files: JournalFiles, log_with_journal: KernelLog):
    files.keep(XID_79, SYSLOG_FACILITY="3")
    files.install()

    assert log_with_journal.read(KernelQuery(boot_id=BEFORE)).records[0].xid is None


def test_a_boot_that_is_not_kept_is_not_found(files: JournalFiles, log_with_journal: KernelLog):
    files.install()

    with pytest.raises(NotFound, match=BEFORE):
        log_with_journal.read(KernelQuery(boot_id="f" * 32))


def test_the_program_inherits_nothing_of_our_environment(
    files: JournalFiles, log_with_journal: KernelLog, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SENTINEL_NODE_TOKEN", "secret")
    files.install()

    log_with_journal.read(KernelQuery())

    assert files.environment() <= {"PWD", "OLDPWD", "SHLVL", "_", "PATH"}


def test_a_directory_and_a_window_are_handed_to_the_program(files: JournalFiles, tmp_path: Path):
    journal = Journal(tmp_path, programs=(files.install(),))

    journal.read(KernelQuery(1_000_000_000, 2_500_000_000))

    assert {f"--directory={tmp_path}", "--since=@1", "--until=@602", "_TRANSPORT=kernel"} <= set(files.arguments())


def test_a_program_that_hangs_is_ended_and_said_so(files: JournalFiles):
    files.words = "exec sleep 600"
    journal = Journal(programs=(files.install(),), deadline=timedelta(milliseconds=50))

    assert journal.read(KernelQuery()).missing == ["the journal was not read to its end within 0.05 s"]


def test_what_the_program_complains_of_is_passed_on(files: JournalFiles):
    files.words, files.boots = "echo No journal files were found. >&2", []
    journal = Journal(programs=(files.install(),))

    assert journal.read(KernelQuery()).missing == ["journalctl: No journal files were found."]
