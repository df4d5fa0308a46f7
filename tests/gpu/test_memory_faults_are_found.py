"""Memory of a real GPU whose content changes between launches: found, with the address and the bit."""

from __future__ import annotations

import pytest
from tests.gpu.memory_faults import Alias, FaultyMemory, FlippedBit, Overwritten, StuckBit
from tests.gpu.running import plan_of, run

from sentinel_node.domain.probes import Outcome
from sentinel_node.probes.memory import MEMORY
from sentinel_node.probes.memory_plan import UNIT_BYTES

OFFSET, BIT = 5 * UNIT_BYTES + 4 * 37, 9
WRITTEN = 16
"""Launches after which all groups were written, and none was read yet."""
each_test = pytest.mark.parametrize("variant", MEMORY.variants, ids=lambda variant: variant.name)


def failed(variant, gpu, upset):
    device = FaultyMemory(gpu, upset)
    report = run(plan_of(variant, gpu), device)
    (found,) = (finding for finding in report.findings if finding.outcome is Outcome.FAIL)
    return found, device.tested


@pytest.mark.parametrize("value", [0, 1])
@each_test
def test_a_stuck_bit_is_told_with_address_and_bit(variant, value, gpu) -> None:
    found, tested = failed(variant, gpu, StuckBit(OFFSET, BIT, value))

    assert (found.mismatch.device_address, found.mismatch.bits) == (tested.address + OFFSET, (BIT,))
    assert found.mismatch_bits == 1 << BIT
    assert (found.sm, found.reason.partition(":")[0]) == (None, "memory")


@each_test
def test_a_bit_that_flips_once_is_told_with_address_and_bit(variant, gpu) -> None:
    found, tested = failed(variant, gpu, FlippedBit(launch=WRITTEN, offset=OFFSET, bit=BIT))

    assert (found.mismatch.device_address, found.mismatch.bits) == (tested.address + OFFSET, (BIT,))


@each_test
def test_a_stretch_that_is_overwritten_is_told_with_where_it_begins(variant, gpu) -> None:
    words = 3 * UNIT_BYTES // 4
    found, tested = failed(variant, gpu, Overwritten(launch=WRITTEN, offset=5 * UNIT_BYTES, words=words))

    assert tested.address + 5 * UNIT_BYTES <= found.mismatch.device_address < tested.address + 8 * UNIT_BYTES
    assert found.mismatch_words > words // 2


@each_test
def test_two_addresses_of_one_cell_are_found_at_one_of_them(variant, gpu) -> None:
    alias = Alias(OFFSET)
    found, tested = failed(variant, gpu, alias)

    assert found.mismatch.device_address - tested.address in (OFFSET, alias.other(tested))
