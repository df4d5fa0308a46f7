"""What was found out from reports: patterns, common causes, votes, the rate of the fleet, the ledger's state."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from sentinel_gateway.domain.happened import HOST, GuardChange
from sentinel_gateway.domain.happenings.happening import Happening, named
from sentinel_gateway.domain.history import Correlation
from sentinel_gateway.domain.probes import ProbeType
from sentinel_gateway.domain.tmr import TmrOutcome, TmrVerdict


class Pattern(IntEnum):
    """Kinds of correlations; numbers equal `sentinel.v1.PatternType`."""

    MULTI_SIGNAL = 1
    SM_LOCALIZED = 2
    ENVIRONMENTAL = 3
    NODE_CORRELATED = 4
    FIRMWARE_CORRELATED = 5
    TMR_CONFIRMED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlated(Happening):
    """Several events read as one finding."""

    pattern_type: int
    confidence: float
    description: str = ""
    recommended_action: str = ""

    @property
    def words(self) -> str:
        name, share = named(Pattern, self.pattern_type), f"{self.confidence:.0%}"
        return f"{name} with confidence {share}: {self.description}"

    @classmethod
    def of(cls, found: Correlation) -> Correlated:
        """Of what the history keeps."""
        return cls(
            time_ns=found.time_ns,
            gpu=found.gpu,
            event_ids=(found.event_id, *found.events),
            pattern_type=found.pattern_type,
            confidence=found.confidence,
            description=found.description,
            recommended_action=found.recommended_action,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonCause(Happening):
    """Failing GPUs have something in common, or have it no more."""

    change: GuardChange

    @property
    def words(self) -> str:
        change = self.change
        what = f"{change.shared} {change.value}".strip()
        types = " and ".join(named(ProbeType, kind) for kind in change.probe_types)
        probes = f" with {types} probes" if types else ""
        return f"{change.gpus} of {change.of} GPUs fail together{probes}; what they share: {what}"

    def facts(self) -> dict[str, str]:
        """Those of the change; the types of probes by name."""
        change = self.change
        told = {"cause": change.key, "shared": change.shared, "value": change.value}
        types = ", ".join(named(ProbeType, kind) for kind in change.probe_types)
        return {**told, "probe_types": types, "gpus": str(change.gpus), "of": str(change.of)}

    @classmethod
    def of(cls, change: GuardChange, time_ns: int) -> CommonCause:
        """Of what followers are told."""
        return cls(time_ns=time_ns, hostname=change.value if change.shared == HOST else "", change=change)


@dataclass(frozen=True, slots=True, kw_only=True)
class TmrVoted(Happening):
    """Three GPUs computed the same thing; `gpu` is the one that stood alone."""

    canary_id: str
    outcome: TmrOutcome

    @property
    def words(self) -> str:
        return f"TMR round {self.canary_id} ended with {self.outcome.name}"

    @classmethod
    def of(cls, verdict: TmrVerdict, time_ns: int) -> TmrVoted:
        """Of a vote."""
        gpu, ids = verdict.dissenting_gpu, (verdict.canary_id,)
        return cls(time_ns=time_ns, gpu=gpu, event_ids=ids, canary_id=verdict.canary_id, outcome=verdict.outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRate(Happening):
    """How often data are corrupted in the whole fleet (`FleetSummary.overall_sdc_rate`)."""

    rate: float
    """Failed probes and TMR dissents per GPU-hour."""
    gpus: int

    @property
    def words(self) -> str:
        return f"{self.rate:.4g} corruptions per GPU-hour in a fleet of {self.gpus} GPUs"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerVerified(Happening):
    """The audit ledger was verified."""

    valid: bool
    kind: str = ""
    description: str = ""
    first_invalid_entry_id: int = 0

    @property
    def words(self) -> str:
        return f"the audit ledger does not verify: {self.kind} {self.description}"
