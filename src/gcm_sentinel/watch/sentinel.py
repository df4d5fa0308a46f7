"""The watcher of a SENTINEL gateway: takes stock of the fleet, then follows what happens, and yields it as triggers.

The app runs `batches` as a task. Where it stopped is a position in the gateway's log of events, stored with the
triggers that reach up to it in one transaction; so whoever restarts, nothing is lost and nothing told twice. A batch
takes effect when the consumer asks for the next one, as with every watcher.

**Observed state, not edges.** Before the first event, where the gateway has forgotten events we did not see, and every
time a stream ends, stock is taken: which GPUs are not HEALTHY, which directives wait. What is known to be wrong and is
not found there is asked for by name, because silence is no health: a GPU the gateway does not know any more is told as
unknown, not as recovered. Which causes are shared just now is read from the log, from raised to lifted, which older
gateways have too.

A gateway that has no log of events (an older one) is taken stock of all the same, and the missing log is the problem
that operators see.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta

import structlog

from gcm_sentinel.clients.sentinel import SentinelGateway
from gcm_sentinel.domain.errors import Forgotten, NotFound, Overloaded, SentinelError
from gcm_sentinel.domain.incident_record import Symptom
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.domain.sentinel_events import Event, SharedCause
from gcm_sentinel.domain.topology import SHARED_CAUSE, GroupObserver
from gcm_sentinel.domain.trigger import Followed, Trigger
from gcm_sentinel.watch import sentinel_news as news
from gcm_sentinel.watch.health import STALLED_AFTER, WatchHealth
from gcm_sentinel.watch.pace import Pace
from gcm_sentinel.watch.sentinel_cohort import nodes_of
from gcm_sentinel.watch.sentinel_stock import Stock

log = structlog.get_logger(__name__)

FOLLOWED_FOR = timedelta(seconds=290)
"""One stream lasts so long; then stock is taken and the next one begins. Less than a watch may be silent."""
_HEAD_WITHIN = timedelta(seconds=15)
_READ_WITHIN = timedelta(seconds=5)
_ROLE = "it knows us, but our role does not do: give our certificate or token the role `investigator` in its settings"
_WHO = (
    "it does not know us: set GCM_SENTINEL_SENTINEL_TOKEN, or GCM_SENTINEL_SENTINEL_CLIENT_CERT and CLIENT_KEY, to one"
    " that the gateway's settings name"
)


class SentinelWatcher:
    """What goes wrong with GPUs by a gateway's record, as a stream of triggers."""

    def __init__(  # noqa: PLR0913 - each is one independent choice of the app's
        self,
        gateway: SentinelGateway,
        *,
        clock: Clock,
        position: int | None = None,
        known: Sequence[Symptom] = (),
        observer: GroupObserver | None = None,
        pace: Pace | None = None,
        lasting: timedelta = FOLLOWED_FOR,
    ) -> None:
        """`position` is how far storage has come, `known` what it says is wrong; `observer` is told of shared causes.

        Without a position stock is taken first. `lasting` is how long one stream is followed.
        """
        self._gateway = gateway
        self._clock = clock
        self._position = position
        self._known = news.remembered(known)
        self._observer = observer
        self._pace = pace or Pace()
        self._lasting = lasting
        self._stocks = 0
        self._stock_due_s = 0.0 if position is None else clock.monotonic() + lasting.total_seconds()
        """What the log tells of the time we were away comes first, or it would all be told twice."""
        self._health = WatchHealth(clock, server=gateway.endpoint, remedy=_ROLE, introduction=_WHO)

    @property
    def synced(self) -> bool:
        """Whether stock was taken, in this life or an earlier one, and the log is followed without trouble."""
        return self._position is not None and self._health.problem is None

    @property
    def position(self) -> int | None:
        """How far in the gateway's log everything was handled; None before the first stock."""
        return self._position

    @property
    def lists(self) -> int:
        """How often stock was taken."""
        return self._stocks

    @property
    def last_event_at(self) -> datetime | None:
        """When the gateway last told us anything; None before the first time."""
        return self._health.last_event_at

    @property
    def problem(self) -> str | None:
        """Why nothing can be followed just now, and what to do; None while all is well."""
        return self._health.problem

    def stalled(self, now_s: float, limit: timedelta = STALLED_AFTER) -> bool:
        """Whether nothing was heard or tried for longer than `limit`; `now_s` is the monotonic clock's time."""
        return self._health.stalled(now_s, limit)

    async def batches(self) -> AsyncGenerator[Followed, None]:
        """Yield what was found, until cancelled. It counts as stored when the next is asked for; one generator only."""
        self._health.begun()
        self._tell_groups(())
        while True:
            wait_s = 0.0
            try:
                async with aclosing(self._round()) as found:
                    async for followed in found:
                        self._tell_groups(followed.triggers)
                        with self._health.handing_over():
                            yield followed
                        self._accept(followed)
                self._health.heard()
            except SentinelError as error:
                self._failed(error)
                wait_s = (error.retry_after_s or 0.0) if isinstance(error, Overloaded) else 0.0
            await self._pace.pause(self._health.failures, wait_s)

    async def _round(self) -> AsyncGenerator[Followed, None]:
        """Take stock where it is time, then follow until the stream ends."""
        if self._position is None:
            async with aclosing(self._first_stock()) as found:
                async for followed in found:
                    yield followed
        elif self._clock.monotonic() >= self._stock_due_s:
            yield await self._stock(self._position)
        if self._position is not None:
            async with aclosing(self._follow(self._position)) as found:
                async for followed in found:
                    yield followed

    async def _first_stock(self) -> AsyncGenerator[Followed, None]:
        """Where the log ends, then how things stand: what happens meanwhile comes after that end and is read next."""
        try:
            head = await self._head()
        except NotFound:
            if self._clock.monotonic() >= self._stock_due_s:
                yield await self._stock(None)
            raise
        causes = await self._causes(head)
        stock = await self._stock(head)
        yield Followed(news.SOURCE, (*causes, *stock.triggers), head)

    async def _head(self) -> int:
        async with aclosing(self._gateway.follow(None, lasting=_HEAD_WITHIN)) as events:
            async for event in events:
                self._health.heard()
                return event.position
        raise SentinelError(f"SENTINEL gateway {self._gateway.endpoint} told no position of its log of events")

    async def _stock(self, position: int | None) -> Followed:
        stock = Stock(self._gateway, self._known, self._clock.now(), position)
        triggers = await stock.taken()
        self._health.heard()
        self._stocks += 1
        self._stock_due_s = self._clock.monotonic() + self._lasting.total_seconds()
        log.info("watch.listed", source=news.SOURCE, position=position, gpus_wrong=stock.wrong, new=len(triggers))
        return Followed(news.SOURCE, triggers, position)

    async def _causes(self, head: int) -> tuple[Trigger, ...]:
        """What is to be told of shared causes, by the log up to `head`: those still raised, the end of the others."""
        raised: dict[str, Event] = {}
        async with aclosing(self._gateway_log(head)) as events:
            async for event in events:
                if isinstance(event.what, SharedCause):
                    raised.pop(event.what.key, None)
                    if event.what.raised:
                        raised[event.what.key] = event
        kinds = {news.kind_of(event.what) for event in raised.values() if isinstance(event.what, SharedCause)}
        known, now = {place.kind for place in self._known}, self._clock.now()
        over = [place for place in self._known if place.kind.startswith(news.SHARED) and place.kind not in kinds]
        words = "by the gateway's log it is not raised any more"
        triggers = [news.recovery(place, "NotRaised", words, now, self._known[place].since) for place in over]
        for event in raised.values():
            if isinstance(event.what, SharedCause) and news.kind_of(event.what) not in known:
                triggers += await self._triggers_of(event)
        return tuple(triggers)

    async def _gateway_log(self, head: int) -> AsyncGenerator[Event, None]:
        """Everything the gateway remembers up to `head`.

        Raises:
            SentinelError: it told less than it remembers; what is missing must not be taken for not raised.
        """
        position, before = 0, -1
        while position < head:
            if before == position:
                await self._check_all_forgotten(position, head)
                return
            before = position
            async with aclosing(self._gateway.follow(position, lasting=_READ_WITHIN)) as events:
                async for event in events:
                    position = event.position
                    if position <= head:
                        yield event
                    if position >= head:
                        break

    async def _check_all_forgotten(self, position: int, head: int) -> None:
        """A log of which nothing is told has nothing left: what lies before its last event is forgotten, too."""
        if position == 0:
            if head == 1:
                return
            try:
                async with aclosing(self._gateway.follow(head - 1, lasting=_READ_WITHIN)) as events:
                    await anext(events, None)
            except Forgotten:
                return
        words = f"told its log of events up to {position} in time, and it goes to {head}"
        raise SentinelError(f"SENTINEL gateway {self._gateway.endpoint} {words}")

    async def _follow(self, position: int) -> AsyncGenerator[Followed, None]:
        """What happens after a position, until the stream ends."""
        if self._health.failures:
            await self._head()  # answered at once, while on the stream nothing may happen for long
        async with aclosing(self._gateway.follow(position, lasting=self._lasting)) as events:
            async for event in events:
                self._health.heard()
                if event.position > position:  # it tells at least once
                    position = event.position
                    yield Followed(news.SOURCE, await self._triggers_of(event), position)

    async def _triggers_of(self, event: Event) -> tuple[Trigger, ...]:
        cohort: Iterable[str] = ()
        if isinstance(event.what, SharedCause) and event.what.raised:
            cohort = nodes_of(event.what, await self._gateway.fleet()) or (news.UNKNOWN_HOST,)
        return news.told(event, self._known, self._clock.now(), cohort)

    def _tell_groups(self, triggers: Iterable[Trigger]) -> None:
        """Let folding know which nodes share a cause, before it sees the triggers that say so."""
        if self._observer is not None:
            self._observer.overlay(SHARED_CAUSE, news.sharing(news.after(self._known, triggers)))

    def _accept(self, followed: Followed) -> None:
        """The triggers are stored: it is what is known from now on."""
        self._known = news.after(self._known, followed.triggers)
        if followed.position is not None:
            self._position = followed.position

    def _failed(self, error: SentinelError) -> None:
        if isinstance(error, Forgotten):
            log.warning("watch.expired", source=news.SOURCE, position=self._position, error=str(error))
            self._position, self._stock_due_s = None, 0.0
            self._health.attempt_failed()
            return
        self._health.failed(error)
