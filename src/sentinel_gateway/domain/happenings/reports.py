"""What agents and monitors report: probes that did not pass, anomalies, telemetry; and that they report nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from sentinel_gateway.domain.anomalies import AnomalyEvent, AnomalyType
from sentinel_gateway.domain.happenings.happening import Happening, named
from sentinel_gateway.domain.probes import ProbeType
from sentinel_gateway.domain.telemetry import TelemetryReport


class AnomalySource(IntEnum):
    """Who reports anomalies; numbers equal the wire's."""

    INFERENCE_MONITOR = 1
    TRAINING_MONITOR = 2
    INVARIANT_CHECKER = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFailed(Happening):
    """A probe found corrupted data on an SM."""

    sm_id: int
    probe_type: int

    @property
    def words(self) -> str:
        return f"{named(ProbeType, self.probe_type)} probe failed on SM {self.sm_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailuresInARow(Happening):
    """So many probes failed one after the other on an SM."""

    sm_id: int
    row: int

    @property
    def words(self) -> str:
        return f"{self.row} probes in a row failed on SM {self.sm_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailuresOnSms(Happening):
    """So many SMs of a GPU failed within a window."""

    sms: int
    window_s: int

    @property
    def words(self) -> str:
        return f"probes failed on {self.sms} SMs within {self.window_s} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeTimedOut(Happening):
    """A probe did not end in time."""

    sm_id: int
    probe_type: int

    @property
    def words(self) -> str:
        return f"{named(ProbeType, self.probe_type)} probe timed out on SM {self.sm_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalySeen(Happening):
    """A monitor reported an anomaly."""

    anomaly_type: int
    source: int
    severity: int
    score: float = 0.0

    @property
    def words(self) -> str:
        return f"{named(AnomalyType, self.anomaly_type)} anomaly with score {self.score:.4g}"

    @classmethod
    def of(cls, event: AnomalyEvent, time_ns: int) -> AnomalySeen:
        """Of what was reported."""
        return cls(
            time_ns=time_ns,
            gpu=event.gpu,
            event_ids=(event.event_id,) if event.event_id else (),
            anomaly_type=event.anomaly_type,
            source=event.source,
            severity=event.severity,
            score=event.score,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryRead(Happening):
    """What a GPU says of itself; None for what its agent does not report."""

    throttled: bool | None = None
    uncorrected: int | None = None
    """ECC errors that could not be corrected, of SRAM and DRAM together."""
    retired_pages: int | None = None

    @property
    def words(self) -> str:
        parts = (
            "throttling for heat" if self.throttled else "",
            f"uncorrected ECC errors: {self.uncorrected}" if self.uncorrected else "",
            f"retired memory pages: {self.retired_pages}" if self.retired_pages else "",
        )
        return ", ".join(part for part in parts if part) or "nothing to report"

    @classmethod
    def of(cls, report: TelemetryReport, time_ns: int) -> TelemetryRead:
        """Of a report."""
        thermal, ecc = report.thermal, report.ecc
        return cls(
            time_ns=time_ns,
            gpu=report.gpu,
            throttled=thermal.throttle_active if thermal else None,
            uncorrected=ecc.sram_uncorrected + ecc.dram_uncorrected if ecc else None,
            retired_pages=ecc.retired_pages if ecc else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard(Happening):
    """A host's agent reported probes or telemetry; `time_ns` is when it was received."""

    @property
    def words(self) -> str:
        return "the agent reports"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSilent(Happening):
    """A host's agent reported nothing for a while, or does so again."""

    silent_s: int = 0
    is_over: bool = False

    @property
    def words(self) -> str:
        return f"the agent has reported nothing for {self.silent_s} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbesTakeTooMuch(Happening):
    """Probes have taken too much of the GPUs of a host for a while, or no longer do."""

    overhead_pct: float
    """Of its busiest GPU's time."""
    is_over: bool = False

    @property
    def words(self) -> str:
        return f"probes take {self.overhead_pct:.2f} % of a GPU's time"
