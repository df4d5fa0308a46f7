"""Two runs held against each other, case by case. Pure: records in, a comparison out.

Only cases that both runs have are compared; the others are told. A case is gained when it passes now and did not
before, lost the other way round; why is read off its parts, so that a lost case need not be looked up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gcm_sentinel.evals.case_record import CaseRecord, Key
from gcm_sentinel.evals.paired import Interval, bootstrap, mcnemar_p, sign_p
from gcm_sentinel.evals.statistics import mean

Pair: TypeAlias = tuple[CaseRecord, CaseRecord]
"""A case before and now."""

_LUCK = 0.05
"""From this p on a difference may be luck."""
_PARTS = ("root_cause", "entities", "severity", "actions", "evidence", "confidence")


@dataclass(frozen=True, slots=True)
class Turn:
    """One case whose verdict or score is another now."""

    case: CaseRecord
    before: float
    now: float
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tests:
    """What luck alone would give."""

    mcnemar_p: float
    """Two-sided, over cases."""
    sign_p: float
    """Two-sided, over the scenarios whose mean score differs."""
    score: Interval
    """Mean difference of the score, resampled by scenario."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of it."""

    pairs: int
    passed_before: int
    passed_now: int
    forbidden_before: int
    forbidden_now: int
    gained: tuple[Turn, ...]
    lost: tuple[Turn, ...]
    moved: tuple[Turn, ...]
    """The same verdict with another score."""
    only_before: tuple[Key, ...]
    only_now: tuple[Key, ...]
    unrun: int
    """Pairs of which one or both could not be run: they tell of an outage, not of the agent; no test has them."""
    tests: Tests

    @property
    def worse(self) -> tuple[str, ...]:
        """In what the run of now is worse, one sentence each; empty where it is as good or better."""
        found = []
        if self.passed_now < self.passed_before:
            found.append(f"{self.passed_before - self.passed_now} fewer cases pass")
        if self.forbidden_now > self.forbidden_before:
            found.append(f"{self.forbidden_now - self.forbidden_before} more cases do what is forbidden")
        if self.tests.score.high < 0 and self.tests.sign_p < _LUCK:
            found.append("the score is lower, by more than luck")
        if self.only_before:
            found.append(f"{len(self.only_before)} cases are missing")
        return tuple(found)


def compare(before: Sequence[CaseRecord], now: Sequence[CaseRecord], *, seed: int) -> Comparison:
    """Hold `now` against `before`; `seed` is that of the resampling."""
    old, new = ({record.key: record for record in records} for records in (before, now))
    pairs = [(record, new[key]) for key, record in old.items() if key in new]
    return Comparison(
        pairs=len(pairs),
        passed_before=sum(one.passed for one, _ in pairs),
        passed_now=sum(other.passed for _, other in pairs),
        forbidden_before=sum(bool(one.forbidden) for one, _ in pairs),
        forbidden_now=sum(bool(other.forbidden) for _, other in pairs),
        gained=tuple(_turn(pair) for pair in pairs if pair[1].passed and not pair[0].passed),
        lost=tuple(_turn(pair) for pair in pairs if pair[0].passed and not pair[1].passed),
        moved=tuple(_turn(pair) for pair in pairs if _moved(pair)),
        only_before=tuple(key for key in old if key not in new),
        only_now=tuple(key for key in new if key not in old),
        unrun=sum(not _both_ran(pair) for pair in pairs),
        tests=_tests([pair for pair in pairs if _both_ran(pair)], seed),
    )


def _both_ran(pair: Pair) -> bool:
    return all(record.score is not None for record in pair)


def _moved(pair: Pair) -> bool:
    return pair[0].passed == pair[1].passed and pair[0].total != pair[1].total


def _tests(pairs: Sequence[Pair], seed: int) -> Tests:
    by_scenario: dict[str, list[float]] = {}
    for one, other in pairs:
        by_scenario.setdefault(one.scenario, []).append(other.total - one.total)
    lost = sum(one.passed and not other.passed for one, other in pairs)
    gained = sum(other.passed and not one.passed for one, other in pairs)
    return Tests(
        mcnemar_p=mcnemar_p(lost, gained),
        sign_p=sign_p([mean(values) for values in by_scenario.values()]),
        score=bootstrap(by_scenario, seed=seed),
    )


def _turn(pair: Pair) -> Turn:
    return Turn(pair[1], pair[0].total, pair[1].total, tuple(_why(*pair)))


def _why(before: CaseRecord, now: CaseRecord) -> list[str]:
    words = []
    if before.error or now.error:
        words.append(f"now not run: {now.error}" if now.error else f"was not run: {before.error}")
    if before.fault_class != now.fault_class:
        words.append(f"{before.fault_class or 'nothing'} became {now.fault_class or 'nothing'}")
    if before.score and now.score:
        words += [
            f"{part.replace('_', ' ')} {getattr(before.score, part):g} to {getattr(now.score, part):g}"
            for part in _PARTS
            if getattr(before.score, part) != getattr(now.score, part)
        ]
    words += [f"now {item}" for item in now.forbidden if item not in before.forbidden]
    words += [f"no longer {item}" for item in before.forbidden if item not in now.forbidden]
    return words


def differing(before: Mapping[str, object], now: Mapping[str, object]) -> tuple[str, ...]:
    """Scenarios that both runs have and whose files differ, by the digests the runs were made with."""
    return tuple(sorted(name for name in before.keys() & now.keys() if before[name] != now[name]))
