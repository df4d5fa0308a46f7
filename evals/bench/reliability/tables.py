"""The figures as Markdown, to be read on a terminal and pasted into docs/sentinel-model.md."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gcm_sentinel.evals.bench.reliability.false_alarms import THRESHOLDS, FalseAlarms
from gcm_sentinel.evals.bench.reliability.latency import Latency
from gcm_sentinel.evals.bench.reliability.promises import Measured, Promise
from gcm_sentinel.evals.bench.reliability.reference import results_until_three_in_a_row
from sentinel_gateway.model.verdicts import Step


def of_all(measured: Measured, days: int) -> Iterator[str]:
    """Everything but the curves."""
    yield from _latencies(measured)
    yield from _healthy(measured, days)
    yield from _causes(measured)
    yield from _dissents(measured)
    yield from _scores(measured)
    yield from _sick(measured)


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield ""
    yield f"### {title}"
    yield ""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _latencies(measured: Measured) -> Iterator[str]:
    head = ("defect", "runs", "SUSPECT, median", "quarantined: median", "P95", "slowest", "right part named")
    rows = (
        (
            run.fault.name,
            str(len(run.quarantine_h)),
            _hours(run.suspect_h[len(run.suspect_h) // 2]),
            *(_hours(run.quantile_h(share)) for share in (0.5, 0.95, 1.0)),
            f"{run.localised} of {sum(map(math.isfinite, run.quarantine_h))}",
        )
        for run in measured.latencies
    )
    return _table("From the defect to the verdict", head, rows)


def _healthy(measured: Measured, days: int) -> Iterator[str]:
    head = ("failure rate", "results", "of them failed", "SUSPECT", "proposed", "quarantined", "guards")
    rows = (
        (
            f"{run.multiple:g} x 10^-8",
            f"{run.results:.3g}",
            str(run.failures),
            *_steps(run.steps),
            _named(guard.value for guard in run.guards),
        )
        for run in measured.healthy
    )
    return _table(f"A healthy fleet for {days} days", head, rows)


def _causes(measured: Measured) -> Iterator[str]:
    head = ("cause", "GPUs", "of them failed", "SUSPECT", "proposed", "quarantined", "recognised as")
    rows = (
        (
            run.scenario.name,
            str(run.gpus),
            str(run.failing),
            *_steps(run.steps),
            _named(guard.value for guard in run.guards),
        )
        for run in measured.causes
    )
    return _table("Causes that are no GPU's own", head, rows)


def _sick(measured: Measured) -> Iterator[str]:
    head = ("share of GPUs with a dead SM", "GPUs", "defective", "quarantined", "proposed", "others accused", "guards")
    rows = (
        (
            f"{run.share:.1%}",
            str(run.gpus),
            str(run.defective),
            *(str(run.steps[step]) for step in (Step.QUARANTINE, Step.PROPOSE)),
            str(run.wrong),
            _named(guard.value for guard in run.guards),
        )
        for run in measured.sick
    )
    return _table("Many defective GPUs at once", head, rows)


def _dissents(measured: Measured) -> Iterator[str]:
    head = ("case", "runs", "rounds: median", "most", "last step against GPU 0", "steps against others")
    rows = (
        (
            run.case.name,
            str(len(run.rounds)),
            str(run.rounds[len(run.rounds) // 2]),
            str(run.rounds[-1]),
            _named(f"{step.value} {count}" for step, count in run.last.items()),
            _named(f"{step.value} {count}" for step, count in run.others.items()),
        )
        for run in measured.dissents
    )
    return _table("TMR rounds, every ten minutes for a day", head, rows)


def _scores(measured: Measured) -> Iterator[str]:
    head = ("defect", "specification", "lowest score", "came to")
    rows = (
        (
            run.fault.name,
            run.thresholds.name,
            f"{run.lowest:.5f}",
            _named(f"{tier} after {_hours(hours)}" for tier, hours in run.reached),
        )
        for run in measured.scores
    )
    return _table("The reference's score on the same data", head, rows)


def of_curves(
    of_sm: Mapping[float, Latency], of_gpu: Mapping[float, Latency], alarms: Sequence[FalseAlarms]
) -> Iterator[str]:
    """What the plots show, in figures."""
    head = ("share failing", "one SM: median", "P95", "slowest", "spread over the GPU: median", "P95", "three in a row")
    rows = (
        (
            f"{rate:g}",
            *(_hours(of_sm[rate].quantile_h(share)) for share in (0.5, 0.95, 1.0)),
            *(_hours(of_gpu[rate].quantile_h(share)) for share in (0.5, 0.95)),
            _hours(results_until_three_in_a_row(rate) / 180),
        )
        for rate in of_sm
    )
    yield from _table("Latency by failure rate", head, rows)
    named = tuple(f"{nats:.1f} nats" for nats in THRESHOLDS)
    yield from _table(
        "False quarantines per GPU and day, of the test alone",
        ("healthy failure rate", *named),
        ((f"{run.rate:g}", *(_alarms(run, place) for place in range(len(named)))) for run in alarms),
    )


def of_promises(told: Iterable[Promise]) -> Iterator[str]:
    """Kept and broken ones."""
    rows = ((promise.text, promise.measured, "kept" if promise.kept else "BROKEN") for promise in told)
    return _table("Promises", ("promise", "measured", ""), rows)


def _alarms(run: FalseAlarms, place: int) -> str:
    value, is_measured = run.per_gpu_day(place)
    return f"{value:.2g}" if is_measured else f"< {value:.1g}"


def _steps(steps: Counter[Step]) -> tuple[str, ...]:
    return tuple(str(steps[step]) for step in (Step.SUSPECT, Step.PROPOSE, Step.QUARANTINE))


def _named(names: Iterable[str]) -> str:
    return ", ".join(names) or "-"


def _hours(hours: float) -> str:
    if hours < 1.5:
        return f"{hours * 60:.1f} min"
    if hours < 48:
        return f"{hours:.1f} h"
    return f"{hours / 24:.1f} d" if hours < 24 * 3650 else "never" if math.isinf(hours) else f"{hours / 8766:.0f} years"
