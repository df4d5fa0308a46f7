"""What monitors of inference and training report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from sentinel_gateway.domain.identity import Gpu


class AnomalyType(IntEnum):
    """What was seen; numbers equal the wire's."""

    LOGIT_DRIFT = 1
    ENTROPY_ANOMALY = 2
    KL_DIVERGENCE = 3
    GRADIENT_NORM_SPIKE = 4
    LOSS_SPIKE = 5
    CROSS_RANK_DIVERGENCE = 6
    CHECKPOINT_DIVERGENCE = 7
    INVARIANT_VIOLATION = 8


ANOMALY_TYPES = frozenset(map(int, AnomalyType))
"""The numbers that are known."""


@dataclass(frozen=True, slots=True)
class AnomalyEvent:
    """`sentinel.v1.AnomalyEvent`, field by field."""

    event_id: str
    anomaly_type: int
    gpu: Gpu
    source: int = 0
    """`sentinel.v1.AnomalySource`; kept as it came, known or not."""
    severity: int = 0
    """`sentinel.v1.Severity`; kept as it came."""
    score: float = 0.0
    threshold: float = 0.0
    details: str = ""
    tensor_fingerprint: bytes = b""
    time_ns: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    layer_name: str = ""
    model_id: str = ""
    step_number: int = 0


@dataclass(frozen=True, slots=True)
class AnomalyBatch:
    """`sentinel.v1.AnomalyBatch`."""

    source_hostname: str
    events: tuple[AnomalyEvent, ...]
    sequence_number: int
    batch_time_ns: int | None = None
