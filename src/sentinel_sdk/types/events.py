"""What happens at a gateway, one event after the other."""

from __future__ import annotations

from typing import TypeAlias

from sentinel.ext.v1 import events_pb2
from sentinel_sdk.types.common import GpuIdentifier
from sentinel_sdk.types.enums import ProbeType
from sentinel_sdk.types.health import CorrelationEvent, StateTransition
from sentinel_sdk.types.message import Message
from sentinel_sdk.types.quarantine import DirectiveRecord
from sentinel_sdk.types.timestamps import UtcDatetime


class SharedCause(Message):
    """Many GPUs fail for one reason, which is none of theirs; or no longer do, where `raised` is False.

    `key` is the same from raised to lifted. `shared` is probe, golden_answer, rollout, host or facility; `value` says
    which one. `gpus` of `of` GPUs that it could concern failed lately. `probe_types` are those that fail for it, none
    where it is about all of them; `since` is when it was found.
    """

    wire = events_pb2.SharedCause
    key: str = ""
    shared: str = ""
    value: str = ""
    gpus: int = 0
    of: int = 0
    raised: bool = False
    description: str = ""
    probe_types: list[ProbeType] = []
    since: UtcDatetime | None = None


Happening: TypeAlias = StateTransition | CorrelationEvent | DirectiveRecord | SharedCause


class Event(Message):
    """One event; `position` grows from event to event and says where to go on. At most one of the last four is set.

    `gpu` is None where it is about no single GPU.
    """

    wire = events_pb2.Event
    position: int = 0
    time: UtcDatetime | None = None
    gpu: GpuIdentifier | None = None
    state: StateTransition | None = None
    correlation: CorrelationEvent | None = None
    directive: DirectiveRecord | None = None
    shared_cause: SharedCause | None = None

    @property
    def what(self) -> Happening | None:
        """What happened; None in the first event from now on, and for a kind that this version does not know."""
        told = (self.state, self.correlation, self.directive, self.shared_cause)
        return next((one for one in told if one is not None), None)
