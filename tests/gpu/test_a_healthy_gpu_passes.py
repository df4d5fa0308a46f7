"""Every kind reaches every SM of a real GPU, and a healthy one passes with every seed."""

from __future__ import annotations

import os

import pytest
from tests.gpu.running import COMPUTE, PINNED, PROVEN, light_runs, name_of, plan_of, run, runs_on, uncovered

from sentinel_node.domain.probes import Outcome, ProbeKind
from sentinel_node.probes.variant import Variant

SEEDS = (0, 1, 2**32, 2**64 - 1, *range(100, 116))
RUNS = int(os.environ.get("GCM_TEST_GPU_RUNS", "1000"))


def test_the_driver_names_the_gpu(identity) -> None:
    assert identity.uuid.startswith("GPU-")
    assert identity.compute_capability >= (8, 0)
    assert identity.memory_bytes > 0


@pytest.mark.parametrize("kind", PINNED)
def test_every_sm_is_covered_once(kind: ProbeKind, gpu) -> None:
    for variant in PROVEN:
        if variant.kind is kind and runs_on(variant, gpu.identity):
            assert uncovered(run(plan_of(variant, gpu), gpu)) == "", variant.name


@pytest.mark.parametrize("variant", PROVEN, ids=name_of)
def test_a_variant_passes_with_every_seed(variant: Variant, gpu) -> None:
    if not runs_on(variant, gpu.identity):
        pytest.skip(f"NOT TESTED ON A GPU: {variant.name} needs sm_{variant.since[0]}{variant.since[1]}")

    outcomes = {seed: run(plan_of(variant, gpu, seed=seed), gpu).outcome for seed in SEEDS}

    assert {seed: outcome for seed, outcome in outcomes.items() if outcome is not Outcome.PASS} == {}


@pytest.mark.timeout(3600)
def test_a_thousand_light_runs_bring_no_false_failure(gpu, tell) -> None:
    able = tuple(variant for variant in PROVEN if runs_on(variant, gpu.identity))

    found = light_runs(gpu, RUNS, able)

    tell(f"on {gpu.identity.model}: {found}")
    assert found.not_passed == ()
    assert found.runs == RUNS
    assert len(COMPUTE) < len(able)
