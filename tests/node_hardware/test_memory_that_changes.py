"""Memory that changes between launches, on the software GPU: found as it must be on a real one."""

from __future__ import annotations

import pytest
from tests.gpu.memory_faults import FaultyMemory
from tests.gpu.running import plan_of, run
from tests.gpu.test_memory_faults_are_found import (  # noqa: F401 - the same tests, on the GPU that is given here
    test_a_bit_that_flips_once_is_told_with_address_and_bit,
    test_a_stretch_that_is_overwritten_is_told_with_where_it_begins,
    test_a_stuck_bit_is_told_with_address_and_bit,
    test_two_addresses_of_one_cell_are_found_at_one_of_them,
)
from tests.node_probes_memory.gpus import small_gpu

from sentinel_node.domain.probes import Outcome
from sentinel_node.probes.memory import MEMORY


@pytest.fixture
def gpu():
    return small_gpu()


def test_memory_that_does_not_change_passes(gpu):
    (variant, *_) = MEMORY.variants

    assert run(plan_of(variant, gpu), FaultyMemory(gpu)).outcome is Outcome.PASS
