"""How much of a GPU's time its probes take, and which probes a host should run less often to keep to a budget. Pure.

The overhead of a GPU, in percent of its time:

    100 x sum of execution_time_ns x share / WINDOW_NS      over the executions of the last ten minutes

`share` is 1 where an execution holds the whole GPU, and 1 / number of its SMs where it holds only its own. The first is
the contract's: its budget is percent of GPU time, its probes start a grid over all SMs and run one after the other, and
its own sum turns 1.0 ms of probes a second into 0.1 %. A process beside the workload without MPS holds the whole GPU,
too, for the time slice is given to one of them. By the contract's times per probe the default schedule takes 0.19 % of
a GPU with 132 SMs, and 1.9 % in a deep test.

Decided is by demand: what probes would take by the host's own schedule. Of a probe whose period in force is P and whose
own is Q, an execution counts min(P, window) / Q times: while it is stretched it counts for those that were left out, so
that the effect of a step does not look like the end of its cause; while it runs more often for a closer look at a
suspect it counts as the fraction that the host's own schedule asked for.

A demand above the budget is brought to 0.9 of it by the smallest steps, in the documented order: MEMORY and
SHARED_MEMORY first, then FMA and TENSOR_CORE, and only where that is not enough the rest. A period is doubled at most
three times: nothing ever stops. Steps are taken back when 0.8 of the budget is kept without them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from sentinel_gateway.domain.probes import ProbeType

DEFAULT_BUDGET_PCT = 2.0
"""Of GPU time; the reference's `overhead_budget_pct`. One that was pushed takes its place."""
ALERT_PCT, ALERT_AFTER_NS = 3.0, 300 * 10**9
"""The reference's runbook: overhead above 3 % for five minutes."""
WINDOW_NS = 600 * 10**9
"""The longest period of the default schedule, so that a window holds one run of every probe."""
SLICE_NS = WINDOW_NS // 6
KINDS = max(ProbeType) + 1
"""Length of a list by probe type; place 0 is nobody's."""
FULL, RELEASE = 0.9, 0.8
"""Shares of the budget that a stretched schedule is planned for, and at which it is eased."""
STEPS = (1, 2, 4, 8)
"""How much longer a period may become."""
ORDER = (
    (ProbeType.MEMORY, ProbeType.SHARED_MEMORY),
    (ProbeType.FMA, ProbeType.TENSOR_CORE),
    (ProbeType.TRANSCENDENTAL, ProbeType.AES, ProbeType.REGISTER_FILE),
)
"""Who is deferred first. The third group is ours: the contract names no more than the first two."""

Factors: TypeAlias = tuple[int, ...]
"""How much longer the period of each probe type is, by its number."""
OWN: Factors = (1,) * KINDS
"""Every host's own schedule."""


class Slice(NamedTuple):
    """A part of a window."""

    number: int
    """Its beginning, in slices since 1970."""
    spent: array[float]
    """GPU time in ns: at place 0 what was measured in all, then the demand of each probe type. Never changed."""


Window: TypeAlias = tuple[Slice, ...]
"""The last ten minutes of one GPU, oldest slice first."""


class Ran(NamedTuple):
    """Executions of one batch on one GPU."""

    first_ns: int
    last_ns: int
    """When the first and the last of them ran; what lies between is taken for spread evenly."""
    spent_ns: Sequence[int]
    """Of all of them together, by probe type."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What one probe type would take by the host's own schedule."""

    pct: float = 0.0
    seen_ns: int = 0
    """When it was last measured."""


NO_DEMAND = (Demand(),) * KINDS


