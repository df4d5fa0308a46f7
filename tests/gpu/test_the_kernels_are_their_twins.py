"""The words that a GPU computes are those of the NumPy twin, bit for bit, on every SM."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.gpu.running import COMPUTE, differing, name_of, outputs, runs_on, twin_of

from sentinel_node.probes.majority import majority
from sentinel_node.probes.transcendental import TRANSCENDENTAL, reference
from sentinel_node.probes.variant import Variant

SETS = 8
SEEDS = (1, 2**63)
KNOWN = tuple(variant for variant in COMPUTE if variant.is_golden_known)


@pytest.mark.parametrize("variant", KNOWN, ids=name_of)
def test_words_and_checksum_are_the_twins_on_every_sm(variant: Variant, gpu) -> None:
    if not runs_on(variant, gpu.identity):
        pytest.skip(f"NOT TESTED ON A GPU: {variant.name} needs sm_{variant.since[0]}{variant.since[1]}")

    for seed in SEEDS:
        coverage = outputs(variant, gpu, seed, SETS)

        assert len(coverage.records) == gpu.sm_count
        assert list(differing(coverage, twin_of(variant, seed, SETS))) == []


def test_the_multi_function_units_of_all_sms_give_the_same_bits_and_again_the_same(gpu) -> None:
    (variant,) = TRANSCENDENTAL.variants

    first, again = outputs(variant, gpu, 3, SETS), outputs(variant, gpu, 3, SETS)

    common: Any = first.records[min(first.records)].output
    assert len(first.records) == gpu.sm_count
    assert list(differing(first, common)) + list(differing(again, common)) == []


def test_the_multi_function_unit_is_within_the_documented_error(gpu) -> None:
    (variant,) = TRANSCENDENTAL.variants
    records = outputs(variant, gpu, 3, SETS).records
    found = [record.output for record in records.values() if record.output is not None]

    voted = majority(np.stack(found))

    assert voted is not None
    assert reference(3, np.arange(SETS, dtype=np.uint64), voted).is_within.all()
