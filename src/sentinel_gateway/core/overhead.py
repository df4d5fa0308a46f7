"""Measuring what probes take of a host's GPUs, and stretching its schedule while that is above the budget.

Kept per host, because a schedule is the host's: an override names a probe type and no GPU. It is not stored. After a
restart a host is measured anew; overrides that it was told before run out by themselves.

A closer look at a SUSPECT or a deep test has precedence: while `overriding` asks a host for more probes, it is told
that alone, and nothing is decided about its overhead, whatever that is. What was decided before is told again after it.
Measured it is all the same, and people are told where it stays high: that is asked with every report, and from time to
time for hosts that report no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sentinel_gateway.domain.configuration import Configuration, OverheadBudget, ProbeSchedule
from sentinel_gateway.domain.overhead import (
    ALERT_AFTER_NS,
    ALERT_PCT,
    DEFAULT_BUDGET_PCT,
    KINDS,
    NO_DEMAND,
    OWN,
    STEPS,
    WINDOW_NS,
    Demand,
    Factors,
    HostLoad,
    Ran,
    Window,
    decided,
    demand_of,
    load_of,
    overhead_pct,
    paces_of,
    recent,
    stretched_pct,
    with_ran,
)
from sentinel_gateway.domain.probes import ProbeType, ScheduleOverride

LOOK_NS = 10 * 10**9
"""A host's overhead is looked at once in this time, and at once where the budget changed."""
HOLD_NS = 600 * 10**9
"""A step stands for at least so long: a window, and the duration of an override."""

GONE_NS = 2 * max(STEPS) * WINDOW_NS
"""A host that reported nothing for so long is forgotten."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Overrides that a host was told last, for whatever reason."""

    periods_s: Mapping[int, float] = field(default_factory=dict)
    until_ns: int = 0
    """When they run out."""

    def paces(self, own_s: Mapping[int, int], now_ns: int) -> tuple[float, ...]:
        """How often an execution counts as demand now, by probe type."""
        return paces_of(self.periods_s if now_ns < self.until_ns else {}, own_s)


@dataclass(frozen=True, slots=True)
class HostOverhead:
    """One host."""

    windows: Mapping[str, Window] = field(default_factory=dict)
    """By GPU."""
    asked: Asked = field(default_factory=Asked)
    factors: Factors = OWN
    """How its schedule is stretched."""
    demand: Sequence[Demand] = NO_DEMAND
    budget_pct: float = DEFAULT_BUDGET_PCT
    looked_ns: int = 0
    """When it was looked at last, against this budget."""
    stepped_ns: int = 0
    """When the factors changed last."""
    above_ns: int = 0
    """Since when the measured overhead is above what people are told of; 0 where it is not."""
    is_high: bool = False
    """Whether it has been so for long enough."""
    holds_ns: int = 0
    """Until then it stays high: people were told so before a restart, and what ran before that is not known."""
    heard_ns: int = 0
    """When it last reported executions."""

    def with_ran(self, uuid: str, ran: Ran, paces: Sequence[float], share: float, now_ns: int) -> HostOverhead:
        """The host after more executions on a GPU."""
        window = with_ran(self.windows.get(uuid, ()), ran, paces, share, now_ns)
        return replace(self, windows={**self.windows, uuid: window}, heard_ns=now_ns)

    def told(self, overrides: Sequence[ScheduleOverride], now_ns: int) -> HostOverhead:
        """The host after it was told overrides."""
        until_ns = now_ns + max(one.duration_s for one in overrides) * 10**9
        return replace(self, asked=Asked({one.probe_type: one.period_s for one in overrides}, until_ns))

    def is_due(self, budget_pct: float, now_ns: int) -> bool:
        """Whether it is time to look at it."""
        return now_ns - self.looked_ns >= LOOK_NS or budget_pct != self.budget_pct

    def measured_at(self, now_ns: int) -> HostOverhead:
        """The host with what is measured of it now."""
        windows = {uuid: kept for uuid, window in self.windows.items() if (kept := recent(window, now_ns))}
        worst_pct = max((overhead_pct(window, now_ns) for window in windows.values()), default=0.0)
        above_ns = (self.above_ns or now_ns) if worst_pct > ALERT_PCT else 0
        stays = self.is_high and (bool(above_ns) or now_ns < self.holds_ns)
        is_high = stays or (bool(above_ns) and now_ns - above_ns >= ALERT_AFTER_NS)
        return replace(self, windows=windows, above_ns=above_ns, is_high=is_high)

    def looked_at(self, budget_pct: float, now_ns: int) -> HostOverhead:
        """The host after a decision about its schedule."""
        demand = demand_of(self.windows.values(), self.demand, self.factors, now_ns)
        may_ease = now_ns - self.stepped_ns >= HOLD_NS
        factors = decided(demand, budget_pct, self.factors, may_ease=may_ease)
        stepped_ns = self.stepped_ns if factors == self.factors else now_ns
        return replace(
            self, factors=factors, demand=demand, budget_pct=budget_pct, looked_ns=now_ns, stepped_ns=stepped_ns
        )

    def is_gone(self, now_ns: int) -> bool:
        """Whether nothing of it matters any more: it reported nothing for longer than any probe is deferred."""
        return now_ns - self.heard_ns >= GONE_NS and not self.is_high

    def load(self, hostname: str, now_ns: int) -> HostLoad:
        """What is told of it."""
        return load_of(hostname, self.windows, self.factors, now_ns)


def told_before(now_ns: int) -> HostOverhead:
    """A host whose overhead was told to be high before a restart."""
    return HostOverhead(is_high=True, holds_ns=now_ns + WINDOW_NS, heard_ns=now_ns)


def budget_pct(configuration: Configuration) -> float:
    """The budget that was pushed, or else the documented one."""
    pushed = configuration.updates.get("overhead_budget")
    if pushed is None or not isinstance(pushed.payload, OverheadBudget):
        return DEFAULT_BUDGET_PCT
    return pushed.payload.budget_pct


def longest_ns(configuration: Configuration) -> tuple[int, ...]:
    """By probe type, what no execution takes longer than: twice the time-out that was pushed, or else the window."""
    pushed = configuration.updates.get("probe_schedule")
    entries = pushed.payload.entries if pushed and isinstance(pushed.payload, ProbeSchedule) else ()
    limits_ns = {entry.probe_type: 2 * entry.timeout_ms * 10**6 for entry in entries if entry.timeout_ms}
    return tuple(min(WINDOW_NS, limits_ns.get(kind, WINDOW_NS)) for kind in range(KINDS))


def loads_of(hosts: Mapping[str, HostOverhead], now_ns: int) -> tuple[HostLoad, ...]:
    """What is told of all hosts."""
    return tuple(host.load(hostname, now_ns) for hostname, host in hosts.items())


def step_of(hostname: str, before: HostOverhead, after: HostOverhead, now_ns: int) -> tuple[str, dict[str, str]] | None:
    """Name and fields of the ledger entry that tells of a step; None where there was none."""
    if before.factors == after.factors:
        return None
    gpu, measured_pct = after.load(hostname, now_ns).worst
    demand_pct = stretched_pct(after.demand, OWN)
    steps = [f"{ProbeType(kind).name} x{factor}" for kind, factor in enumerate(after.factors) if factor > 1]
    fields = {
        "hostname": hostname,
        "gpu": gpu,
        "overhead_pct": f"{measured_pct:.3f}",
        "demand_pct": f"{demand_pct:.3f}",
        "budget_pct": f"{after.budget_pct:g}",
        "periods": ", ".join(steps),
    }
    return ("probe.schedule_stretched" if steps else "probe.schedule_restored"), fields
