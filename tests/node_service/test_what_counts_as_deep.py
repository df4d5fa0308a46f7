"""Which probes may take more of a GPU than a light run does by itself, and so need leave and an idle GPU."""

from __future__ import annotations

import pytest
from tests.node_service.doubles import sample

from sentinel_node.domain.errors import Refused
from sentinel_node.domain.permission import (
    LIGHT_MEMORY_ROUNDS,
    LIGHT_REPETITIONS,
    Allowed,
    check_allowed,
    check_idle,
    needs_idle_gpu,
)
from sentinel_node.domain.probes import Depth, ProbeKind, ProbePlan
from sentinel_node.probes.catalogue import variants

BUSY = sample(utilization_pct=100.0, compute_processes=(4711,))
BEYOND = [
    ProbePlan(ProbeKind.MEMORY, "GPU-1", memory_share=0.01),
    ProbePlan(ProbeKind.MEMORY, "GPU-1", repetitions=LIGHT_MEMORY_ROUNDS + 1),
    ProbePlan(ProbeKind.FMA, "GPU-1", repetitions=LIGHT_REPETITIONS + 1),
    ProbePlan(ProbeKind.FMA, "GPU-1", soak_s=1.0),
    ProbePlan(ProbeKind.FMA, "GPU-1", depth=Depth.DEEP),
]
WITHIN = [
    ProbePlan(ProbeKind.MEMORY, "GPU-1", repetitions=LIGHT_MEMORY_ROUNDS),
    ProbePlan(ProbeKind.FMA, "GPU-1", repetitions=LIGHT_REPETITIONS),
    ProbePlan(ProbeKind.FMA, "GPU-1", memory_share=1.0),
]


@pytest.mark.parametrize("plan", BEYOND, ids=["memory share", "memory rounds", "repetitions", "soak", "deep"])
def test_more_than_a_light_run_takes_is_deep(plan):
    with pytest.raises(Refused, match="probes: deep"):
        check_allowed(plan, Allowed.LIGHT)
    with pytest.raises(Refused, match="4711"):
        check_idle(plan, BUSY, frozenset())
    check_allowed(plan, Allowed.DEEP)


@pytest.mark.parametrize("plan", WITHIN, ids=["memory round", "repetitions", "a share that the kind ignores"])
def test_as_much_as_a_light_run_takes_is_light(plan):
    check_allowed(plan, Allowed.LIGHT)
    assert not needs_idle_gpu(plan)


def test_no_probe_runs_more_by_itself_in_a_light_run_than_counts_as_light():
    light = {(variant.kind, variant.light.repetitions) for variant in variants()}

    assert max(count for kind, count in light if kind is not ProbeKind.MEMORY) == LIGHT_REPETITIONS
    assert max(count for kind, count in light if kind is ProbeKind.MEMORY) == LIGHT_MEMORY_ROUNDS
