"""Probes keep to their share of the GPU's time: memory gives way first, and nothing ever stops."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.node_scheduling.gpu import MS, played

from sentinel_node.domain.probes import Finding, Outcome, ProbeKind, ProbePlan, ProbeReport
from sentinel_node.domain.schedule import DEFAULT, DEFAULT_BUDGET_PCT, Entry
from sentinel_node.scheduling.budget import Run, factors, gpu_s_of, overhead_pct, with_run

PERIODS = {entry.kind: entry.period_s for entry in DEFAULT}
FIRST, SECOND = (ProbeKind.MEMORY, ProbeKind.SHARED_MEMORY), (ProbeKind.FMA, ProbeKind.TENSOR_CORE)


def test_what_left_the_window_no_longer_counts():
    spent = with_run(with_run((), Run(0, 6.0)), Run(300, 3.0))

    assert [overhead_pct(spent, now_s) for now_s in (300, 599, 600, 900)] == [1.5, 1.5, 0.5, 0.0]


def test_the_sms_of_a_run_count_once_because_they_work_side_by_side():
    plan = ProbePlan(ProbeKind.TENSOR_CORE, "GPU-0")
    findings = [Finding(Outcome.PASS, sm, name, duration_ns=5 * MS) for sm in range(132) for name in ("bf16", "fp16")]

    assert gpu_s_of(ProbeReport(plan, tuple(findings), 132, 0, 99 * MS)) == 0.010


def test_a_run_that_hangs_counts_for_as_long_as_it_was_waited_for():
    plan = ProbePlan(ProbeKind.FMA, "GPU-0")

    assert gpu_s_of(ProbeReport(plan, (Finding(Outcome.TIMEOUT, None, ""),), 0, 0, 5500 * MS)) == 5.5


def test_within_the_budget_nothing_grows():
    assert set(factors(dict.fromkeys(PERIODS, 0.05), PERIODS, 2.0, 1.9).values()) == {1}


def test_memory_and_shared_memory_give_way_first():
    costs = dict.fromkeys(PERIODS, 0.1) | {ProbeKind.MEMORY: 9.0}

    grown = factors(costs, PERIODS, 2.0, 0.0)

    assert {kind for kind, factor in grown.items() if factor > 1} == set(FIRST)


def test_fma_and_tensor_core_are_stretched_where_that_is_not_enough():
    grown = factors({ProbeKind.FMA: 2.0, ProbeKind.MEMORY: 2.0}, PERIODS, 2.0, 0.0)

    assert {kind: factor for kind, factor in grown.items() if factor > 1} == {
        **dict.fromkeys(FIRST, 8),
        **dict.fromkeys(SECOND, 2),
    }


@given(st.dictionaries(st.sampled_from(list(ProbeKind)), st.floats(0, 1000)), st.floats(0, 10), st.floats(0, 100))
def test_nothing_ever_stops_and_who_gives_way_later_never_grows_more(costs, budget_pct, measured_pct):
    grown = factors(costs, PERIODS, budget_pct, measured_pct)

    assert max(grown.values()) <= 8
    assert grown[ProbeKind.MEMORY] >= grown[ProbeKind.FMA] >= grown[ProbeKind.AES] >= 1


@given(st.dictionaries(st.sampled_from(list(ProbeKind)), st.floats(0.001, 2.0)))
def test_what_is_planned_keeps_to_the_budget_unless_eight_times_is_not_enough(costs):
    grown = factors(costs, PERIODS, 2.0, 0.0)

    planned_pct = sum(100 * cost / PERIODS[kind] / grown[kind] for kind, cost in costs.items())
    assert planned_pct <= 2.0 or set(grown.values()) == {8}


def test_what_was_measured_above_the_budget_defers_memory_whatever_was_planned():
    assert [factors({}, PERIODS, 2.0, 2.1)[kind] for kind in (*FIRST, *SECOND)] == [8, 8, 1, 1]


def test_costly_probes_are_held_to_the_budget_in_every_window_and_all_go_on():
    gpu = played(budget_pct=DEFAULT_BUDGET_PCT, took_ns=1500 * MS)

    gpu.play(3 * 3600)

    spent = [Run(when, 1.5) for when, _ in gpu.ran]
    assert max(overhead_pct(tuple(spent[: place + 1]), one.ended_s) for place, one in enumerate(spent)) <= 2.0
    assert all(max(gpu.times(kind)) > gpu.now_s - 8 * PERIODS[kind] - 1 for kind in PERIODS)


def test_one_that_alone_exceeds_the_budget_runs_every_eighth_period():
    gpu = played((Entry(ProbeKind.FMA, 60),), budget_pct=0.1, took_ns=30_000 * MS)

    gpu.play(3600)

    times = gpu.times(ProbeKind.FMA)
    assert {round(after - before) for before, after in zip(times, times[1:], strict=False)} == {480}
