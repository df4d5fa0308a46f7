"""A GPU for the schedule: its state, what is asked of it, and reports as probes give them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.probes import Finding, Outcome, ProbeKind, ProbePlan, ProbeReport
from sentinel_node.domain.schedule import DEFAULT, Schedule
from sentinel_node.scheduling.conditions import Conditions
from sentinel_node.scheduling.deciding import due, next_look_s
from sentinel_node.scheduling.orders import Orders
from sentinel_node.scheduling.outcomes import after
from sentinel_node.scheduling.settings import SchedulingSettings
from sentinel_node.scheduling.state import Due, GpuState, begun, with_heat

SMS = 132
IDLE = Conditions(temperature_c=50.0, utilization_pct=0.0, power_share=0.3)
MS = 1_000_000


def identity(index: int = 0) -> GpuIdentity:
    """A GPU of a node."""
    return GpuIdentity(f"GPU-{index}", index, f"0000:{index:02x}:00.0", "NVIDIA H100 80GB HBM3")


def report_of(
    plan: ProbePlan,
    outcome: Outcome = Outcome.PASS,
    bad: Collection[int] = (),
    took_ns: int = MS,
) -> ProbeReport:
    """A report in which the SMs `bad` end as `outcome`, and all others pass."""
    if plan.kind is ProbeKind.MEMORY:
        findings: Iterable[Finding] = [Finding(outcome, None, "", duration_ns=took_ns)]
    else:
        sms = plan.sms or range(SMS)
        findings = [Finding(outcome if sm in bad else Outcome.PASS, sm, "", duration_ns=took_ns) for sm in sms]
    return ProbeReport(plan, tuple(findings), SMS, 0, took_ns)


@dataclass
class Played:
    """One GPU whose clock moves when told to."""

    orders: Orders
    conditions: Conditions = IDLE
    settings: SchedulingSettings = SchedulingSettings()
    now_s: float = 1000.0
    took_ns: int = MS
    bad: Collection[int] = ()
    outcome: Outcome = Outcome.FAIL
    ran: list[tuple[float, Due]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state: GpuState = begun(identity(), self.orders.schedule, self.now_s)

    def due(self) -> tuple[Due, ...]:
        """What is due now."""
        return due(self.state, self.orders, self.now_s, self.conditions, self.settings)

    def run(self, one: Due) -> None:
        """Run it; it takes no time."""
        report = report_of(one.plan("GPU-0", 1), self.outcome if self.bad else Outcome.PASS, self.bad, self.took_ns)
        self.state = after(self.state, one, report, self.now_s, self.settings)
        self.ran.append((self.now_s, one))

    def play(self, seconds: float) -> None:
        """Run whatever is due for so long."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            while runs := self.due():
                self.run(runs[0])
            look_s = next_look_s(self.state, self.orders, self.now_s, self.conditions)
            self.now_s = min(end_s, look_s if look_s > self.now_s else self.now_s + 1)

    def heat(self, heat: object) -> None:
        """Another temperature."""
        self.state = with_heat(self.state, heat)  # type: ignore[arg-type]

    def times(self, kind: ProbeKind) -> list[float]:
        """When a probe ran."""
        return [when for when, one in self.ran if one.entry.kind is kind]


def played(schedule: Schedule = DEFAULT, budget_pct: float = 100.0, **changed: object) -> Played:
    """A GPU with this schedule."""
    return Played(Orders(schedule, budget_pct), **changed)  # type: ignore[arg-type]
