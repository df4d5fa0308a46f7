"""Shares over cases of which several are of one scenario.

The seeds of a scenario change names and times and not the fault: an agent that understands it passes them all. Wilson's
interval takes cases as independent and is too narrow then, by up to the root of the seeds. So whole scenarios are drawn
with replacement (the cluster bootstrap of Davison and Hinkley 1997, percentile method). Where that shows no spread,
because all passed or none or there is one scenario, each scenario counts as one case of Wilson's. The interval is never
narrower than Wilson's over cases: few scenarios drawn again and again look surer than they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from gcm_sentinel.evals.paired import bootstrap
from gcm_sentinel.evals.statistics import Share, wilson, wilson_ends

_SEED = 1
_RESAMPLES = 2000

Try: TypeAlias = tuple[str, bool]
"""The scenario of a case, and whether it was a success."""


def share_of(tries: Sequence[Try], *, clustered: bool) -> Share:
    """The share of successes with its 95 % interval: by scenario where `clustered`, else Wilson's over cases."""
    plain = wilson(sum(success for _, success in tries), len(tries))
    if not clustered or not tries:
        return plain
    groups: dict[str, list[float]] = {}
    for scenario, success in tries:
        groups.setdefault(scenario, []).append(float(success))
    drawn = bootstrap(groups, seed=_SEED, resamples=_RESAMPLES)
    low, high = (drawn.low, drawn.high) if drawn.low < drawn.high else wilson_ends(plain.value, len(groups))
    return Share(plain.successes, plain.trials, min(low, plain.low), max(high, plain.high), by_scenario=True)
