"""TMR canaries: which three GPUs are to compute the same thing next, told to who follows.

Nothing is scheduled while nobody follows, and only GPUs on followed hosts take part. What is open is stored before
anybody is told, so that a report after a restart is known to be wanted, and hosts that follow again are told again. A
canary nobody reports in time is forgotten, and its target is the first to be chosen again.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from hashlib import sha256

from sentinel_gateway.core.actor import Actor
from sentinel_gateway.core.bell import Bell
from sentinel_gateway.core.ids import uuid7
from sentinel_gateway.core.memory import Memory
from sentinel_gateway.core.round import Round
from sentinel_gateway.core.work import Work
from sentinel_gateway.domain.errors import GatewayError
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.settings import TmrSettings
from sentinel_gateway.domain.tmr import OpenCanary, TmrRequest
from sentinel_gateway.model.canaries import Candidate, triples

_EVERYWHERE = ""


@dataclass(frozen=True, slots=True)
class _Turn:
    """What came of looking once."""

    given_up: tuple[OpenCanary, ...]
    scheduled: tuple[OpenCanary, ...]


class Canaries:
    """See the module."""

    def __init__(
        self, memory: Memory, actor: Actor, settings: TmrSettings, now_ns: Callable[[], int], chance: random.Random
    ) -> None:
        self._memory, self._actor, self._settings = memory, actor, settings
        self._now_ns, self._chance = now_ns, chance
        self._bell = Bell()
        self._followed: Counter[str] = Counter()
        self._rounds: dict[str, int] = {}
        """In which round a GPU was a target last."""
        self._round = 0
        self._next_ns = 0
        self._number = 0

    async def follow(self, hostname: str) -> AsyncIterator[TmrRequest]:
        """Canaries in which a GPU of the host takes part (empty: all), those that are open now first."""
        self._followed[hostname] += 1
        try:
            number = 0
            while not self._bell.is_over:
                for one in [one for one in self._memory.canaries.values() if one.number > number]:
                    number = one.number
                    is_open = one.request.canary_id in self._memory.canaries
                    if is_open and (not hostname or any(gpu.hostname == hostname for gpu in one.request.gpus)):
                        yield one.request
                if number >= self._newest():
                    await self._bell.wait()
        finally:
            self._followed[hostname] -= 1
            self._followed += Counter()  # forgets hosts nobody follows

    def end(self) -> None:
        """Followers end."""
        self._bell.end()

    async def tick(self) -> None:
        """Give up what nobody reported in time; schedule anew where it is time.

        Raises:
            GatewayError: it could not be stored.
        """
        now_ns, before_ns = self._now_ns(), self._next_ns
        interval_ns = int(self._settings.interval.total_seconds() * 1e9)
        is_time = bool(interval_ns and now_ns >= before_ns and self._followed.total())
        if not is_time and all(one.due_ns > now_ns for one in self._memory.canaries.values()):
            return
        if is_time:
            self._next_ns = now_ns + interval_ns
        try:
            turn = await self._actor.ask(Work(lambda round_: self._take_turn(round_, is_time=is_time)))
        except GatewayError:
            self._next_ns = before_ns
            raise
        self._remember(turn)
        self._bell.ring()

    def _newest(self) -> int:
        return max((one.number for one in self._memory.canaries.values()), default=0)

    def _take_turn(self, round_: Round, *, is_time: bool) -> _Turn:
        given_up = tuple(one for one in round_.canaries.values() if one.due_ns <= round_.now_ns)
        for one in given_up:
            round_.canaries.remove(one.request.canary_id)
        scheduled = self._scheduled(given_up, round_) if is_time else ()
        for one in scheduled:
            round_.canaries.put(one.request.canary_id, one)
        return _Turn(given_up, scheduled)

    def _remember(self, turn: _Turn) -> None:
        for one in turn.given_up:
            self._rounds.pop(one.request.gpus[0].uuid, None)
        self._round += 1
        for one in turn.scheduled:
            self._rounds[one.request.gpus[0].uuid] = self._round
            self._number = one.number

    def _scheduled(self, given_up: tuple[OpenCanary, ...], round_: Round) -> tuple[OpenCanary, ...]:
        anew = {one.request.gpus[0].uuid for one in given_up}
        candidates = [
            Candidate(known.gpu, known.state, 0 if known.gpu.uuid in anew else self._rounds.get(known.gpu.uuid, 0))
            for known in round_.gpus.values()
            if self._followed[_EVERYWHERE] or self._followed[known.gpu.hostname]
        ]
        settings, first = self._settings, max(self._number, self._newest()) + 1
        chosen = triples(candidates, self._memory.edges, settings.triples, settings.strategy, self._chance)
        due_ns = round_.now_ns + int(settings.timeout.total_seconds() * 1e9)
        return tuple(
            OpenCanary(number, self._request(three, round_.now_ns), due_ns)
            for number, three in enumerate(chosen, first)
        )

    def _request(self, chosen: tuple[Gpu, Gpu, Gpu], now_ns: int) -> TmrRequest:
        canary_id = uuid7(now_ns)
        return TmrRequest(
            canary_id,
            chosen,
            input_hash=sha256(canary_id.encode()).digest(),
            model_id=self._settings.model_id,
            timeout_ms=int(self._settings.timeout.total_seconds() * 1000),
        )
