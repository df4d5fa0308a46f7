"""TMR canaries: which three GPUs are to compute the same thing next, told to who follows.

Nothing is scheduled while nobody follows, and only GPUs on followed hosts take part. What is open is kept in memory
alone: after a restart others are scheduled, and results of the old ones count all the same. A canary nobody reports in
time is forgotten, and its target is the first to be chosen again.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from hashlib import sha256

from sentinel_gateway.core.bell import Bell
from sentinel_gateway.core.ids import uuid7
from sentinel_gateway.core.memory import Memory
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.settings import TmrSettings
from sentinel_gateway.domain.tmr import TmrRequest
from sentinel_gateway.model.canaries import Candidate, triples

_REMEMBERED = 1000
"""Canaries a slow follower may be behind; older ones have timed out."""
_EVERYWHERE = ""


@dataclass(frozen=True, slots=True)
class _Open:
    """A canary whose results are waited for."""

    number: int
    request: TmrRequest
    due_ns: int


class Canaries:
    """See the module."""

    def __init__(self, memory: Memory, settings: TmrSettings, now_ns: Callable[[], int], chance: random.Random) -> None:
        self._memory, self._settings, self._now_ns, self._chance = memory, settings, now_ns, chance
        self._bell = Bell()
        self._followed: Counter[str] = Counter()
        self._scheduled: deque[_Open] = deque(maxlen=_REMEMBERED)
        self._open: dict[str, _Open] = {}
        self._rounds: dict[str, int] = {}
        self._round = 0
        self._next_ns = 0
        self._number = 0

    async def follow(self, hostname: str) -> AsyncIterator[TmrRequest]:
        """Canaries in which a GPU of the host takes part (empty: all), those that are open now first."""
        self._followed[hostname] += 1
        try:
            number = min((one.number for one in self._open.values()), default=self._number + 1) - 1
            while not self._bell.is_over:
                for one in [one for one in self._scheduled if one.number > number]:
                    number = one.number
                    is_open = one.request.canary_id in self._open
                    if is_open and (not hostname or any(gpu.hostname == hostname for gpu in one.request.gpus)):
                        yield one.request
                if number >= self._number:
                    await self._bell.wait()
        finally:
            self._followed[hostname] -= 1
            self._followed += Counter()  # forgets hosts nobody follows

    def reported(self, canary_id: str) -> None:
        """Its results are counted."""
        self._open.pop(canary_id, None)

    def end(self) -> None:
        """Followers end."""
        self._bell.end()

    def tick(self) -> None:
        """Forget what nobody reported in time; schedule anew where it is time."""
        now_ns = self._now_ns()
        for one in [one for one in self._open.values() if one.due_ns <= now_ns]:
            del self._open[one.request.canary_id]
            self._rounds.pop(one.request.gpus[0].uuid, None)
        interval_ns = int(self._settings.interval.total_seconds() * 1e9)
        if interval_ns and now_ns >= self._next_ns and self._followed.total():
            self._next_ns = now_ns + interval_ns
            self._schedule(now_ns)

    def _schedule(self, now_ns: int) -> None:
        self._round += 1
        candidates = [
            Candidate(known.gpu, known.state, self._rounds.get(uuid, 0))
            for uuid, known in self._memory.gpus.items()
            if self._followed[_EVERYWHERE] or self._followed[known.gpu.hostname]
        ]
        settings = self._settings
        for chosen in triples(candidates, self._memory.edges, settings.triples, settings.strategy, self._chance):
            self._number += 1
            self._rounds[chosen[0].uuid] = self._round
            one = _Open(
                self._number, self._request(chosen, now_ns), now_ns + int(settings.timeout.total_seconds() * 1e9)
            )
            self._open[one.request.canary_id] = one
            self._scheduled.append(one)
        self._bell.ring()

    def _request(self, chosen: tuple[Gpu, Gpu, Gpu], now_ns: int) -> TmrRequest:
        canary_id = uuid7(now_ns)
        return TmrRequest(
            canary_id,
            chosen,
            input_hash=sha256(canary_id.encode()).digest(),
            model_id=self._settings.model_id,
            timeout_ms=int(self._settings.timeout.total_seconds() * 1000),
        )
