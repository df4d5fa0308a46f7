"""What probes take of a GPU, and which are run less often for it: decided without a gateway."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from sentinel_gateway.domain.overhead import (
    KINDS,
    NO_DEMAND,
    OWN,
    WINDOW_NS,
    Demand,
    Factors,
    Ran,
    decided,
    demand_of,
    overhead_pct,
    paces_of,
    planned,
    stretched_pct,
    with_ran,
)
from sentinel_gateway.domain.probes import ProbeType
from sentinel_gateway.model.overrides import PERIODS_S

NOW_NS = 1_800_000_000 * 10**9
FMA, TENSOR, AES, MEMORY, SHARED = (
    ProbeType.FMA,
    ProbeType.TENSOR_CORE,
    ProbeType.AES,
    ProbeType.MEMORY,
    ProbeType.SHARED_MEMORY,
)
PLAIN = (1.0,) * KINDS
DOCUMENTED_US = {1: 200, 2: 500, 3: 150, 4: 100, 5: 1000, 6: 50, 7: 80}
"""Per probe, by the contract; the shares of SMs of `default.yaml` beside it."""
COVERAGE = {1: 1.0, 2: 1.0, 3: 0.5, 4: 0.25, 5: 1.0, 6: 1.0, 7: 0.5}


def ran(at_ns: int, **seconds: float) -> Ran:
    """Executions of one moment, by name of the probe type."""
    spent_ns = [0] * KINDS
    for name, value in seconds.items():
        spent_ns[ProbeType[name]] = int(value * 1e9)
    return Ran(at_ns, at_ns, spent_ns)


def wants(**pct: float) -> tuple[Demand, ...]:
    """Demand by name of the probe type."""
    demand = list(NO_DEMAND)
    for name, value in pct.items():
        demand[ProbeType[name]] = Demand(value, NOW_NS)
    return tuple(demand)


def steps(factors: Factors) -> Mapping[str, int]:
    """Those that are stretched."""
    return {ProbeType(kind).name: factor for kind, factor in enumerate(factors) if factor > 1}


def test_six_seconds_within_ten_minutes_are_one_percent_of_a_gpu_that_they_hold():
    window = with_ran((), ran(NOW_NS, FMA=6), PLAIN, 1.0, NOW_NS)

    assert overhead_pct(window, NOW_NS) == pytest.approx(1.0)


def test_on_one_sm_of_132_alone_they_are_a_132th_of_it():
    window = with_ran((), ran(NOW_NS, FMA=6), PLAIN, 1 / 132, NOW_NS)

    assert overhead_pct(window, NOW_NS) == pytest.approx(1 / 132)


def test_the_documented_times_and_schedule_take_a_fifth_of_a_percent_of_132_sms():
    spent_s = {ProbeType(kind).name: us * 1e-6 * 132 * COVERAGE[kind] * 600 / PERIODS_S[kind]
               for kind, us in DOCUMENTED_US.items()}  # fmt: skip

    window = with_ran((), ran(NOW_NS, **spent_s), PLAIN, 1.0, NOW_NS)

    assert overhead_pct(window, NOW_NS) == pytest.approx(0.19, abs=0.005)


def test_what_ran_more_than_ten_minutes_ago_counts_no_more():
    window = with_ran((), ran(NOW_NS, FMA=6), PLAIN, 1.0, NOW_NS)

    later = with_ran(window, ran(NOW_NS + WINDOW_NS, FMA=3), PLAIN, 1.0, NOW_NS + WINDOW_NS)

    assert overhead_pct(window, NOW_NS + WINDOW_NS) == 0
    assert overhead_pct(later, NOW_NS + WINDOW_NS) == pytest.approx(0.5)


def test_results_that_come_late_count_when_they_ran():
    late = Ran(NOW_NS - 2 * WINDOW_NS, NOW_NS - WINDOW_NS, ran(NOW_NS, FMA=60).spent_ns)
    half = Ran(NOW_NS - WINDOW_NS // 2, NOW_NS, late.spent_ns)

    assert with_ran((), late, PLAIN, 1.0, NOW_NS) == ()
    assert len(with_ran((), half, PLAIN, 1.0, NOW_NS)) == 4


def test_no_agent_can_say_more_than_all():
    window = with_ran((), ran(NOW_NS, FMA=1e9), PLAIN, 1.0, NOW_NS)

    assert overhead_pct(window, NOW_NS) == 100


def test_demand_is_that_of_the_gpu_on_which_probes_take_most():
    windows = [with_ran((), ran(NOW_NS, **spent), PLAIN, 1.0, NOW_NS) for spent in ({"FMA": 6}, {"MEMORY": 12})]

    demand = demand_of(windows, NO_DEMAND, OWN, NOW_NS)

    assert {kind: one.pct for kind, one in enumerate(demand) if one.pct} == {MEMORY: pytest.approx(2.0)}


@pytest.mark.parametrize(
    ("kind", "period_s", "counts"),
    [(FMA, 60, 1.0), (FMA, 240, 4.0), (FMA, 6, 0.1), (MEMORY, 600, 1.0), (MEMORY, 4800, 1.0)],
    ids=["own", "stretched", "closer", "slow", "slow and stretched"],
)
def test_an_execution_counts_for_those_that_an_override_left_out(kind, period_s, counts):
    assert paces_of({kind: period_s}, PERIODS_S)[kind] == pytest.approx(counts)


def test_a_deferred_probe_costs_what_it_cost_before_until_it_runs_again():
    before, factors = wants(MEMORY=3.0), planned(wants(MEMORY=3.0), 1.0)

    soon = demand_of([], before, factors, NOW_NS + WINDOW_NS)
    never = demand_of([], before, factors, NOW_NS + 10 * WINDOW_NS)

    assert (soon[MEMORY].pct, never[MEMORY].pct) == (3.0, 0.0)


@pytest.mark.parametrize(
    ("demand", "expected"),
    [
        (wants(FMA=1.0, MEMORY=0.9), {}),
        (wants(FMA=1.0, MEMORY=1.1), {"MEMORY": 2, "SHARED_MEMORY": 2}),
        (wants(FMA=1.5, MEMORY=2.0), {"MEMORY": 8, "SHARED_MEMORY": 8}),
        (wants(FMA=3.0, MEMORY=0.8), {"MEMORY": 8, "SHARED_MEMORY": 8, "FMA": 2, "TENSOR_CORE": 2}),
    ],
    ids=["within", "a little above", "more", "FMA"],
)
def test_memory_probes_are_deferred_first_and_arithmetic_is_stretched_only_then(demand, expected):
    assert steps(decided(demand, 2.0, OWN, may_ease=True)) == expected


def test_nothing_is_ever_stopped_whatever_it_costs():
    factors = decided(wants(FMA=90.0, AES=90.0), 0.0, OWN, may_ease=True)

    assert set(factors[1:]) == {8}


def test_a_step_is_not_taken_back_before_four_fifths_of_the_budget_are_kept_without_it():
    held = decided(wants(MEMORY=2.2), 2.0, OWN, may_ease=True)
    kept, eased = wants(MEMORY=1.7), wants(MEMORY=1.6)

    assert steps(held) == {"MEMORY": 2, "SHARED_MEMORY": 2}
    assert decided(kept, 2.0, held, may_ease=True) == held
    assert decided(eased, 2.0, held, may_ease=False) == held
    assert decided(eased, 2.0, held, may_ease=True) == OWN


def test_between_both_thresholds_nothing_is_done_and_undone_in_turns():
    factors = OWN
    seen = set()
    for pct in (2.1, 1.9, 2.1, 1.9, 2.1):
        factors = decided(wants(TENSOR_CORE=pct), 2.0, factors, may_ease=True)
        seen.add(factors)

    assert len(seen) == 1
    assert stretched_pct(wants(TENSOR_CORE=2.1), factors) < 2.0
