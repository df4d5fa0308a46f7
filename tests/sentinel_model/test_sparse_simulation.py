"""The simulation draws failures only. It comes to the same trails and verdicts as one that runs every result."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sentinel_model.given import FAIL, PASS, quick

from gcm_sentinel.evals.bench.reliability.counting import with_passes, with_sweep
from gcm_sentinel.evals.bench.reliability.faults import successes
from gcm_sentinel.evals.bench.reliability.fleet import fleet_of, phase_s
from gcm_sentinel.evals.bench.reliability.judging import Judge
from gcm_sentinel.evals.bench.reliability.schedule import CYCLE_TICKS, Schedule, time_of
from sentinel_gateway.domain.bursts import WHOLE, Trails, extended
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.model.settings import ModelSettings
from sentinel_gateway.model.verdicts import Case, Step, Surroundings, verdict

SMALL = Schedule(sms=8)
MINUTE_NS = 60_000_000_000
RESULTS = SMALL.results_before(WHOLE, 60)


def _dense_sweep(trails, tick, failed, phase=0.0):
    return extended(
        trails,
        [
            (slot.sm_id, slot.probe_type, FAIL if slot[1:] in failed else PASS, time_of(tick, rank, phase))
            for rank, slot in enumerate(SMALL.sweep(tick))
        ],
    )


def _by_tick(indices):
    slots = [SMALL.slot_of(WHOLE, index) for index in sorted(indices)]
    return {tick: list(own) for tick, own in groupby(slots, key=lambda slot: slot.tick)}


@quick
@given(st.sets(st.integers(0, RESULTS - 1), max_size=60))
def test_trails_are_those_of_every_single_result(indices):
    failed = _by_tick(indices)
    dense: Trails = {}
    sparse: Trails = {}

    for tick in range(60):
        dense = _dense_sweep(dense, tick, {slot[1:] for slot in failed.get(tick, ())})
        quiet = with_passes(sparse, SMALL, tick, tick + 1)
        sparse = with_sweep(sparse, SMALL, failed[tick]) if tick in failed else quiet

    assert sparse == dense


def test_quiet_minutes_may_be_counted_together():
    trails = with_sweep({}, SMALL, [SMALL.slot_of(WHOLE, 3)])
    one_by_one = trails
    for tick in range(1, 400):
        one_by_one = with_passes(one_by_one, SMALL, tick, tick + 1)

    assert with_passes(trails, SMALL, 1, 400) == one_by_one


def _dense_quarantines(gpus, failed, ticks):
    taken: dict[int, tuple[int, int | None]] = {}
    trails: list[Trails] = [{} for _ in gpus]
    for tick in range(ticks):
        for number, gpu in enumerate(gpus):
            slots = failed[number].get(tick, ())
            trails[number] = _dense_sweep(trails[number], tick, {slot[1:] for slot in slots}, phase_s(gpu))
            case = Case(HealthState.HEALTHY, 0, trails[number], (), SMALL.sms)
            found = verdict(case, Surroundings(), time_of(tick, 0, phase_s(gpu)), ModelSettings())
            if found.step is Step.QUARANTINE:
                taken.setdefault(number, (tick, found.sm_id))
    return taken


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rate", [0.003, 0.02, 0.1, 1.0])
def test_a_small_fleet_loses_the_same_gpu_at_the_same_time_for_the_same_sm(rate, seed):
    random, gpus, ticks = Random(seed), fleet_of(4), 240  # noqa: S311 - a simulation
    failed = _by_tick(successes(rate, random, 0, SMALL.results_before(WHOLE, ticks)))
    judge = Judge(gpus, SMALL, ModelSettings())

    for tick in sorted(failed):
        judge.report({2: failed[tick]} if judge.works(2) else {})

    taken = [one for one in judge.done if one.step is Step.QUARANTINE]
    assert {one.number: (one.time_ns // MINUTE_NS, one.sm_id) for one in taken} == _dense_quarantines(
        gpus, [{}, {}, failed, {}], ticks
    )


def test_failures_are_drawn_as_often_as_they_should_be():
    drawn = sum(1 for _ in successes(0.001, Random(1), 0, 1_000_000))  # noqa: S311 - a simulation

    assert 900 < drawn < 1100


def test_every_result_is_as_likely_to_be_drawn():
    random = Random(2)  # noqa: S311 - a simulation
    counts = Counter(index for _ in range(4000) for index in successes(0.3, random, 0, 10))

    assert all(1050 < counts[index] < 1350 for index in range(10))


def test_the_schedule_is_the_documented_one():
    schedule = Schedule()
    an_hour = Counter(slot.probe_type for tick in range(60) for slot in schedule.sweep(tick))

    assert [an_hour[kind] // 132 for kind in range(1, 8)] == [60, 60, 15, 3, 6, 30, 6]
    assert schedule.results_before(WHOLE, 24 * 60) == 570_240


@pytest.mark.parametrize("key", [WHOLE, 0, 3])
def test_the_results_of_a_key_are_numbered_without_gaps(key):
    slots = [SMALL.slot_of(key, index) for index in range(SMALL.results_before(key, 2 * CYCLE_TICKS))]
    run = [slot for tick in range(2 * CYCLE_TICKS) for slot in SMALL.sweep(tick) if key in (WHOLE, slot.sm_id)]

    assert slots == run
