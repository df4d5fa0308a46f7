"""Recorded steps: how work that must survive a crash marks what it has already done.

A step is one piece of outside work (a model turn, a tool call, a publication). Once its result is recorded, the work
is never done again: after a crash the same code runs from its beginning, and every recorded step answers at once with
what it answered before. So the code between steps must be a pure function of their results: it reads no clock, draws
no random number, and starts its steps in the same order each time.

What a step raised is recorded too, and raised again. Cancellation is not: a step cut off by a shutdown was not done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from gcm_sentinel.domain.jsontypes import Json

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Codec(Generic[T]):
    """How a step's result is written down and read again; ``decode(encode(x)) == x``."""

    encode: Callable[[T], Json]
    decode: Callable[[Json], T]


class Steps(Protocol):
    """Runs steps of one piece of work, in the order they are started."""

    async def run(self, name: str, work: Callable[[], Awaitable[T]], codec: Codec[T]) -> T:
        """The result of `work`, or the recorded one where it was done before.

        `name` is the same at every run of the same step (``turn``, ``tool:get_node_info``).

        Raises:
            SentinelError: what `work` raised, now or when it was recorded.
        """
        ...


class Unrecorded:
    """`Steps` that keep nothing: for a single investigation by hand, the demo, evaluation and tests."""

    async def run(self, name: str, work: Callable[[], Awaitable[T]], codec: Codec[T]) -> T:
        """Do the work."""
        return await work()


class Job(Protocol):
    """What a queue runs for one key: from its beginning after every crash, its recorded steps answered from the
    record."""

    async def __call__(self, key: str, steps: Steps) -> None:
        """Do the work of `key`."""
        ...


class JobQueue(Protocol):
    """Where jobs wait for a slot and, once taken, are finished, by this process or by another."""

    async def submit(self, key: str, *, priority: int) -> None:
        """Have the job of `key` done once; a key submitted before is left as it is. Lower `priority` goes first (>= 1).

        Raises:
            Retryable: the queue's database is away.
        """
        ...
