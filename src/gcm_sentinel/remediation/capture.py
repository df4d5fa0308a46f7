"""Evidence first: what an operation destroys is read and stored before it is even ruled on.

A reset or a reboot takes the kernel's ring buffer, volatile counters and the pods' state with it. What the sources can
still read of the node is kept with the evidence of the investigation, as C5b0cde-1, C5b0cde-2 ...: each reading is a
recorded step, so after a crash nothing is read twice, and no later reading, of a node that has booted since, replaces
the first. The letters after the C are drawn from the order, so two orders captured at once share no name.

The node and its events must have been read: the API server has them, whatever the node does, and without them nobody
knows what is being reset. The other sources may be off, or the node too sick to answer them: that is stored too, and a
node that hangs can still be rebooted.

That holds for the node's own agent as well, though it has the most to lose: the whole log, every counter, who held each
GPU. It runs on the node that is sick, and often enough on the very driver that hangs. Were its answer needed, the nodes
that most need a reset could never get one, and an attacker who silenced one process would keep a bad GPU in service.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Protocol

import structlog

from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.order import Order
from gcm_sentinel.domain.protocols import EvidenceStore, Scope
from gcm_sentinel.domain.steps import Codec, Steps
from gcm_sentinel.domain.transcript import ToolCall

log = structlog.get_logger(__name__)

LETTER = "C"
"""Of the ids of captured evidence."""
NEEDED = ("get_node_info", "get_node_events")
"""Tools that must have looked."""
WANTED = (
    "get_workload_info",
    "read_kernel_log",
    "query_dcgm_direct",
    "compare_gpu_metrics",
    "capture_node_evidence",
)
"""Tools whose answer is kept, whatever it is. The last one is the node's own agent's; no engine is offered it."""
_NUMBER: Codec[int] = Codec(encode=lambda number: number, decode=lambda data: int(str(data)))


@dataclass(frozen=True, slots=True)
class Name:
    """Of one piece of captured evidence."""

    prefix: str
    """The same for all that is captured for one order: ``C5b0cde-``."""
    number: int


class Gatherer(Protocol):
    """Runs tools of the read-only sources and stores what they return, secrets removed."""

    def offers(self, tool: str) -> bool:
        """Whether there is such a tool."""
        ...

    async def gather(self, calls: Sequence[ToolCall], scope: Scope, steps: Steps, first: Name) -> tuple[Evidence, ...]:
        """What the calls came to, stored under `first` and the names after it; a recorded step each."""
        ...


class Capture:
    """Captures what an operation on a node would destroy."""

    def __init__(self, gatherer: Gatherer, store: EvidenceStore) -> None:
        self._gatherer = gatherer
        self._store = store

    async def before(self, order: Order, scope: Scope, steps: Steps) -> bool:
        """Capture what carrying out `order` destroys; whether what is needed was read and stored.

        Raises:
            SentinelError: the store could not be read.
        """
        node = order.target.node or order.target.name
        tools = [tool for tool in (*NEEDED, *WANTED) if self._gatherer.offers(tool)]
        calls = [ToolCall(f"capture-{tool}", tool, {"node_name": node}) for tool in tools]
        prefix = f"{LETTER}{sha256(order.key.encode(errors='surrogatepass')).hexdigest()[:6]}-"
        number = await steps.run("capture", partial(self._next, order.investigation_id, prefix), _NUMBER)
        found = await self._gatherer.gather(calls, scope, steps, Name(prefix, number))
        looked = {item.tool for item in found if item.result.status.observed}
        missing = sorted(set(NEEDED) - looked)
        log.info("action.captured", order=order.key, evidence=[item.id for item in found], missing=missing)
        return not missing

    async def _next(self, investigation_id: str, prefix: str) -> int:
        """The number after the last that was captured for this order: a later capture replaces no earlier one."""
        kept = [item.id.removeprefix(prefix) for item in await self._store.all(investigation_id)]
        return max((int(number) for number in kept if number.isdecimal()), default=0) + 1
