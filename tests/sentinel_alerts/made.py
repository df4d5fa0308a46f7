"""Happenings for tests, and a desk that judges them and keeps what holds, as the core does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sentinel_gateway.alerts.judging import Judge, Judgement, Memory, Rules
from sentinel_gateway.domain.alert_settings import AlertSettings
from sentinel_gateway.domain.alerts import Alert, AlertChanges, Delivery, Event, GroupKey, Severity
from sentinel_gateway.domain.directives import DirectiveStatus
from sentinel_gateway.domain.happenings import (
    AgentSilent,
    DirectiveChanged,
    Happening,
    Overstayed,
    ProbeFailed,
    StateChanged,
    TelemetryRead,
)
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.identity import Gpu

NOW_NS = 1_800_000_000_000_000_000
SECOND_NS = 10**9


def gpu(number: int = 0, hostname: str = "node-1") -> Gpu:
    """One of many GPUs."""
    return Gpu(f"GPU-{number:08d}-0000-0000-0000-000000000000", hostname, number % 8, "NVIDIA H100 80GB HBM3")


def failed(number: int = 0, at_s: float = 0, sm_id: int = 0) -> ProbeFailed:
    """A probe that failed."""
    time_ns = NOW_NS + int(at_s * SECOND_NS)
    return ProbeFailed(time_ns=time_ns, gpu=gpu(number), sm_id=sm_id, probe_type=1, event_ids=(f"run-{at_s:g}",))


def changed(to: HealthState, number: int = 0, before: HealthState = HealthState.SUSPECT) -> StateChanged:
    """A GPU whose state changed by a directive."""
    return StateChanged(
        time_ns=NOW_NS,
        gpu=gpu(number),
        from_state=before,
        to_state=to,
        reason="because",
        initiated_by="jane",
        directive_id="directive-1",
    )


def directive(status: DirectiveStatus, number: int = 1, gpu_number: int = 0) -> DirectiveChanged:
    """What became of a directive."""
    return DirectiveChanged(
        time_ns=NOW_NS,
        gpu=gpu(gpu_number),
        directive_id=f"directive-{number}",
        action="CONDEMN",
        status=status,
        issued_by="jane",
    )


def overstayed(state: HealthState) -> Overstayed:
    """A GPU that nobody decided about."""
    return Overstayed(time_ns=NOW_NS, gpu=gpu(), state=state, hours=24.0, reason="because")


def telemetry(**read: object) -> TelemetryRead:
    """What a GPU says of itself."""
    return TelemetryRead(time_ns=NOW_NS, gpu=gpu(), **read)  # type: ignore[arg-type]


def silent(hostname: str = "node-1", *, is_over: bool = False) -> AgentSilent:
    """An agent that is not heard of, or is again."""
    return AgentSilent(time_ns=NOW_NS, hostname=hostname, silent_s=120, is_over=is_over)


def alert(number: int = 1, rule: str = "gpu_quarantined", **more: object) -> Alert:
    """An alert that was decided."""
    values: dict[str, object] = {
        "alert_id": f"01900000-0000-7000-8000-{number:012d}",
        "key": GroupKey(rule, f"gpu/{gpu().uuid}"),
        "event": Event.TRIGGER,
        "severity": Severity.HIGH,
        "summary": "HEALTHY to QUARANTINED by jane: because",
        "facts": {"reason": "because"},
        "first_ns": NOW_NS,
        "last_ns": NOW_NS,
        "gpu": gpu(),
        "hostname": "node-1",
        "evidence": ("run-1", "run-2"),
    }
    return Alert(**{**values, **more})  # type: ignore[arg-type]


def owing(*alerts: Alert, to: Sequence[str], now_ns: int = NOW_NS) -> AlertChanges:
    """A decision after which channels owe alerts."""
    return AlertChanges(alerts, [Delivery(one.alert_id, name) for one in alerts for name in to], {}, now_ns)


@dataclass
class Desk:
    """Judges happenings at chosen times; what was judged holds at once."""

    settings: AlertSettings = field(default_factory=AlertSettings)
    memory: Memory = field(default_factory=Memory)

    def judged(self, *happenings: Happening, at_s: float = 0) -> Judgement:
        """What happened at `at_s` leads to this."""
        now_ns = NOW_NS + int(at_s * SECOND_NS)
        judgement = Judge(Rules(self.settings), self.memory, now_ns).judge(happenings)
        self.memory.keep(judgement)
        return judgement

    def told(self, *happenings: Happening, at_s: float = 0) -> list[Alert]:
        """Alerts that are told at `at_s`."""
        return [alert for alert, _ in self.judged(*happenings, at_s=at_s).alerts]

    def rules(self, *happenings: Happening, at_s: float = 0) -> list[str]:
        """Their rules."""
        return [alert.key.rule for alert in self.told(*happenings, at_s=at_s)]
