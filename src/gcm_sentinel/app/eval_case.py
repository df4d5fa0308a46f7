"""One case of `eval`, from its world to its score; what is kept of it is small enough to be sent between processes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from gcm_sentinel.app.eval_recording import Answer, keep_or_tell
from gcm_sentinel.app.simulated import CASE_DEADLINE, Case, Played, play
from gcm_sentinel.domain.action_record import ActionRecord
from gcm_sentinel.domain.assessment import Assessment
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.transcript import ModelTurn
from gcm_sentinel.engine.investigation import Investigation
from gcm_sentinel.evals.acted import Acted, Directed, wrongly_directed, wrongly_done
from gcm_sentinel.evals.case_record import UNKNOWN, CaseRecord
from gcm_sentinel.evals.expectation import Expectation, parse
from gcm_sentinel.evals.measures import Measures, measure, no_fault
from gcm_sentinel.evals.score import Score, score
from gcm_sentinel.web.report_json import publication_to_json
from sentinel_fleet.scenario import ScenarioError

if TYPE_CHECKING:
    from gcm_sentinel.app.replayed import Replayed
    from sentinel_fleet.sentinel.command import Launch

_TIMED_SEED = 1
"""Its cases are played again for our own time; one seed of each is enough, and it costs a sixth of a case."""
_TIMING_DEADLINE = timedelta(seconds=30)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Manner:
    """How all cases of a run are played."""

    engine: str
    mode: Mode | None = None
    """An acting mode; None where nothing is to be carried out."""
    record: Path | None = None
    """Folder in which each case's transcript is kept."""
    patience_s: float = 2 * CASE_DEADLINE.total_seconds()
    """After which a process that runs a case and says nothing hangs; more than all deadlines of a case together."""
    ending_s: float = 20.0
    """In which such a process ends its world before it is killed."""


@dataclass(frozen=True, slots=True)
class Own:
    """Our own time in a case, by its replay."""

    calls_ms: tuple[float, ...] = ()
    alike: bool | None = None
    """Whether the replay came to the same assessment; None where there was none."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What the agent made of a case."""

    assessment: Assessment
    published: Json
    """The assessment as its publication has it, as JSON."""
    wall_s: float
    measures: Measures
    own: Own = Own()
    acted: tuple[Acted, ...] = ()
    """What it ordered, and what came of it."""
    directed: tuple[Directed, ...] = ()
    """Its directives, as the SENTINEL gateway has them."""


@dataclass(frozen=True, slots=True)
class Result:
    """One scored case."""

    case: Case
    engine: str
    score: Score | None
    """None when the case could not be run; `error` says why."""
    answered: Answered | None
    error: str = ""
    expected: Expectation | None = None
    """None where the world could not be drawn."""

    @property
    def passed(self) -> bool:
        """Whether the case passed."""
        return self.score is not None and self.score.passed

    @property
    def fault_class(self) -> str:
        """The class the agent named; empty when the case could not be run."""
        return str(self.answered.assessment.draft.fault_class) if self.answered else ""


async def run_case(case: Case, how: Manner, launch: Launch | None) -> Result:
    """Run and score a case; one that cannot be run is a failed case with a reason.

    Where there is a mode, what the agent decides is carried out, and what it did is judged with its answer.
    """
    expected: Expectation | None = None
    try:
        played = await play(case, engine=how.engine, mode=how.mode, launch=launch)
        expected = parse(played.world.expect, where=case.name)
        result = await _judged(played, how, expected)
    except Exception as error:  # the task border: one case that cannot be run must not cost the results of the others
        if not isinstance(error, SentinelError | TimeoutError):
            log.exception("eval.case_crashed", case=case.name, seed=case.seed)
        return replace(not_run(case, how.engine, f"{type(error).__name__}: {error}"), expected=expected)
    return result


