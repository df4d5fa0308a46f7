"""`gcm-sentinel eval`: every scenario times every seed through the real stack, scored mechanically."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from gcm_sentinel import __version__
from gcm_sentinel.app.simulated import Case, Played, play
from gcm_sentinel.domain.errors import BadConfiguration, SentinelError
from gcm_sentinel.domain.protocols import Model
from gcm_sentinel.evals.expectation import parse
from gcm_sentinel.evals.score import Score, as_json, score
from gcm_sentinel.evals.statistics import Share, median, wilson
from gcm_sentinel.web.report_json import publication_to_json
from sentinel_fleet.scenario import Scenario

log = structlog.get_logger(__name__)

OnCase = Callable[["Result"], None]


@dataclass(frozen=True, slots=True)
class Result:
    """One scored case."""

    case: Case
    engine: str
    score: Score | None
    """None when the case could not be run; `error` says why."""
    played: Played | None
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether the case passed."""
        return self.score is not None and self.score.passed

    @property
    def fault_class(self) -> str:
        """The class the agent named; empty when the case could not be run."""
        return str(self.played.closed.investigation.assessment.draft.fault_class) if self.played else ""


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a whole run."""

    share: Share
    forbidden: int
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
    chosen: Sequence[Case], engine: str, *, model: Model | None = None, on_case: OnCase | None = None
) -> tuple[Result, ...]:
    """Run and score each case, one after another; one that cannot be run is a failed case with a reason."""
    results = []
    for case in chosen:
        result = await _one(case, engine, model)
        results.append(result)
        if on_case is not None:
            on_case(result)
    return tuple(results)


async def _one(case: Case, engine: str, model: Model | None) -> Result:
    try:
        played = await play(case, engine=engine, model=model)
        expected = parse(played.world.expect, where=case.name)
    except Exception as error:  # the task border: one case that cannot be run must not cost the results of the others
        if not isinstance(error, SentinelError | TimeoutError):
            log.exception("eval.case_crashed", case=case.name, seed=case.seed)
        return Result(case, engine, None, None, f"{type(error).__name__}: {error}")
    investigation = played.closed.investigation
    return Result(case, engine, score(investigation.assessment, investigation.evidence, expected), played)


def summarise(results: Sequence[Result], wall_s: float) -> Summary:
    """The figures over all cases."""
    spends = [result.played.closed.investigation.assessment.spend for result in results if result.played]
    costs = [spend.cost_usd for spend in spends]
    known = [cost for cost in costs if cost is not None]
    return Summary(
        share=wilson(sum(1 for result in results if result.passed), len(results)),
        forbidden=sum(1 for result in results if result.score and result.score.forbidden),
        errors=sum(1 for result in results if result.error),
        mean_score=sum(result.score.total for result in results if result.score) / max(1, len(results)),
        median_tool_calls=median([spend.tool_calls for spend in spends]),
        median_rounds=median([spend.rounds for spend in spends]),
        median_tokens=median([spend.tokens for spend in spends]),
        cost_usd=sum(known) if len(known) == len(costs) else None,
        median_wall_s=median([result.played.wall_s for result in results if result.played]),
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
    if result.played:
        closed = result.played.closed
        case["assessment"] = publication_to_json(closed.publication)["assessment"]
        case["wall_s"] = round(result.played.wall_s, 3)
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
