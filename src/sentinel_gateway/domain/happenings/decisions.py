"""What becomes of GPUs and of directives, and where nobody decides."""

from __future__ import annotations

from dataclasses import dataclass

from sentinel_gateway.domain.directives import DirectiveRecord, DirectiveStatus
from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.domain.happenings.happening import Happening
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.history import StateTransition
from sentinel_gateway.domain.identity import Gpu


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged(Happening):
    """A GPU's state changed."""

    from_state: HealthState
    to_state: HealthState
    reason: str = ""
    initiated_by: str = ""
    directive_id: str = ""

    @property
    def words(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.from_state.name} to {self.to_state.name} by {self.initiated_by or 'nobody named'}{reason}"

    @property
    def is_reinstated(self) -> bool:
        """Whether it came back because somebody decided so; a suspicion that passed is no reinstatement."""
        is_back = self.to_state is HealthState.HEALTHY
        return is_back and (self.from_state is not HealthState.SUSPECT or bool(self.directive_id))

    @classmethod
    def of(cls, transition: StateTransition, gpu: Gpu) -> StateChanged:
        """Of what the history keeps."""
        return cls(
            time_ns=transition.time_ns,
            gpu=gpu,
            event_ids=(transition.directive_id,) if transition.directive_id else (),
            from_state=transition.from_state,
            to_state=transition.to_state,
            reason=transition.reason,
            initiated_by=transition.initiated_by,
            directive_id=transition.directive_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectiveChanged(Happening):
    """A directive was executed, waits for a person, or waits no more."""

    directive_id: str
    action: str
    status: DirectiveStatus
    issued_by: str = ""
    reason: str = ""
    note: str = ""

    @property
    def words(self) -> str:
        what = f"{self.action} by {self.issued_by or 'nobody named'} is {self.status.name}"
        return ": ".join(part for part in (what, self.note, self.reason) if part)

    @classmethod
    def of(cls, record: DirectiveRecord, time_ns: int) -> DirectiveChanged:
        """Of what became of a directive now."""
        asked = record.directive
        return cls(
            time_ns=time_ns,
            gpu=asked.gpu,
            event_ids=(*asked.evidence, record.directive_id),
            directive_id=record.directive_id,
            action=asked.action.name,
            status=record.status,
            issued_by=record.issued_by,
            reason=asked.reason,
            note=record.note,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Overstayed(Happening):
    """A GPU has been out of use for longer than it should, and nobody decided about it."""

    state: HealthState
    hours: float
    reason: str = ""

    @property
    def words(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.state.name} for {self.hours:.1f} hours, and nobody decided about it{reason}"

    @classmethod
    def of(cls, known: GpuState, time_ns: int) -> Overstayed:
        """Of a GPU that is where it should not be any more."""
        hours = (time_ns - known.state_changed_ns) / 3.6e12
        return cls(time_ns=time_ns, gpu=known.gpu, state=known.state, hours=hours, reason=known.state_reason)
