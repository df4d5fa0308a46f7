"""Steps of an action that another process began: nothing is sent first after the reason for it has gone.

Between beginning and the first request there may be days, in which the process was down. A request that is answered
already is another matter: what it has led to is seen through. The asking is part of the step that would send, so the
record of steps has no other shape for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from gcm_sentinel.domain.errors import Refused
from gcm_sentinel.domain.steps import Codec, Steps

T = TypeVar("T")

_SENDS = "send:"
_SENT_OR_TAKEN_BACK = frozenset({"carried", "undo"})
"""Steps after which nothing is a first request any more (remediation/execute.py)."""


class Resumed:
    """`Steps` that ask before each request, until one is answered."""

    def __init__(self, steps: Steps, objection: Callable[[], Awaitable[str]]) -> None:
        """`objection` is why nothing may be sent any more; empty where it may."""
        self._steps = steps
        self._objection = objection
        self._asks = True

    async def run(self, name: str, work: Callable[[], Awaitable[T]], codec: Codec[T]) -> T:
        """As `Steps` do.

        Raises:
            Refused: nothing was answered yet, and nothing may be sent any more.
            SentinelError: what `work` raised, now or when it was recorded.
        """
        self._asks = self._asks and name not in _SENT_OR_TAKEN_BACK
        if not self._asks or not name.startswith(_SENDS):
            return await self._steps.run(name, work, codec)

        async def unless() -> T:
            if words := await self._objection():
                raise Refused(words)
            return await work()

        answer = await self._steps.run(name, unless, codec)
        self._asks = False
        return answer
