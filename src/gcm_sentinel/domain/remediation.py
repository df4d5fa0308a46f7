"""The seams of acting: what a remediation tool is, and what it is given to work with.

A tool plans, carries out, checks and takes back one operation. It decides nothing: whether its plan may run is the
gate's business, and all it can send is what the plan has shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias

from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ApiCall, Order
from gcm_sentinel.domain.ownership import NodeMarks
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec


@dataclass(frozen=True, slots=True)
class Affected:
    """One pod that an operation would move or stop, for whoever decides."""

    pod: str
    """``namespace/name``."""
    owner: str
    """Its workload, ``PyTorchJob/llama``; the pod itself where it has none."""
    gpus: int = 0
    gang: tuple[str, ...] = ()
    """Pods of the same gang on other nodes, which stop with it (JobSet, MPIJob, PyTorchJob ...)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an operation would do now, and what was seen while planning it."""

    order: Order
    marks: NodeMarks
    """Of the target's node."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Of the target's node."""
    affects: tuple[Affected, ...] = ()
    spared: tuple[str, ...] = ()
    """What it leaves alone and why, one line each."""
    notes: tuple[str, ...] = ()
    already: bool = False
    """Whether the world is as the operation would make it, by our own hand: there is nothing to send."""


@dataclass(frozen=True, slots=True)
class Check:
    """How far an operation has come."""

    met: bool
    words: str
    """What was found, for the record."""
    hopeless: bool = False
    """Whether waiting longer cannot help."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What carrying out came to."""

    sent: int
    """Requests that changed something."""
    left: tuple[str, ...] = ()
    """What could not be done, one line each: pods a budget protects, for example."""
    facts: JsonObject = field(default_factory=dict)
    """What checking needs later: the boot id before a reboot, the name of a custom resource."""


Unless: TypeAlias = Callable[[JsonObject], str]
"""Why an object, as it is now, must not be changed; empty where it may."""


class Hands(Protocol):
    """The only way a tool changes anything: the calls of its own order, each sent at most once."""

    async def send(self, call: ApiCall, *, unless: Unless | None = None) -> JsonObject:
        """Send one call of the order; what identifies the object afterwards.

        With `unless` the object is read first: where it is another one than the order's target, or `unless` gives a
        reason, nothing is sent; else the call is bound to the version that was read, and read again where it changed
        meanwhile. A call whose answer was recorded is not sent again.

        Raises:
            Refused: the call is not one of the order's, or the object is not as it must be.
            SentinelError: as the API server answered; `Overloaded` where a disruption budget holds a pod.
        """
        ...

    async def pause(self, seconds: float) -> None:
        """Wait; after a crash the wait is not begun anew."""
        ...

    async def now(self) -> datetime:
        """The time, the same again in a replay."""
        ...


class RemediationTool(Protocol):
    """One operation; holds no state between calls."""

    @property
    def operation(self) -> Operation:
        """Which one."""
        ...

    @property
    def spec(self) -> ToolSpec:
        """The tool as a model sees it; its name is the operation's."""
        ...

    async def plan(self, call: ToolCall, scope: Scope) -> Plan:
        """What `call` would do now. Reads only.

        Raises:
            ValueError: an argument is missing or wrong; the words go to the model.
            NotFound: there is no such target.
            SentinelError: the world could not be read.
        """
        ...

    async def carry_out(self, order: Order, hands: Hands) -> Carried:
        """Do it; called again after a crash it goes on where it was.

        Raises:
            SentinelError: it could not be done; what was sent stays recorded.
        """
        ...

    async def check(self, order: Order, carried: Carried) -> Check:
        """Whether it has had its effect by now. Reads only.

        Raises:
            SentinelError: the world could not be read.
        """
        ...

    async def undo(self, order: Order, carried: Carried) -> Order | None:
        """The order that takes it back, of what is still ours only; None where there is nothing to take back.

        Raises:
            SentinelError: the world could not be read.
        """
        ...
