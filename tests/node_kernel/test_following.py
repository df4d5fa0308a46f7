"""The kernel's buffer is read all the time, and what comes is told to whoever listens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.node_kernel.conftest import XID_79, KernelBuffer

from sentinel_node.domain.errors import Unavailable
from sentinel_node.domain.kernel import KernelQuery, KernelRecord
from sentinel_node.kernel.following import followed
from sentinel_node.kernel.journal import Journal
from sentinel_node.kernel.log import KernelLog


@dataclass
class Heard:
    """What a listener was told."""

    messages: list[str] = field(default_factory=list)
    lost_lines: int = 0

    def hear(self, records: Sequence[KernelRecord], lost_lines: int) -> None:
        self.messages += [record.message for record in records]
        self.lost_lines += lost_lines


@pytest.fixture
def heard(log: KernelLog) -> Heard:
    heard = Heard()
    log.listen(heard.hear)
    return heard


def test_lines_are_taken_in_though_nobody_asks(buffer: KernelBuffer, log: KernelLog, heard: Heard):
    with followed(log):
        buffer.print(XID_79, "after")
        _until(lambda: len(heard.messages) == 2)

    assert heard.messages == [XID_79, "after"]


def test_what_was_followed_is_read_after_the_kernel_overwrote_it(buffer: KernelBuffer, log: KernelLog, heard: Heard):
    with followed(log):
        buffer.print(XID_79)
        _until(lambda: bool(heard.messages))
        buffer.lose(1_000)
        buffer.print("much later", at_us=9_000_000)
        _until(lambda: len(heard.messages) == 2)

    assert [record.message for record in log.read(KernelQuery()).records] == [XID_79, "much later"]
    assert heard.lost_lines == 1_000


def test_lines_from_before_the_first_look_are_not_lost(buffer: KernelBuffer, log: KernelLog, heard: Heard):
    buffer.lose(70_000)
    buffer.print("the oldest that the kernel keeps")

    log.take_in(10)

    assert heard.lost_lines == 0


def test_a_listener_that_comes_late_hears_what_memory_holds_once(buffer: KernelBuffer, log: KernelLog):
    buffer.print("one")
    log.read(KernelQuery())
    late = Heard()

    log.listen(late.hear)
    buffer.print("two")
    log.read(KernelQuery())

    assert late.messages == ["one", "two"]


def test_a_storm_is_taken_in_at_a_pace(buffer: KernelBuffer, log: KernelLog, heard: Heard):
    buffer.print(*(f"line {number}" for number in range(150)))

    with followed(log, most_a_second=500):
        _until(lambda: bool(heard.messages))
        began = time.monotonic()
        buffer.print("last")
        _until(lambda: heard.messages[-1] == "last")

    assert time.monotonic() - began > 0.1


def test_the_end_is_at_once_and_leaves_no_open_file(buffer: KernelBuffer, log: KernelLog):
    before = _open_files(buffer.path)
    following = threading.Event()

    with followed(log, lambda _: following.set()):
        following.wait(30)

    assert _open_files(buffer.path) == before
    assert "kernel-log" not in {thread.name for thread in threading.enumerate()}


def test_without_the_kernels_buffer_it_is_said_that_nothing_is_followed(tmp_path: Path, boot_id: Path):
    log = KernelLog(Journal(programs=()), tmp_path / "none", boot_id)
    told: list[bool] = []

    with capture_logs() as logs, followed(log, told.append):
        _until(lambda: bool(logs))

    assert told == [False]
    assert (logs[0]["event"], "CAP_SYSLOG" in logs[0]["reason"]) == ("kernel_log.not_followed", True)


def test_a_listener_that_fails_ends_the_following_aloud(buffer: KernelBuffer, log: KernelLog):
    def hear(records: Sequence[KernelRecord], lost_lines: int) -> None:
        raise RuntimeError(f"{len(records)} records, {lost_lines} lost")

    log.listen(lambda records, lost: hear(records, lost) if records else None)
    told: list[bool] = []

    with capture_logs() as logs, followed(log, told.append):
        buffer.print(XID_79)
        _until(lambda: bool(logs))

    assert told == [True, False]
    assert (logs[0]["event"], logs[0]["log_level"]) == ("kernel_log.not_followed", "error")


def test_a_closed_log_takes_in_nothing_more(log: KernelLog):
    log.close()

    with pytest.raises(Unavailable, match="closed"):
        log.take_in(1)


def _until(is_so: Callable[[], bool]) -> None:
    """Wait until a thread has brought it about."""
    ends = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < ends, "it did not come about"
        time.sleep(0.002)


def _open_files(path: Path) -> int:
    """How often this process has the buffer open."""
    return sum(link.is_symlink() and link.readlink() == path for link in Path("/proc/self/fd").iterdir())
