"""Configuration pushed to agents and monitors, and their answers."""

from __future__ import annotations

from sentinel.v1 import config_pb2
from sentinel_sdk.types.enums import ProbeType
from sentinel_sdk.types.message import Message


class ProbeScheduleEntry(Message):
    """How often a probe type runs; `sm_coverage` is the fraction of SMs per period, 0.0 to 1.0."""

    wire = config_pb2.ProbeScheduleEntry
    type: ProbeType = ProbeType.UNSPECIFIED
    period_seconds: int = 0
    sm_coverage: float = 0.0
    priority: int = 0
    enabled: bool = False
    timeout_ms: int = 0


class ProbeScheduleUpdate(Message):
    """Replaces the whole schedule."""

    wire = config_pb2.ProbeScheduleUpdate
    entries: list[ProbeScheduleEntry] = []


class OverheadBudgetUpdate(Message):
    """How much of a GPU's time probes may take, in percent."""

    wire = config_pb2.OverheadBudgetUpdate
    budget_pct: float = 0.0


class SamplingRateUpdate(Message):
    """Which fraction a component samples, 0.0 to 1.0."""

    wire = config_pb2.SamplingRateUpdate
    component: str = ""
    rate: float = 0.0


class ThresholdUpdate(Message):
    """A detection threshold of a component."""

    wire = config_pb2.ThresholdUpdate
    component: str = ""
    parameter: str = ""
    value: float = 0.0


class ConfigUpdate(Message):
    """A change of configuration; exactly one of the last four fields is set."""

    wire = config_pb2.ConfigUpdate
    update_id: str = ""
    initiated_by: str = ""
    reason: str = ""
    probe_schedule: ProbeScheduleUpdate | None = None
    overhead_budget: OverheadBudgetUpdate | None = None
    sampling_rate: SamplingRateUpdate | None = None
    threshold: ThresholdUpdate | None = None

    @property
    def payloads(self) -> tuple[str, ...]:
        """The names of the payload fields that are set."""
        names = ("probe_schedule", "overhead_budget", "sampling_rate", "threshold")
        return tuple(name for name in names if getattr(self, name) is not None)


class ConfigAck(Message):
    """What became of a change of configuration; `config_version` is the version after it."""

    wire = config_pb2.ConfigAck
    update_id: str = ""
    applied: bool = False
    component_id: str = ""
    error: str = ""
    config_version: int = 0
