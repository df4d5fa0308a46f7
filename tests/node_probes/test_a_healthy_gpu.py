"""A GPU without a fault passes every probe, whatever the seed."""

from __future__ import annotations

import pytest
from tests.node_probes.gpus import COMPUTE, VARIANTS, gpu, name_of, plan, run, runner

from sentinel_node.domain.probes import Outcome, ProbeKind, ProbePlan
from sentinel_node.probes.catalogue import PROBES
from sentinel_node.probes.variant import Variant


@pytest.mark.parametrize("variant", VARIANTS, ids=name_of)
def test_every_sm_passes(variant: Variant) -> None:
    report = run(plan(variant, repetitions=1), sm_count=4)

    assert [(each.sm, each.outcome) for each in report.findings] == [(sm, Outcome.PASS) for sm in range(4)]
    assert report.outcome is Outcome.PASS


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("variant", VARIANTS, ids=name_of)
def test_no_seed_makes_a_false_failure(variant: Variant) -> None:
    seeds = [0, 1, 2**32, 2**63, 2**64 - 1, *range(1000, 1035)]

    reports = [run(plan(variant, seed=seed, repetitions=4), sm_count=3) for seed in seeds]

    assert {report.outcome for report in reports} == {Outcome.PASS}


def test_what_passed_has_the_right_output_s_hash() -> None:
    report = run(plan(VARIANTS[0]))

    assert {(each.actual_hash == each.expected_hash, len(each.actual_hash)) for each in report.findings} == {(True, 32)}


def test_another_seed_gives_another_output() -> None:
    first, second = (run(plan(VARIANTS[0], seed=seed)).findings[0] for seed in (1, 2))

    assert first.expected_hash != second.expected_hash


@pytest.mark.slow
@pytest.mark.parametrize("kind", COMPUTE)
def test_a_plan_without_a_variant_runs_all_that_the_gpu_can(kind: ProbeKind) -> None:
    report = runner().run(ProbePlan(kind, "GPU-1"), gpu(sm_count=3))

    assert {each.variant for each in report.findings} == {
        variant.name for variant in PROBES[kind].variants if variant.is_proven
    }
    assert report.outcome is Outcome.PASS
