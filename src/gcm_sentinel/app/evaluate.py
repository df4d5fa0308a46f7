"""`gcm-sentinel eval`: every scenario times every seed through the real stack, scored mechanically."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gcm_sentinel import __version__
from gcm_sentinel.app.eval_case import Manner, Result
from gcm_sentinel.app.eval_workers import run_in_turn, run_side_by_side
from gcm_sentinel.app.simulated import Case
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.evals.expectation import parse
from gcm_sentinel.evals.score import as_json
from gcm_sentinel.evals.statistics import Share, median, wilson
from sentinel_fleet.scenario import Scenario

OnCase = Callable[[Result], None]
_MOST_JOBS = 8


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a whole run."""

    share: Share
    forbidden: int
    directives: int
    """That the agent issued at SENTINEL gateways, by their records."""
    errors: int
    mean_score: float
    median_tool_calls: float
    median_rounds: float
    median_tokens: float
    cost_usd: float | None
    median_wall_s: float
    wall_s: float


def cases(scenarios: Sequence[Scenario], seeds: int, *, variants: bool) -> tuple[Case, ...]:
    """Every scenario (and variant) under seeds 1..`seeds`."""
    return tuple(
        Case(scenario, seed, variant)
        for scenario in scenarios
        for variant in (None, *(scenario.variants if variants else ()))
        for seed in range(1, seeds + 1)
    )


def check(chosen: Sequence[Case]) -> None:
    """Refuse scenarios whose answer sheet cannot be used, before anything is run.

    Raises:
        BadConfiguration: an unknown class, action, key or pattern under `expect`; the message names the scenario.
    """
    first = {case.name: case for case in reversed(chosen)}
    for case in first.values():
        parse(case.world().expect, where=case.name)


async def evaluate(
    chosen: Sequence[Case], how: Manner, *, jobs: int = 1, on_case: OnCase = lambda _: None
) -> tuple[Result, ...]:
    """Run and score each case, `jobs` at a time; one that cannot be run is a failed case with a reason.

    One at a time, they run in this process. `on_case` hears of each when it is done. The results are in the order of
    the cases.
    """
    found: dict[int, Result] = {}

    def done(place: int, result: Result) -> None:
        found[place] = result
        on_case(result)

    if jobs == 1 or len(chosen) == 1:
        await run_in_turn(chosen, how, done)
    else:
        await run_side_by_side(chosen, how, jobs, done)
    return tuple(found[place] for place in sorted(found))


def usual_jobs() -> int:
    """One for each processor we may use; never more than eight, because each holds half a gigabyte."""
    return min(_MOST_JOBS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def summarise(results: Sequence[Result], wall_s: float) -> Summary:
    """The figures over all cases."""
    spends = [result.answered.assessment.spend for result in results if result.answered]
    costs = [spend.cost_usd for spend in spends]
    known = [cost for cost in costs if cost is not None]
    return Summary(
        share=wilson(sum(1 for result in results if result.passed), len(results)),
        forbidden=sum(1 for result in results if result.score and result.score.forbidden),
        directives=sum(len(result.answered.directed) for result in results if result.answered),
        errors=sum(1 for result in results if result.error),
        mean_score=sum(result.score.total for result in results if result.score) / max(1, len(results)),
        median_tool_calls=median([spend.tool_calls for spend in spends]),
        median_rounds=median([spend.rounds for spend in spends]),
        median_tokens=median([spend.tokens for spend in spends]),
        cost_usd=sum(known) if len(known) == len(costs) else None,
        median_wall_s=median([result.answered.wall_s for result in results if result.answered]),
        wall_s=wall_s,
    )


def to_json(results: Sequence[Result], summary: Summary) -> dict[str, Any]:
    """The results file."""
    return {
        "schema": "gcm-sentinel/eval/v1",
        "version": __version__,
        "created_at": datetime.now(UTC).isoformat(),
        "cases": [_case_json(result) for result in results],
        "summary": {
            "cases": summary.share.trials,
            "passed": summary.share.successes,
            "pass_share": round(summary.share.value, 4),
            "wilson_95": [round(summary.share.low, 4), round(summary.share.high, 4)],
            "forbidden": summary.forbidden,
            "directives": summary.directives,
            "errors": summary.errors,
            "mean_score": round(summary.mean_score, 2),
            "median_tool_calls": summary.median_tool_calls,
            "median_rounds": summary.median_rounds,
            "median_tokens": summary.median_tokens,
            "cost_usd": summary.cost_usd,
            "median_wall_s": round(summary.median_wall_s, 3),
            "wall_s": round(summary.wall_s, 3),
        },
    }


def _case_json(result: Result) -> dict[str, Any]:
    case: dict[str, Any] = {
        "scenario": result.case.scenario.id,
        "variant": result.case.variant,
        "seed": result.case.seed,
        "engine": result.engine,
        "score": result.score.total if result.score else 0.0,
        "passed": result.passed,
        "parts": as_json(result.score) if result.score else None,
        "assessment": None,
        "error": result.error or None,
    }
    if result.answered:
        case["assessment"] = result.answered.published
        case["wall_s"] = round(result.answered.wall_s, 3)
        case["acted"] = [
            {"operation": str(item.operation), "node": item.node, "state": str(item.state)}
            for item in result.answered.acted
        ]
        case["directives"] = [
            {"action": item.action, "gpu": item.gpu_uuid, "node": item.node, "status": item.status}
            for item in result.answered.directed
        ]
    return case


def prepare(path: Path) -> None:
    """Make sure, before a long run, that its results can be written to `path`; its folder is made where needed.

    Raises:
        BadConfiguration: they cannot.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
    except OSError as error:
        raise BadConfiguration(f"--output {str(path)!r} cannot be written: {error.strerror}") from error


def write(path: Path, content: dict[str, Any]) -> None:
    """Write the results file."""
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


class Stopwatch:
    """Wall time of a run."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def wall_s(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._started
