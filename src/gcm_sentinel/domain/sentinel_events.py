"""What a SENTINEL gateway tells of as it happens: changes of state, correlated patterns, directives, shared causes.

Values only. Each event has a position that grows from event to event, so that who was away goes on where he stopped.
A kind of event this version does not know has no `what`; its position counts all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from gcm_sentinel.domain.gpu_health import Gpu, Pattern, Transition

WAITING = "WAITING"
"""Status of a directive that waits for a person."""


@dataclass(frozen=True, slots=True)
class Directive:
    """What is to be done to a GPU, and what became of it."""

    id: str
    action: str
    """``QUARANTINE``, ``REINSTATE``, ``CONDEMN``, ``SCHEDULE_DEEP_TEST``."""
    status: str
    """`WAITING`, ``EXECUTED``, ``DENIED``, ``EXPIRED``, ``OVERTAKEN``, ``WITHDRAWN``."""
    reason: str = ""
    issued_by: str = ""
    issued_at: datetime | None = None
    expires_at: datetime | None = None
    """When a waiting one is given up."""
    gpu: Gpu | None = None
    note: str = ""
    """Why it was not executed."""


@dataclass(frozen=True, slots=True)
class SharedCause:
    """Many GPUs fail for one reason, which is none of theirs."""

    key: str
    """The same from raised to lifted."""
    shared: str
    """``probe``, ``golden_answer``, ``rollout``, ``host``, ``facility``."""
    value: str
    """Which model, version or host; empty for the whole fleet."""
    gpus: int
    """That failed lately."""
    of: int
    """That it could concern."""
    raised: bool
    """False where it was lifted."""
    description: str = ""
    probe_types: tuple[str, ...] = ()
    """Which probes fail for it, such as ``FMA``; empty where it is about all of them, or the gateway is older."""


Happening: TypeAlias = Transition | Pattern | Directive | SharedCause


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    position: int
    at: datetime | None
    what: Happening | None
    """None for a mere position, and for what this version does not know."""
    gpu: Gpu | None = None
    """None where it is about no single GPU."""
