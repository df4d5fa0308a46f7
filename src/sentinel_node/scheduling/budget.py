"""How much of a GPU's time its probes take, and who gives way where that is too much. Pure.

The figure that is told is measured: GPU time of all runs that ended within ten minutes, in percent of these ten
minutes. How much periods grow is decided by demand: what a run of each probe costs now, over its period. So a probe
that was deferred still counts, and the schedule does not swing between too much and too little. MEMORY and
SHARED_MEMORY give way first, then FMA and TENSOR_CORE, then the others; a period grows to eight times at most, so
nothing ever stops. A run that would take the last ten minutes above the budget waits besides, for as long. The gateway
decides in the same order over the same window, and measures the same: an execution's time there is its SM's part of
the run's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sentinel_node.domain.probes import Finding, ProbeKind, ProbeReport

WINDOW_S = 600.0
"""The longest period of the default schedule, so that a window holds a run of every probe."""
FULL = 0.9
"""The share of the budget that a stretched schedule is planned for."""
STEPS = (1, 2, 4, 8)
ORDER = (
    (ProbeKind.MEMORY, ProbeKind.SHARED_MEMORY),
    (ProbeKind.FMA, ProbeKind.TENSOR_CORE),
    (ProbeKind.TRANSCENDENTAL, ProbeKind.AES, ProbeKind.REGISTER_FILE),
)
"""Who gives way first."""
_NS_PER_S = 1e9


@dataclass(frozen=True, slots=True)
class Run:
    """A run that took GPU time."""

    ended_s: float
    gpu_s: float


Spent: TypeAlias = tuple[Run, ...]
"""The runs of the last ten minutes, oldest first."""


def with_run(spent: Spent, run: Run) -> Spent:
    """The runs after one more; those that have left the window are forgotten."""
    earliest_s = run.ended_s - WINDOW_S
    return (*(one for one in spent if one.ended_s > earliest_s), run)


def overhead_pct(spent: Spent, now_s: float) -> float:
    """What probes took of the last ten minutes, 0 to 100."""
    return min(100.0, 100 * sum(one.gpu_s for one in spent if one.ended_s > now_s - WINDOW_S) / WINDOW_S)


def gpu_s_of(report: ProbeReport) -> float:
    """The GPU time of a run: its SMs work side by side, its number formats and memory one after the other.

    Where a run did not end, the GPU was kept for as long as it was waited for.
    """
    if any(finding.outcome == "timeout" for finding in report.findings):
        return max(0, report.ended_unix_ns - report.started_unix_ns) / _NS_PER_S
    return sum(_launches_ns(report.findings)) / _NS_PER_S


def _launches_ns(findings: tuple[Finding, ...]) -> Iterator[int]:
    side_by_side: dict[str, int] = {}
    for finding in findings:
        if finding.sm is None:
            yield finding.duration_ns
        else:
            side_by_side[finding.variant] = max(side_by_side.get(finding.variant, 0), finding.duration_ns)
    yield from side_by_side.values()


def factors(
    cost_s: Mapping[ProbeKind, float], periods_s: Mapping[ProbeKind, float], budget_pct: float, measured_pct: float
) -> Mapping[ProbeKind, int]:
    """By how much the period of each probe is to grow; 1 where nothing has to give way.

    `cost_s`: GPU seconds that one run takes now; `periods_s`: the periods in force, of the probes that run.
    """
    demand_pct = {kind: 100 * cost_s.get(kind, 0.0) / period_s for kind, period_s in periods_s.items()}
    grown = dict.fromkeys(ProbeKind, 1)
    if sum(demand_pct.values()) > budget_pct:
        grown = _planned(demand_pct, FULL * budget_pct)
    if measured_pct > budget_pct:
        grown |= dict.fromkeys(ORDER[0], STEPS[-1])
    return grown


def _planned(demand_pct: Mapping[ProbeKind, float], limit_pct: float) -> dict[ProbeKind, int]:
    """The smallest steps, in the order of the module, that keep to a limit; the largest where none do."""
    grown = dict.fromkeys(ProbeKind, 1)
    for group in ORDER:
        for step in STEPS:
            grown |= dict.fromkeys(group, step)
            if sum(pct / grown[kind] for kind, pct in demand_pct.items()) <= limit_pct:
                return grown
    return grown
