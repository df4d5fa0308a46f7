"""The one who decides: takes what has queued up, decides it in order, stores it together, answers.

A request that fails for a reason of its own gets that error and the others go on. Where storing fails, nobody's change
happened and everybody is told `Unavailable`. A request that makes storing fail by itself (our mistake) is found by
storing the requests of its round one by one.

A round is decided in a thread of its own: it may take a second where a whole fleet fails, and streams, heartbeats and
health checks go on meanwhile. Nothing it looks at changes before it is published, which happens here in the event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import structlog

from sentinel_gateway.core.bell import Bell
from sentinel_gateway.core.counters import Counters
from sentinel_gateway.core.deciding import expire_faults
from sentinel_gateway.core.directing import expire_due
from sentinel_gateway.core.journal import Journal, Page
from sentinel_gateway.core.memory import Memory
from sentinel_gateway.core.notes import Notes, Told
from sentinel_gateway.core.recording import Recording, Trim
from sentinel_gateway.core.round import Round
from sentinel_gateway.core.work import Answer, Asked, Work, alerts_of, decide_one, fail, judge, needs_of, reply
from sentinel_gateway.domain.alerts import Alerts
from sentinel_gateway.domain.errors import BadConfiguration, Bug, Busy, GatewayError, Retryable, Unavailable
from sentinel_gateway.domain.recorded import Recorded
from sentinel_gateway.domain.settings import CoreSettings
from sentinel_gateway.storage.changes import Found

log = structlog.get_logger(__name__)


class Actor:
    """See the module."""

    def __init__(
        self,
        memory: Memory,
        journal: Journal,
        settings: CoreSettings,
        now_ns: Callable[[], int],
        alerts: Alerts,
    ) -> None:
        self.bell = Bell()
        self.notes = Notes(int(settings.note_window.total_seconds() * 1e9))
        self._memory, self._journal, self._settings, self._now_ns = memory, journal, settings, now_ns
        self.counters = Counters()
        self._alerts = alerts
        self._decider = ThreadPoolExecutor(1, "core-decider")
        self._queue: deque[Asked] = deque()
        self._items = 0
        self._something = asyncio.Event()
        self._is_stopping = False
        self._unsure: tuple[Round, Told] | None = None
        self._deciding: list[Asked] = []

    async def ask(self, work: Work[Answer]) -> Answer:
        """Have a request decided and stored.

        Raises:
            Busy: too much is waiting.
            Unavailable: the database is away, or the gateway stops.
            GatewayError: what deciding it raised.
        """
        limits = self._settings.queue
        if self._is_stopping:
            raise Unavailable("the gateway is stopping: try again")
        if len(self._queue) >= limits.max_requests or (self._queue and self._items + work.items > limits.max_items):
            raise Busy(f"{len(self._queue)} requests wait for the database already: slow down and try again")
        asked = Asked(work, asyncio.get_running_loop().create_future())
        self._queue.append(asked)
        self._items += work.items
        self.counters.waiting_requests = len(self._queue)
        self._something.set()
        return cast(Answer, await asked.answer)

    def note(self, event: str, fields: dict[str, str], count: int = 1) -> None:
        """Have something put on record soon."""
        self.notes.add(event, fields, self._now_ns(), count)
        self._something.set()

    async def record(self, recording: Recording | Trim) -> Recorded:
        """Have entries recorded, or old ones removed."""

        def _add(round_: Round) -> Recording | Trim:
            round_.recordings.append(recording)
            return recording

        answer: object = await self.ask(Work(_add, items=len(recording.entries)))
        return cast(Recorded, answer)

    def nudge(self) -> None:
        """Have what is due done now."""
        self._something.set()

    async def stop(self, last: Callable[[Round], None]) -> None:
        """Take nothing new and decide `last` after all that waits; `run` then ends."""
        if self._is_stopping:
            return
        asked = asyncio.ensure_future(self.ask(Work(last)))
        await asyncio.sleep(0)
        self._is_stopping = True
        try:
            await asked
        except GatewayError as error:
            log.warning("core.stop_not_recorded", reason=str(error))
        finally:
            self._something.set()

    async def run(self) -> None:
        """Decide until `stop`, then what still waits.

        Raises:
            BadConfiguration: nothing can be stored until the operator changes something.
        """
        try:
            while not (self._is_stopping and not self._queue):
                await self._something.wait()
                self._something.clear()
                while self._queue:
                    self._deciding = self._taken()
                    await self._store(self._deciding)
                await self._store([])
        finally:
            self._is_stopping = True
            self._decider.shutdown(wait=False)
            self._refuse_rest()

    def _taken(self) -> list[Asked]:
        """What has queued up, as much as one round holds; whoever stopped waiting is left out."""
        taken: list[Asked] = []
        items = 0
        while self._queue and (not taken or items + self._queue[0].work.items <= self._settings.queue.round_items):
            asked = self._queue.popleft()
            items += asked.work.items
            self._items -= asked.work.items
            if not asked.answer.cancelled():
                taken.append(asked)
        self.counters.waiting_requests = len(self._queue)
        return taken

    async def _store(self, taken: list[Asked]) -> None:
        """Decide, store and answer some requests."""
        try:
            await self._settle()
            found = await self._journal.look_up(needs_of(taken))
            loop = asyncio.get_running_loop()
            round_, answers = await loop.run_in_executor(self._decider, self._decided, taken, found)
            await self._write(round_, answers)
        except BadConfiguration as error:
            fail(taken, Unavailable(f"nothing can be stored: {error}"))
            raise
        except Retryable as error:
            self.counters.failed_rounds += 1
            self._alerts.missed()
            log.warning("core.round_not_stored", requests=len(taken), reason=str(error))
            fail(taken, Unavailable(f"nothing was stored: {error}") if isinstance(error, Busy) else error)
        except GatewayError as error:
            self.counters.failed_rounds += 1
            await self._one_by_one(taken, error)
        else:
            for asked, answer in answers:
                reply(asked, answer)
            self.bell.ring()

    async def _one_by_one(self, taken: list[Asked], error: GatewayError) -> None:
        """Find the request that cannot be stored."""
        log.error("core.round_failed", requests=len(taken), reason=str(error), exc_info=error)
        if len(taken) <= 1:
            fail(taken, error)
            return
        for asked in taken:
            await self._store([asked])

    async def _settle(self) -> None:
        """Learn what became of a round whose commit was not answered."""
        if await self._journal.settled() and self._unsure is not None:
            self._published(*self._unsure)
            self.bell.ring()
        self._unsure = None

    def _decided(self, taken: Sequence[Asked], found: Found) -> tuple[Round, list[tuple[Asked, object]]]:
        """A round in which every request was decided; where one fails unexpectedly, all is begun again without it."""
        failed: dict[int, Bug] = {}
        while True:
            round_ = Round(self._memory, self._settings, self._now_ns(), found)
            expire_due(round_)
            expire_faults(round_)
            answers: list[tuple[Asked, object]] = []
            for place, asked in enumerate(taken):
                answer = failed.get(place) or decide_one(asked.work, round_)
                if isinstance(answer, Bug) and place not in failed:
                    failed[place] = answer
                    break
                answers.append((asked, answer))
            else:
                judge(round_)
                round_.alerts = alerts_of(self._alerts, round_)
                return round_, answers

    async def _write(self, round_: Round, answers: list[tuple[Asked, object]]) -> None:
        told = self.notes.due(round_.now_ns) if not self._is_stopping else self.notes.everything(round_.now_ns)
        round_.entries.extend(entry for _, entry in told.values())
        if round_.is_empty:
            round_.publish_unstored()
            self._alerted(round_)
            self.counters.add(round_.counters)
            return
        page = Page(self._memory.round_number, round_.changes(), round_.entries, round_.recordings)
        self._unsure = round_, told
        recorded = await self._journal.write(page)
        self._unsure = None
        self._published(round_, told)
        places = {id(recording): answer for recording, answer in zip(round_.recordings, recorded, strict=True)}
        for place, (asked, answer) in enumerate(answers):
            if isinstance(answer, Recording | Trim):
                answers[place] = (asked, places[id(answer)])

    def _published(self, round_: Round, told: Told) -> None:
        round_.publish()
        self._alerted(round_)
        for (event, fields), count in round_.noted.items():
            self.notes.add(event, dict(fields), round_.now_ns, count)
        self.notes.recorded(told, round_.now_ns)
        self.counters.add(round_.counters)
        self.counters.rounds += 1
        self.counters.entries += len(round_.entries) + sum(len(one.entries) for one in round_.recordings)

    def _alerted(self, round_: Round) -> None:
        """What alerting decided holds."""
        if round_.alerts is not None:
            self._alerts.committed(round_.alerts)

    def _refuse_rest(self) -> None:
        fail([*self._deciding, *self._queue], Unavailable("the gateway stopped: try again"))
        self._queue.clear()
        self.bell.end()
