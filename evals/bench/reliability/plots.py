"""The three drawings of docs/sentinel-model.md."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from gcm_sentinel.evals.bench.reliability.drawing import Axis, Limit, Line, chart
from gcm_sentinel.evals.bench.reliability.false_alarms import THRESHOLDS, FalseAlarms
from gcm_sentinel.evals.bench.reliability.latency import Latency
from gcm_sentinel.evals.bench.reliability.reference import CODED, DOCUMENTED, Scored, results_until_three_in_a_row

_RESULTS_AN_HOUR = 180
"""Of one SM, by the default schedule."""
_DEFAULT = 2
"""The place of the default among the thresholds."""
_RAISED = str.maketrans("0123456789", "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")
_MOST_H = 20_000.0
"""Beyond two years a latency is as good as never."""


def latency_plot(of_sm: Mapping[float, Latency], of_gpu: Mapping[float, Latency]) -> str:
    """Hours until the verdict, by the failure rate."""
    in_a_row = [(rate, results_until_three_in_a_row(rate) / _RESULTS_AN_HOUR) for rate in of_sm]
    lines = [
        Line("one SM, median", _points(of_sm, 0.5), 0),
        Line("one SM, P95", _points(of_sm, 0.95), 0, dashed=True),
        Line("as many failures spread\nover random SMs, median", _points(of_gpu, 0.5), 1),
        Line("the same, P95", _points(of_gpu, 0.95), 1, dashed=True),
        Line("three in a row on one SM\n(reference, on average)", tuple(p for p in in_a_row if p[1] < _MOST_H), 5),
    ]
    limits = [Limit(24, "a day"), Limit(720, "30 days")]
    x = Axis(1e-4, 1.0, "share of one SM's probes that fail")
    return chart("How long a defect stays unnoticed", x, Axis(0.01, _MOST_H, "hours to quarantine"), lines, limits)


def _points(runs: Mapping[float, Latency], share: float) -> tuple[tuple[float, float], ...]:
    points = ((rate, run.quantile_h(share)) for rate, run in sorted(runs.items()))
    return tuple((rate, hours) for rate, hours in points if math.isfinite(hours))


def false_alarm_plot(runs: Sequence[FalseAlarms]) -> str:
    """False quarantines by the rate at which healthy SMs fail."""
    lines = []
    for place, nats in enumerate(THRESHOLDS):
        points = [(run.rate, *run.per_gpu_day(place)) for run in runs]
        measured = tuple((rate, alarms) for rate, alarms, is_measured in points if is_measured)
        bounds = tuple((rate, alarms) for rate, alarms, is_measured in points if not is_measured)
        default = "\n(default)" if place == _DEFAULT else ""
        power = str(round(nats / math.log(10))).translate(_RAISED)
        lines.append(Line(f"{nats:.1f} nats = 10{power}{default}", measured, place, bounds=bounds))
    limits = [Limit(1e-4, "the reference's target: 0.01 % per GPU and day")]
    x = Axis(1e-8, 1e-4, "share of probes that fail on healthy SMs (the model assumes 10\u207b\u2078)")
    y = Axis(1e-7, 10, "false quarantines per GPU and day")
    return chart("False alarms of the test alone (hollow: none seen, 95 % bound)", x, y, lines, limits)


def score_plot(runs: Sequence[Scored]) -> str:
    """How far the reference's score falls."""
    lines = [
        Line(
            f"{run.fault.name},\n{run.thresholds.name}'s prior",
            tuple((hours, 1 - score) for hours, score in run.samples if score < 1),
            place % 3,
            dashed=run.thresholds == DOCUMENTED,
        )
        for place, run in enumerate(runs)
    ]
    limits = [
        *(
            Limit(1 - below, f"{tier} below {below:g} (code)", tier == "SUSPECT")
            for tier, below in CODED.tiers
            if tier != "CONDEMNED"
        ),
        *(Limit(1 - below, f"{tier} below {below:g} (documentation)") for tier, below in DOCUMENTED.tiers),
    ]
    y = Axis(1e-5, 1, "1 - alpha / (alpha + beta)")
    return chart("What the reference's score makes of a defect", Axis(0.01, 720, "hours"), y, lines, limits)
