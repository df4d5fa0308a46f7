"""What happened to a GPU: changes of its state, correlations, samples of its score."""

from __future__ import annotations

from dataclasses import dataclass

from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.identity import Gpu


@dataclass(frozen=True, slots=True)
class StateTransition:
    """`sentinel.v1.StateTransition`."""

    gpu_uuid: str
    from_state: HealthState
    to_state: HealthState
    time_ns: int
    reason: str
    initiated_by: str
    directive_id: str = ""


@dataclass(frozen=True, slots=True)
class ReliabilitySample:
    """`sentinel.v1.ReliabilitySample`."""

    gpu_uuid: str
    time_ns: int
    alpha: float
    beta: float

    @property
    def score(self) -> float:
        """alpha / (alpha + beta)."""
        return self.alpha / (self.alpha + self.beta)


@dataclass(frozen=True, slots=True)
class Correlation:
    """`sentinel.v1.CorrelationEvent`."""

    event_id: str
    events: tuple[str, ...]
    pattern_type: int
    confidence: float
    gpu: Gpu | None
    """None where it is about no single GPU."""
    sm_id: int | None
    description: str
    time_ns: int
    severity: int
    recommended_action: str


@dataclass(frozen=True, slots=True)
class Window:
    """From `start_ns`, inclusive, to `end_ns`, exclusive; None for open."""

    start_ns: int | None = None
    end_ns: int | None = None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A stretch of history in order of time; the limit of a page counts all three kinds together."""

    transitions: tuple[StateTransition, ...]
    correlations: tuple[Correlation, ...]
    samples: tuple[ReliabilitySample, ...]
    next_page_token: str = ""
