"""A storm of one line costs a few lines and a count; memory stays bounded."""

from __future__ import annotations

from tests.node_kernel.conftest import BOOT, KernelBuffer

from sentinel_node.domain.kernel import KernelQuery, KernelRecord
from sentinel_node.kernel.folding import MOST_A_SECOND
from sentinel_node.kernel.log import KernelLog
from sentinel_node.kernel.ring import Ring

LINE_BYTES = 500
"""What a line of 100 characters takes in memory."""


def _mmu_fault(pid: int, gpu: str = "9b") -> str:
    return f"NVRM: Xid (PCI:0000:{gpu}:00): 31, pid={pid}, name=python3, Ch {pid:08x}"


def test_the_first_of_a_second_are_kept_and_the_rest_is_counted_on_the_last_kept(buffer: KernelBuffer, log: KernelLog):
    buffer.print(*(_mmu_fault(pid) for pid in range(50)), at_us=7_000_000)

    records = log.read(KernelQuery()).records

    assert len(records) == MOST_A_SECOND
    assert [record.folded for record in records] == [0] * (MOST_A_SECOND - 1) + [50 - MOST_A_SECOND]


def test_another_gpus_line_in_the_storm_is_kept(buffer: KernelBuffer, log: KernelLog):
    buffer.print(*(_mmu_fault(pid) for pid in range(50)), _mmu_fault(9, gpu="1b"), at_us=7_000_000)

    assert log.read(KernelQuery()).records[-1].pci_bus_id == "0000:1b:00.0"


def test_the_next_second_starts_anew(buffer: KernelBuffer, log: KernelLog):
    buffer.print(*(_mmu_fault(pid) for pid in range(50)), at_us=7_000_000)
    buffer.print(_mmu_fault(51), at_us=8_000_000)

    assert log.read(KernelQuery()).records[-1].monotonic_us == 8_000_000


def test_folded_lines_are_not_lost_lines(buffer: KernelBuffer, log: KernelLog):
    buffer.print(*(_mmu_fault(pid) for pid in range(50)), at_us=7_000_000)

    assert log.read(KernelQuery()).lost_lines == 0


def test_memory_forgets_the_oldest_and_counts_them_as_lost():
    ring = Ring(most_bytes=3 * LINE_BYTES)

    for second in range(10):
        ring.add(_record(second))

    assert [record.sequence for record in ring.records()] == [7, 8, 9]
    assert (ring.lost_after(0), ring.lost_after(7_000_000_000)) == (7, 0)


def test_what_was_folded_into_a_forgotten_line_is_lost_with_it():
    ring = Ring(most_bytes=MOST_A_SECOND * LINE_BYTES)
    for sequence in range(30):
        ring.add(_record(0, sequence))

    for second in range(1, MOST_A_SECOND + 1):
        ring.add(_record(second, 29 + second))

    assert ring.lost_after(0) == 30


def test_no_lost_line_is_forgotten_in_a_storm_with_a_thousand_gaps():
    ring = Ring(most_bytes=10 * LINE_BYTES)

    for second in range(3000):
        ring.add(_record(second, sequence=2 * second + 1))

    assert ring.lost_after(0) == 6000 - len(ring.records())
    assert ring.lost_after(ring.records()[0].unix_ns) == len(ring.records()) - 1


def test_of_too_many_gaps_between_kept_lines_the_oldest_become_one():
    ring = Ring()

    for second in range(1500):
        ring.add(_record(second, sequence=2 * second + 1))

    assert (ring.lost_after(0), ring.lost_after(1_400_000_000_000)) == (1500, 99)


def test_long_lines_leave_room_for_fewer():
    ring = Ring(most_bytes=3 * LINE_BYTES)

    for second in range(10):
        ring.add(_record(second, length=1000))

    assert [record.sequence for record in ring.records()] == [9]


def _record(second: int, sequence: int | None = None, length: int = 100) -> KernelRecord:
    number = second if sequence is None else sequence
    words = f"line {number}".ljust(length)
    return KernelRecord(BOOT, number, second * 1_000_000, second * 1_000_000_000, 6, words, "kmsg")