def with_ran(window: Window, ran: Ran, paces: Sequence[float], share: float, now_ns: int) -> Window:
    """The window after more executions; `paces`: how often each counts as demand, as `paces_of` says; `share`: of the
    GPU that one execution holds. See the module."""
    newest = now_ns // SLICE_NS
    oldest = newest - WINDOW_NS // SLICE_NS + 1
    last = min(ran.last_ns // SLICE_NS, newest)
    first = max(min(ran.first_ns // SLICE_NS, last), oldest)
    if last < oldest:
        return window
    part = share / (last - first + 1)
    more = array("d", bytes(8 * KINDS))
    for kind, spent_ns in enumerate(ran.spent_ns):
        if spent_ns:
            counted = min(spent_ns, WINDOW_NS) * part
            more[0] += counted
            more[kind] += counted * paces[kind]
    slices = {one.number: one.spent for one in window if one.number >= oldest}
    for number in range(first, last + 1):
        known = slices.get(number)
        slices[number] = array("d", map(float.__add__, known, more)) if known else more
    return tuple(Slice(number, slices[number]) for number in sorted(slices))


def paces_of(in_force_s: Mapping[int, float], own_s: Mapping[int, int]) -> tuple[float, ...]:
    """How often an execution counts as demand, by probe type; both periods in seconds, by probe type."""
    window_s = WINDOW_NS / 1e9
    return tuple(
        min(in_force_s.get(kind, own), window_s) / own if (own := own_s.get(kind, 0)) > 0 else 1.0
        for kind in range(KINDS)
    )


def recent(window: Window, now_ns: int) -> Window:
    """The part of it that is not over."""
    oldest = now_ns // SLICE_NS - WINDOW_NS // SLICE_NS + 1
    return window if window and window[0].number >= oldest else tuple(one for one in window if one.number >= oldest)


def overhead_pct(window: Window, now_ns: int) -> float:
    """What probes took of the GPU, in percent of its time, 0 to 100."""
    spent_ns = sum(one.spent[0] for one in recent(window, now_ns))
    return min(100.0, 100 * spent_ns / WINDOW_NS)


def demand_of(windows: Iterable[Window], before: Sequence[Demand], factors: Factors, now_ns: int) -> tuple[Demand, ...]:
    """What the probes of a host would take of the GPU on which they take most.

    A probe that was deferred may not run within a window: for two of its stretched periods it is taken to cost what it
    cost before.
    """
    totals: array[float] = array("d", bytes(8 * KINDS))
    for window in windows:
        summed = _summed(recent(window, now_ns))
        if sum(summed[1:]) > sum(totals[1:]):
            totals = summed
    totals[0] = 0
    return tuple(
        Demand(100 * spent_ns / WINDOW_NS, now_ns)
        if spent_ns
        else known
        if factor > 1 and now_ns - known.seen_ns < 2 * factor * WINDOW_NS
        else Demand()
        for spent_ns, known, factor in zip(totals, before, factors, strict=True)
    )


def _summed(window: Window) -> array[float]:
    total = array("d", bytes(8 * KINDS))
    for one in window:
        total = array("d", map(float.__add__, total, one.spent))
    return total


def decided(demand: Sequence[Demand], budget_pct: float, factors: Factors, *, may_ease: bool) -> Factors:
    """By how much each period is to be longer from now on; `may_ease`: the last step is old enough to be taken back."""
    if stretched_pct(demand, factors) > budget_pct:
        return tuple(map(max, factors, planned(demand, FULL * budget_pct)))
    if not may_ease:
        return factors
    return tuple(map(min, factors, planned(demand, RELEASE * budget_pct)))


def planned(demand: Sequence[Demand], limit_pct: float) -> Factors:
    """The smallest steps, in the documented order, that keep to a limit; the largest where none do."""
    factors = list(OWN)
    for group in ORDER:
        for step in STEPS:
            for kind in group:
                factors[kind] = step
            if stretched_pct(demand, factors) <= limit_pct:
                return tuple(factors)
    return tuple(factors)


def stretched_pct(demand: Sequence[Demand], factors: Sequence[int]) -> float:
    """What probes take where their periods are longer by these factors."""
    return sum(one.pct / factor for one, factor in zip(demand[1:], factors[1:], strict=True))


@dataclass(frozen=True, slots=True)
class HostLoad:
    """What probes take of one host's GPUs, as it is told."""

    hostname: str
    gpus: Mapping[str, float]
    """Percent of its time, by UUID, of GPUs on which a probe ran within the window."""
    is_stretched: bool
    """Whether its schedule is stretched to keep to the budget."""

    @property
    def worst(self) -> tuple[str, float]:
        """The GPU of which probes take most, and how much; nothing of nobody where no probe ran."""
        return max(self.gpus.items(), key=lambda one: one[1], default=("", 0.0))


def load_of(hostname: str, windows: Mapping[str, Window], factors: Factors, now_ns: int) -> HostLoad:
    """What is told of a host."""
    gpus = {uuid: overhead_pct(window, now_ns) for uuid, window in windows.items() if recent(window, now_ns)}
    return HostLoad(hostname, gpus, factors != OWN)
