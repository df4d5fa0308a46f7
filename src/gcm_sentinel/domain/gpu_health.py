"""What a SENTINEL gateway knows of GPUs: health by state and by SM, the fleet, history, patterns, who agrees with whom.

Values only, as the gateway told them; what they mean is for sources and findings to say. Times are aware UTC, None
where the gateway told none. A state this version does not know is `UNKNOWN`, never an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class GpuState(StrEnum):
    """Where a GPU stands in SENTINEL's state machine."""

    HEALTHY = "HEALTHY"
    SUSPECT = "SUSPECT"
    """Watched more closely; still in production."""
    QUARANTINED = "QUARANTINED"
    DEEP_TEST = "DEEP_TEST"
    CONDEMNED = "CONDEMNED"
    UNKNOWN = "UNKNOWN"
    """Not told, or a state of a newer gateway."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU as the agents that report about it describe it; `uuid` alone says which it is."""

    uuid: str
    node: str = ""
    """Host name; empty where no agent gave one."""
    index: int = 0
    """0 also where the reporter left it out."""
    model: str = ""
    driver_version: str = ""
    firmware_version: str = ""


@dataclass(frozen=True, slots=True)
class SmHealth:
    """One streaming multiprocessor of a GPU."""

    sm: int
    passed: int
    """Exact probes whose result was right."""
    failed: int
    """Exact probes whose result was wrong; errors and timeouts are none."""
    reliability: float
    disabled: bool = False
    disable_reason: str = ""


@dataclass(frozen=True, slots=True)
class GpuHealth:
    """One GPU's health."""

    gpu: Gpu
    state: GpuState
    reliability: float
    """alpha / (alpha + beta)."""
    alpha: float = 0.0
    beta: float = 0.0
    passed: int = 0
    failed: int = 0
    anomalies: int = 0
    """Statistical alarms of monitors: weaker than a failed probe."""
    failures_per_hour: float = 0.0
    """Over the gateway's rolling window."""
    anomalies_per_hour: float = 0.0
    last_probe_at: datetime | None = None
    last_anomaly_at: datetime | None = None
    since: datetime | None = None
    """When the state was entered."""
    why: str = ""
    """Why, in the gateway's or a person's words."""
    sms: tuple[SmHealth, ...] = ()
    """Empty where not asked for."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Events of one GPU that the gateway correlated."""

    id: str
    kind: str
    """``MULTI_SIGNAL``, ``SM_LOCALIZED``, ``ENVIRONMENTAL``, ``NODE_CORRELATED``, ``FIRMWARE_CORRELATED``,
    ``TMR_CONFIRMED``."""
    confidence: float
    at: datetime | None
    gpu: Gpu | None = None
    sm: int | None = None
    events: tuple[str, ...] = ()
    """Ids of the events behind it."""
    description: str = ""
    severity: str = ""
    recommended: str = ""


@dataclass(frozen=True, slots=True)
class FleetCounts:
    """The fleet, or the part that was asked for, in numbers."""

    total: int = 0
    healthy: int = 0
    suspect: int = 0
    quarantined: int = 0
    deep_test: int = 0
    condemned: int = 0
    sdc_rate: float = 0.0
    """Events per GPU-hour, over `rate_window_s`."""
    mean_reliability: float = 0.0
    agents: int = 0
    """Agents that reported lately."""
    rate_window_s: int = 0
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FleetHealth:
    """GPUs that match a question, the worst first where not all were told."""

    counts: FleetCounts
    gpus: tuple[GpuHealth, ...]
    truncated: bool = False
    matching: int = 0
    """How many match, told or not."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of a GPU's state."""

    before: GpuState
    after: GpuState
    at: datetime | None
    reason: str = ""
    by: str = ""
    """Who or what asked for it."""


@dataclass(frozen=True, slots=True)
class ReliabilitySample:
    """The score at one moment."""

    at: datetime
    reliability: float
    alpha: float = 0.0
    beta: float = 0.0


@dataclass(frozen=True, slots=True)
class GpuHistory:
    """What happened to one GPU over a stretch of time."""

    transitions: tuple[Transition, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    samples: tuple[ReliabilitySample, ...] = ()
    complete: bool = True
    """False where there is more than was read."""


@dataclass(frozen=True, slots=True)
class TrustEdge:
    """How often two GPUs that computed the same came to the same."""

    a: Gpu
    b: Gpu
    agreed: int
    disagreed: int
    last_at: datetime | None = None

    @property
    def compared(self) -> int:
        """How often they were compared."""
        return self.agreed + self.disagreed

    @property
    def trust(self) -> float | None:
        """Share of agreement; None where they were never compared."""
        return self.agreed / self.compared if self.compared else None


@dataclass(frozen=True, slots=True)
class TrustGraph:
    """Every pair that was compared."""

    edges: tuple[TrustEdge, ...]
    at: datetime | None = None
    coverage_pct: float = 0.0
    """Share of possible pairs that were compared, in percent."""
    gpus: int = 0
    minimum: float = 0.0
    mean: float = 0.0
