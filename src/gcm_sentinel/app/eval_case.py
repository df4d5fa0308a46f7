"""One case of `eval`, from its world to its score; what is kept of it is small enough to be sent between processes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from gcm_sentinel.app.simulated import Case, play
from gcm_sentinel.domain.action_record import ActionRecord
from gcm_sentinel.domain.assessment import Assessment
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.evals.acted import Acted, Directed, wrongly_directed, wrongly_done
from gcm_sentinel.evals.expectation import parse
from gcm_sentinel.evals.score import Score, score
from gcm_sentinel.web.report_json import publication_to_json

if TYPE_CHECKING:
    from sentinel_fleet.sentinel.command import Launch

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Manner:
    """How all cases of a run are played."""

    engine: str
    mode: Mode | None = None
    """An acting mode; None where nothing is to be carried out."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What the agent made of a case."""

    assessment: Assessment
    published: Json
    """The assessment as its publication has it, as JSON."""
    wall_s: float
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
    try:
        played = await play(case, engine=how.engine, mode=how.mode, launch=launch)
        expected = parse(played.world.expect, where=case.name)
    except Exception as error:  # the task border: one case that cannot be run must not cost the results of the others
        if not isinstance(error, SentinelError | TimeoutError):
            log.exception("eval.case_crashed", case=case.name, seed=case.seed)
        return not_run(case, how.engine, f"{type(error).__name__}: {error}")
    investigation = played.closed.investigation
    published = publication_to_json(played.closed.publication)["assessment"]
    acted = tuple(map(_acted, played.acted))
    directed = tuple(Directed(item.action, item.gpu_uuid, item.node, item.status) for item in played.issued)
    answered = Answered(investigation.assessment, published, played.wall_s, acted, directed)
    scored = score(investigation.assessment, investigation.evidence, expected)
    broken = (*wrongly_done(acted, expected), *wrongly_directed(directed, expected))
    return Result(case, how.engine, replace(scored, forbidden=(*scored.forbidden, *broken)), answered)


def _acted(record: ActionRecord) -> Acted:
    target = record.order.target
    return Acted(record.order.operation, target.node or target.name, record.state)


def not_run(case: Case, engine: str, error: str) -> Result:
    """A case that could not be run."""
    return Result(case, engine, None, None, error)
