"""What followers of the gateway are told, one after the other: everything that could concern somebody on call.

Each has a position that only grows, so that a follower that was away goes on where it stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sentinel_gateway.domain.directives import DirectiveRecord
from sentinel_gateway.domain.history import Correlation, StateTransition
from sentinel_gateway.domain.identity import Gpu

HOST = "host"
"""`model.guards.Shared.HOST`: a cause that one host's GPUs share."""


@dataclass(frozen=True, slots=True)
class GuardChange:
    """Failures of many GPUs were found to have one cause, or no longer are; also how a cause stands that is asked for.

    The one description of it: followers are told it, alerts are judged from it (`happenings.CommonCause`).
    """

    key: str
    """Of `model.guards.Guard`."""
    shared: str
    """`probe`, `golden_answer`, `rollout`, `host` or `facility`."""
    value: str
    """Which model, version or host; empty for the whole fleet."""
    gpus: int
    of: int
    raised: bool
    """False where it was lifted."""
    description: str
    probe_types: tuple[int, ...] = ()
    """Which probe types fail for it; empty where it is about all of them, as a host or power is."""
    since_ns: int = 0
    """When it was found; 0 in what earlier versions stored."""


Happening: TypeAlias = StateTransition | Correlation | DirectiveRecord | GuardChange


@dataclass(frozen=True, slots=True)
class Happened:
    """One of them."""

    position: int
    time_ns: int
    what: Happening | None
    """None in the first that is told to who follows from now: nothing happened, it only says where now is."""
    gpu: Gpu | None
    """None where it is about no single GPU."""
