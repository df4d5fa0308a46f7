"""The seams of acting: what a remediation tool is, and what it is given to work with.

A tool plans, carries out, checks and takes back one operation. It decides nothing: whether its plan may run is the
gate's business, and all it can send is what the plan has shown.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias, TypeVar

from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ApiCall, Order
from gcm_sentinel.domain.ownership import NodeMarks
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.steps import Codec
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
    severable: tuple[ApiCall, ...] = ()
    """Calls that stand each for an object of its own, evictions for example. One that an earlier order lacks is left
    out when that order is carried out, and does not make it another order."""
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


GONE_ALREADY = "gone_already"
"""True in the answer to a ``DELETE`` of what was not there any more."""
Unless: TypeAlias = Callable[[JsonObject], str]
"""Why an object, as it is now, must not be changed; empty where it may."""
Besides: TypeAlias = Callable[[JsonObject], Awaitable[str]]
"""The same of what has to be read beside the object: the pods on a node, for example."""
Done: TypeAlias = Callable[[JsonObject], bool]
"""Whether an object, as it is now, is as a call would make it: the call was sent and arrived, or need not be sent."""
T = TypeVar("T")


class Hands(Protocol):
    """The only way a tool changes anything: the calls of its own order, each sent at most once."""

    async def send(
        self,
        call: ApiCall,
        *,
        unless: Unless | None = None,
        besides: Besides | None = None,
        done: Done | None = None,
        about: str = "",
    ) -> JsonObject:
        """Send one call of the order; what identifies the object afterwards.

        With `unless` the object is read first: where it is another one than the order's target, or `unless` gives a
        reason, nothing is sent; else the call is bound to the version that was read, and read again where it changed
        meanwhile. `besides` is asked after `unless`, each time, and counts like it. Where `done` says so of what was
        read, nothing is sent and the call counts as answered. A call whose answer was recorded is not sent again.

        `about` is the path of the object to read where the call makes another one, under a name of its own: one of that
        name that exists already counts as made. A ``CALL`` goes to the SENTINEL gateway, under the order's handle. A
        ``DELETE`` names the version it means itself, and what is gone counts as deleted (`GONE_ALREADY`). A ``PROBE``
        goes to a GPU node's agent, lasts for minutes, and is run again where it was cut off; with `about`, `unless` and
        `besides` are asked all the while, and end it.

        Raises:
            Refused: the call is not one of the order's, or the object is not as it must be.
            SentinelError: as the API server answered; `Overloaded` where a disruption budget holds a pod.
        """
        ...

    async def look(self, name: str, work: Callable[[], Awaitable[T]], codec: Codec[T]) -> T:
        """What `work` reads, the same again in a replay.

        Raises:
            SentinelError: what `work` raised.
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
