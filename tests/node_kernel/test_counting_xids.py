"""Xids become metrics, each line once."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.node_kernel.conftest import XID_79, KernelBuffer
from tests.node_scheduling.workers import Remembered

from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.metrics import KERNEL_LOST_LINES, KERNEL_SXIDS, KERNEL_XIDS
from sentinel_node.kernel.counting import Counted, XidCounter
from sentinel_node.kernel.journal import Journal
from sentinel_node.kernel.log import KernelLog

GPU = GpuIdentity("GPU-1", 0, "0000:9b:00.0", "NVIDIA H100 80GB HBM3")
PLACE = GPU.pci_bus_id


@pytest.fixture
def metrics() -> Remembered:
    return Remembered()


def counter(metrics: Remembered, folder: Path) -> XidCounter:
    made = XidCounter(metrics, Counted(folder / "state" / "counted.json"))
    made.know([GPU])
    return made


def test_an_xid_is_counted_by_gpu_and_number(buffer, log, metrics, tmp_path):
    log.listen(counter(metrics, tmp_path).heard)
    buffer.print(XID_79, "something else", XID_79)

    log.take_in(100)

    assert metrics.values == {(KERNEL_XIDS, "GPU-1", PLACE, "79"): 2}


def test_all_lines_of_a_storm_are_counted(buffer, log, metrics, tmp_path):
    log.listen(counter(metrics, tmp_path).heard)
    buffer.print(*[XID_79] * 50, at_us=7_000_000)

    log.take_in(100)

    assert metrics.values[KERNEL_XIDS, "GPU-1", PLACE, "79"] == 50


def test_a_gpu_that_the_driver_never_listed_is_counted_by_its_place(buffer, log, metrics, tmp_path):
    log.listen(counter(metrics, tmp_path).heard)
    buffer.print(XID_79.replace("9b", "1b"))

    log.take_in(100)

    assert metrics.values == {(KERNEL_XIDS, "", "0000:1b:00.0", "79"): 1}


def test_an_sxid_and_lost_lines_are_counted(buffer, log, metrics, tmp_path):
    log.listen(counter(metrics, tmp_path).heard)
    buffer.print("one")
    buffer.lose(7)
    buffer.print("nvidia-nvswitch3: SXid (PCI:0000:c1:00.0): 12028, Non-fatal, Link 32 egress")

    log.take_in(100)

    assert metrics.values == {(KERNEL_LOST_LINES,): 7, (KERNEL_SXIDS, "0000:c1:00.0", "12028"): 1}


def test_an_agent_that_starts_again_counts_only_what_is_new(buffer: KernelBuffer, boot_id, metrics, tmp_path):
    first, second = (KernelLog(Journal(programs=()), buffer.path, boot_id) for _ in range(2))
    first.listen(counter(Remembered(), tmp_path).heard)
    buffer.print(XID_79)
    first.take_in(100)
    first.close()

    second.listen(counter(metrics, tmp_path).heard)
    buffer.sequence = 0  # the kernel gives the oldest line it keeps to whoever opens it
    buffer.print(XID_79, XID_79)
    second.take_in(100)
    second.close()

    assert metrics.values[KERNEL_XIDS, "GPU-1", PLACE, "79"] == 1


def test_a_storm_that_was_read_before_anybody_listened_is_not_counted_again(buffer, boot_id, metrics, tmp_path):
    first, second = (KernelLog(Journal(programs=()), buffer.path, boot_id) for _ in range(2))
    buffer.print(*[XID_79] * 50, at_us=7_000_000)
    first.take_in(100)
    first.listen(counter(Remembered(), tmp_path).heard)
    first.close()

    second.listen(counter(metrics, tmp_path).heard)
    buffer.sequence = 0
    buffer.print(*[XID_79] * 51, at_us=7_000_000)
    second.take_in(100)
    second.close()

    assert metrics.values == {(KERNEL_XIDS, "GPU-1", PLACE, "79"): 1}


def test_what_is_heard_before_the_gpus_are_known_is_counted_by_their_names(buffer, log, metrics, tmp_path):
    early = XidCounter(metrics, Counted(tmp_path / "counted.json"))
    log.listen(early.heard)
    buffer.print(XID_79)
    log.take_in(100)

    early.know([GPU])

    assert metrics.values == {(KERNEL_XIDS, "GPU-1", PLACE, "79"): 1}


def test_another_boot_counts_from_its_start(buffer, log, metrics, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "counted.json").write_text('["another boot", 5000]')
    log.listen(counter(metrics, tmp_path).heard)
    buffer.print(XID_79)

    log.take_in(100)

    assert metrics.values[KERNEL_XIDS, "GPU-1", PLACE, "79"] == 1


def test_where_nothing_can_be_kept_it_counts_and_says_so_once(buffer, log, metrics, tmp_path):
    (tmp_path / "state").write_text("no folder")
    log.listen(counter(metrics, tmp_path).heard)

    with capture_logs() as logs:
        for _ in range(2):
            buffer.print(XID_79)
            log.take_in(100)

    assert [entry["event"] for entry in logs] == ["kernel_log.count_not_kept"]
    assert metrics.values[KERNEL_XIDS, "GPU-1", PLACE, "79"] == 2
