"""The cases of `gcm-sentinel eval` and their running: every scenario times every seed through the real stack."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from gcm_sentinel.app.eval_case import Manner, Result, without
from gcm_sentinel.app.eval_workers import MayGoOn, always, run_in_turn, run_side_by_side
from gcm_sentinel.app.simulated import Case
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.evals.case_record import Key
from gcm_sentinel.evals.expectation import parse
from sentinel_fleet.scenario import Scenario

OnCase = Callable[[Result], None]
_MOST_JOBS = 8


def cases(
    scenarios: Sequence[Scenario], seeds: int, *, variants: bool, settings: tuple[tuple[str, Any], ...] = ()
) -> tuple[Case, ...]:
    """Every scenario (and variant) under seeds 1..`seeds`, with `settings` of the agent over the operator's."""
    return tuple(
        Case(scenario, seed, variant, settings)
        for scenario in scenarios
        for variant in (None, *(scenario.variants if variants else ()))
        for seed in range(1, seeds + 1)
    )


def key_of(case: Case) -> Key:
    """What makes it the same case in another run."""
    return (case.scenario.id, case.variant or "", case.seed, without(case))


def check(chosen: Sequence[Case]) -> None:
    """Refuse scenarios whose answer sheet cannot be used, before anything is run.

    Raises:
        BadConfiguration: an unknown class, action, key or pattern under `expect`, or two scenarios of one id; the
            message names the scenario.
    """
    first = {case.name: case for case in reversed(chosen)}
    for case in first.values():
        parse(case.world().expect, where=case.name)
    counts = Counter(map(key_of, chosen))
    twice = sorted({key[0] for key, count in counts.items() if count > 1})
    if twice:
        raise BadConfiguration(f"several scenarios have the id {', '.join(map(repr, twice))}: run them apart")


async def evaluate(
    chosen: Sequence[Case],
    how: Manner,
    *,
    jobs: int = 1,
    on_case: OnCase = lambda _: None,
    may_go_on: MayGoOn = always,
) -> tuple[Result, ...]:
    """Run and score each case, `jobs` at a time; one that cannot be run is a failed case with a reason.

    One at a time, they run in this process. `on_case` hears of each when it is done. The results are in the order of
    the cases; those that were not begun because `may_go_on` said no are missing.
    """
    found: dict[int, Result] = {}

    def done(place: int, result: Result) -> None:
        found[place] = result
        on_case(result)

    if jobs == 1 or len(chosen) == 1:
        await run_in_turn(chosen, how, done, may_go_on)
    else:
        await run_side_by_side(chosen, how, jobs, done, may_go_on)
    return tuple(found[place] for place in sorted(found))


def usual_jobs() -> int:
    """One for each processor we may use; never more than eight, because each holds half a gigabyte."""
    return min(_MOST_JOBS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class Stopwatch:
    """Wall time of a run."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def wall_s(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._started