async def _judged(played: Played, how: Manner, expected: Expectation) -> Result:
    case, investigation = played.case, played.closed.investigation
    acted = tuple(map(_acted, played.acted))
    directed = tuple(Directed(item.action, item.gpu_uuid, item.node, item.status) for item in played.issued)
    answered = Answered(
        assessment=investigation.assessment,
        published=publication_to_json(played.closed.publication)["assessment"],
        wall_s=played.wall_s,
        measures=measure(investigation.assessment, investigation.evidence, expected, without(case)),
        own=await own_time(investigation) if case.seed == _TIMED_SEED else Own(),
        acted=acted,
        directed=directed,
    )
    result = Result(case, how.engine, judge(investigation, expected, acted, directed), answered, expected=expected)
    if how.record is not None:
        answer = Answer(investigation, played.world.expect)
        await asyncio.to_thread(keep_or_tell, how.record, record_of(result), answer)
    return result


def judge(
    investigation: Investigation, expected: Expectation, acted: tuple[Acted, ...], directed: tuple[Directed, ...]
) -> Score:
    """The points of an answer, and what of it, or of what was done, is forbidden."""
    scored = score(investigation.assessment, investigation.evidence, expected)
    broken = (*wrongly_done(acted, expected), *wrongly_directed(directed, expected))
    return replace(scored, forbidden=(*scored.forbidden, *broken))


async def own_time(investigation: Investigation) -> Own:
    """Our own time in an investigation: it is played again, and nobody is waited for.

    It stays unknown where the replay fails or takes too long, which is no reason to lose the case.
    """
    from gcm_sentinel.app.replayed import replay

    try:
        async with asyncio.timeout(_TIMING_DEADLINE.total_seconds()):
            played = await replay(investigation.transcript, investigation.assessment)
    except (SentinelError, TimeoutError) as error:
        log.warning("eval.replay_failed", reason=str(error))
        return Own()
    return Own(per_call_ms(played), played.same)


def per_call_ms(played: Replayed) -> tuple[float, ...]:
    """Our own time for each tool call of a replay, in milliseconds: what lies between two turns, shared out."""
    turns = [entry for entry in played.investigation.transcript.entries if isinstance(entry, ModelTurn)]
    shares = [
        (step / max(1, len(turn.tool_calls)), max(1, len(turn.tool_calls)))
        for step, turn in zip(played.steps_s, turns, strict=False)
    ]
    return tuple(round(share * 1000, 3) for share, calls in shares for _ in range(calls))


def _acted(record: ActionRecord) -> Acted:
    target = record.order.target
    return Acted(record.order.operation, target.node or target.name, record.state)


def not_run(case: Case, engine: str, error: str) -> Result:
    """A case that could not be run."""
    return Result(case, engine, None, None, error)


def _drawn(case: Case) -> Expectation | None:
    """What a case that could not be run expects; None where not even its world can be drawn."""
    try:
        return parse(case.world().expect, where=case.name)
    except (ScenarioError, SentinelError):
        return None


def class_name(expected: Expectation) -> str:
    """The accepted fault classes in one name."""
    return "|".join(sorted(map(str, expected.fault_class)))


def without(case: Case) -> tuple[str, ...]:
    """The data sources that are turned off for a case."""
    return tuple(dict(case.settings).get("disabled_sources", ()))


def record_of(result: Result) -> CaseRecord:
    """The case as results files have it."""
    case, answered = result.case, result.answered
    expected = result.expected or _drawn(case)
    return CaseRecord(
        scenario=case.scenario.id,
        variant=case.variant or "",
        seed=case.seed,
        without=without(case),
        section=case.scenario.section,
        expected_class=class_name(expected) if expected else UNKNOWN,
        is_fault=not (expected and no_fault(expected)),
        engine=result.engine,
        score=result.score,
        measures=answered.measures if answered else None,
        wall_s=answered.wall_s if answered else 0.0,
        overhead_ms=answered.own.calls_ms if answered else (),
        replays_alike=answered.own.alike if answered else None,
        error=result.error,
        detail=_detail(answered) if answered else {"assessment": None},
    )


def _detail(answered: Answered) -> dict[str, Json]:
    return {
        "assessment": answered.published,
        "acted": [
            {"operation": str(item.operation), "node": item.node, "state": str(item.state)} for item in answered.acted
        ],
        "directives": [
            {"action": item.action, "gpu": item.gpu_uuid, "node": item.node, "status": item.status}
            for item in answered.directed
        ],
    }
