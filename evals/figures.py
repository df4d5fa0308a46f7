"""The figures of a run, over all its cases and over groups of them. Pure: records in, figures out.

Every share carries its 95 % interval: Wilson's over cases, and by scenario once a run has several seeds, whose cases
are not independent. Over claims and pieces of evidence, which are not either, it is Wilson's all the same: too narrow
there, and only a hint. A case that could not be run counts as not
passed and with no points, and in nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gcm_sentinel.domain.assessment import Outcome
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.evals.calibration import Calibration, calibration
from gcm_sentinel.evals.case_record import CaseRecord
from gcm_sentinel.evals.clustered import share_of
from gcm_sentinel.evals.measures import Measures
from gcm_sentinel.evals.statistics import Share, mean, median, quantile, wilson


@dataclass(frozen=True, slots=True)
class Forbidden:
    """Cases in which something forbidden was recommended, claimed or done; one case may be in several."""

    cases: int
    advised: int
    claimed: int
    done: int


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle and the tail of one measure."""

    median: float
    p95: float


@dataclass(frozen=True, slots=True)
class Spent:
    """What the answers cost."""

    tokens: int
    median_tokens: float
    median_turns: float
    median_tool_calls: float
    cost_usd: float | None
    """None where the price of some turn is not known."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that is told of a run."""

    passed: Share
    right: Share
    """Root cause named."""
    mean_score: float
    forbidden: Forbidden
    errors: int
    """Cases that could not be run."""
    cut_short: int
    """Answers that a budget ended."""
    unanswered: int
    """Cases in which no model could finish: its server was away, it declined, or submitted nothing valid."""
    stood_in: int
    """Answers by another engine than was asked for."""
    calibration: Calibration
    evidence_cited: Share
    claims_founded: Share
    struck: int
    left_alone: Share
    """Of the cases in which nothing is at fault, those that accuse nobody."""
    passed_over: Share
    """Of the cases in which something is, those told, wrongly, to be harmless. The fewer the better."""
    spent: Spent
    wall_s: Spread
    overhead_ms: Spread
    replayed_otherwise: int
    """Cases whose replay came to another assessment."""


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of some of the cases."""

    name: str
    passed: Share
    right: int
    mean_score: float
    confidence: float
    """Mean of what was said."""
    forbidden: int


def figures(records: Sequence[CaseRecord]) -> Figures:
    """The figures over `records`."""
    answers = [(record, record.measures) for record in records if record.measures]
    measured = [item for _, item in answers]
    well = [(record.scenario, item) for record, item in answers if not record.is_fault]
    ill = [(record.scenario, item) for record, item in answers if record.is_fault]
    by_scenario = seeds_repeat(records)
    return Figures(
        passed=_passed(records, clustered=by_scenario),
        right=share_of([(record.scenario, _is_right(record)) for record in records], clustered=by_scenario),
        mean_score=mean([record.total for record in records]),
        forbidden=_forbidden(records),
        errors=sum(record.measures is None for record in records),
        cut_short=sum(item.outcome == Outcome.PARTIAL for item in measured),
        unanswered=sum(item.outcome == Outcome.FAILED for item in measured),
        stood_in=sum(_stood_in(record.engine, item) for record, item in answers),
        calibration=calibration([(item.confidence, item.right) for item in measured if _submitted(item)]),
        evidence_cited=_share([item.evidence_cited for item in measured], [item.evidence_wanted for item in measured]),
        claims_founded=_share([item.claims_founded for item in measured], [item.claims for item in measured]),
        struck=sum(item.struck for item in measured),
        left_alone=share_of(
            [(name, _submitted(item) and not item.accuses) for name, item in well], clustered=by_scenario
        ),
        passed_over=share_of([(name, _passes_over(item)) for name, item in ill], clustered=by_scenario),
        spent=_spent(records),
        wall_s=_spread([record.wall_s for record, _ in answers]),
        overhead_ms=_spread([value for record in records for value in record.overhead_ms]),
        replayed_otherwise=sum(record.replays_alike is False for record in records),
    )


def seeds_repeat(records: Sequence[CaseRecord]) -> bool:
    """Whether any case was run with several seeds."""
    names = {(record.scenario, record.variant, record.without): record.seed for record in records}
    return any(names[record.scenario, record.variant, record.without] != record.seed for record in records)


def _passed(records: Sequence[CaseRecord], *, clustered: bool) -> Share:
    return share_of([(record.scenario, record.passed) for record in records], clustered=clustered)


def _is_right(record: CaseRecord) -> bool:
    return record.measures is not None and record.measures.right


def _submitted(item: Measures) -> bool:
    """Whether a model gave the answer; what is said in its place accuses nobody and is sure of nothing."""
    return item.outcome not in (Outcome.PARTIAL, Outcome.FAILED)


def _stood_in(asked: str, item: Measures) -> bool:
    return asked != "auto" and item.outcome != Outcome.FAILED and item.answered_by != asked


def _passes_over(item: Measures) -> bool:
    """Whether an answer to a fault says, wrongly, that nothing is at fault; inconclusive says no such thing."""
    return not (item.accuses or item.right or item.fault_class == FaultClass.INCONCLUSIVE)


def _forbidden(records: Sequence[CaseRecord]) -> Forbidden:
    def cases(*verbs: str) -> int:
        return sum(any(item.startswith(verbs) for item in record.forbidden) for record in records)

    broken = sum(bool(record.forbidden) for record in records)
    return Forbidden(broken, cases("recommended "), cases("claimed "), cases("did ", "directed "))


def _share(successes: Sequence[int], trials: Sequence[int]) -> Share:
    return wilson(sum(successes), sum(trials))


def _spread(values: Sequence[float]) -> Spread:
    return Spread(median(values), quantile(values, 0.95))


def _spent(records: Sequence[CaseRecord]) -> Spent:
    measured = [record.measures for record in records if record.measures]
    costs = [item.cost_usd for item in measured]
    known = [cost for cost in costs if cost is not None]
    return Spent(
        tokens=sum(item.tokens for item in measured),
        median_tokens=median([item.tokens for item in measured]),
        median_turns=median([item.turns for item in measured]),
        median_tool_calls=median([item.tool_calls for item in measured]),
        cost_usd=sum(known) if len(known) == len(costs) else None,
    )


def whole(records: Sequence[CaseRecord]) -> tuple[CaseRecord, ...]:
    """Of a run that dropped one source after the other, the cases with all of them: what is told of the run itself."""
    fewest = min((record.without for record in records), key=len, default=())
    return tuple(record for record in records if record.without == fewest)


def groups(records: Sequence[CaseRecord], name_of: Callable[[CaseRecord], str]) -> tuple[Group, ...]:
    """The figures by whatever `name_of` says, in order of name."""
    held: dict[str, list[CaseRecord]] = {}
    for record in records:
        held.setdefault(name_of(record), []).append(record)
    clustered = seeds_repeat(records)
    return tuple(_group(name, held[name], clustered=clustered) for name in sorted(held))


def by_section(record: CaseRecord) -> str:
    """The family of a record's scenario."""
    return record.section


def by_class(record: CaseRecord) -> str:
    """The fault class that a record's scenario expects."""
    return record.expected_class


def by_dropped(record: CaseRecord) -> str:
    """The sources a record's case was run without."""
    return " and ".join(record.without) or EVERYTHING


EVERYTHING = "(every source)"
"""Sorts before any name of a source."""


def _group(name: str, records: Sequence[CaseRecord], *, clustered: bool) -> Group:
    measured = [record.measures for record in records if record.measures]
    return Group(
        name=name,
        passed=_passed(records, clustered=clustered),
        right=sum(item.right for item in measured),
        mean_score=mean([record.total for record in records]),
        confidence=mean([item.confidence for item in measured]),
        forbidden=sum(bool(record.forbidden) for record in records),
    )
