"""What the model promises, each beside what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gcm_sentinel.evals.bench.reliability import common_causes, dissent
from gcm_sentinel.evals.bench.reliability.healthy import Healthy
from gcm_sentinel.evals.bench.reliability.latency import ALL_DEAD, DEAD, ONE_PERCENT, Latency
from gcm_sentinel.evals.bench.reliability.reference import Scored
from gcm_sentinel.evals.bench.reliability.sick_fleet import Sick
from sentinel_gateway.model.verdicts import Step

_THREE_CYCLES_H = 3 / 60
MARGIN = 30
"""So many times the assumed failure rate must take out nobody; what happens beyond it is told, not promised."""
_OUT = ("QUARANTINED", "CONDEMNED")


@dataclass(frozen=True, slots=True)
class Promise:
    """One of them."""

    text: str
    measured: str
    kept: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that was run."""

    latencies: Sequence[Latency]
    healthy: Sequence[Healthy]
    causes: Sequence[common_causes.Outcome]
    dissents: Sequence[dissent.Outcome]
    scores: Sequence[Scored]
    sick: Sequence[Sick]


def promises(measured: Measured) -> Iterator[Promise]:
    """All of them."""
    by_fault = {one.fault.name: one for one in measured.latencies}
    for fault in (DEAD, ALL_DEAD):
        yield _found(by_fault[fault.name], _THREE_CYCLES_H, "within 3 probe cycles")
    yield _found(by_fault[ONE_PERCENT.name], 24, "within 24 hours")
    for run in (one for one in measured.healthy if one.multiple <= MARGIN):
        taken = run.steps[Step.QUARANTINE]
        text = f"a healthy fleet at {run.multiple:g} times the assumed failure rate: no quarantine"
        yield Promise(text, f"{taken} in {run.results:.2g} results", taken == 0)
    for cause in measured.causes:
        taken, seen_as = cause.steps[Step.QUARANTINE], cause.scenario.seen_as
        kept = taken == 0 and (not seen_as or bool(set(seen_as) & set(cause.guards)))
        seen = ", ".join(guard.value for guard in cause.guards) or "nothing"
        yield Promise(f"{cause.scenario.name}: no quarantine", f"{taken}; recognised as {seen}", kept)
    for one in measured.dissents:
        runs, as_expected = len(one.rounds), one.last[one.case.expected]
        text = f"TMR: {one.case.name}: {one.case.expected.value}"
        yield Promise(text, f"in {as_expected} of {runs} runs", as_expected == runs)
    for sick in measured.sick:
        text = f"a dead SM in {sick.share:.1%} of GPUs: all are taken out or proposed, and nobody else is accused"
        kept = sick.found == sick.defective and not sick.wrong
        yield Promise(text, f"{sick.found} of {sick.defective}; others accused: {sick.wrong}", kept)
    for score in measured.scores:
        if score.fault is DEAD:
            out = [tier for tier, _ in score.reached if tier in _OUT]
            text = f"the reference ({score.thresholds.name}) never takes out a dead SM"
            yield Promise(text, f"lowest score {score.lowest:.4f}", not out)


def _found(run: Latency, within_h: float, words: str) -> Promise:
    slowest_min = run.quarantine_h[-1] * 60
    total = len(run.quarantine_h)
    kept = run.quarantine_h[-1] <= within_h and run.localised == total
    text = f"{run.fault.name}: quarantined {words}, and the right part named"
    return Promise(text, f"slowest of {total}: {slowest_min:.1f} min; named right: {run.localised}", kept)
