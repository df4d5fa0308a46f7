"""Delivering what one channel owes, in order, until it is delivered or given up.

A channel is tried with its oldest alert alone while it fails, with growing pauses, so what comes later neither hurries
it nor waits for longer than one pause after it recovered. Order is kept because the end of an incident must not come
before its beginning. Each try is known to the database only after it ended: a process that dies in between sends that
one alert once more, under the same key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol, TypeVar

import structlog

from sentinel_gateway.alerts.channel import Answer, Channel, Verdict
from sentinel_gateway.alerts.counters import AlertCounters
from sentinel_gateway.alerts.outbox import Outbox
from sentinel_gateway.domain.alert_settings import SendingSettings
from sentinel_gateway.domain.alerts import DeliveryState
from sentinel_gateway.domain.errors import GatewayError
from sentinel_gateway.storage.alert_rows import Owed

log = structlog.get_logger(__name__)
Result = TypeVar("Result")

AT_ONCE = 20
"""Alerts read from the database together."""
_DATABASE_PAUSE = timedelta(seconds=1)
_LOOK_AGAIN = timedelta(minutes=1)
"""Nobody rings for what another process put into the outbox."""


class Note(Protocol):
    """Puts something on record in the ledger; never waits and never fails."""

    def __call__(self, event: str, **fields: str) -> None:
        """Note it."""
        ...


class Delivering:
    """One channel's deliveries."""

    def __init__(
        self,
        channel: Channel,
        outbox: Outbox,
        settings: SendingSettings,
        now_ns: Callable[[], int],
        counters: AlertCounters,
        note: Note,
    ) -> None:
        self._channel, self._outbox, self._settings = channel, outbox, settings
        self._now_ns, self._counters, self._note = now_ns, counters, note
        self._bell = asyncio.Event()
        self._over = asyncio.Event()

    def ring(self) -> None:
        """There may be something to send."""
        self._bell.set()

    def stop(self) -> None:
        """Finish the try that is under way, then end `run`."""
        self._over.set()
        self._bell.set()

    async def run(self) -> None:
        """Deliver until `stop`."""
        try:
            while not self._over.is_set():
                self._bell.clear()
                pause = await self._stored(self.deliver)
                if pause > timedelta(0):
                    await _wait(self._bell, pause)
        except GatewayError:
            return  # told by the log; what is not written down is sent again at the next start, under its key
        finally:
            await self._channel.close()

    async def deliver(self) -> timedelta:
        """Send what is due; how long to wait for the next look.

        Raises:
            GatewayError: the database is away.
        """
        owed = await self._outbox.owed(self._channel.name, AT_ONCE)
        for one in owed:
            if self._over.is_set():
                return timedelta(0)
            if (pause := self._until(one)) > timedelta(0):
                return pause
            if (pause := await self._try(one)) > timedelta(0):
                return pause
        return timedelta(0) if len(owed) == AT_ONCE else _LOOK_AGAIN

    def _until(self, one: Owed) -> timedelta:
        """How long an alert must wait; a clock that was set back makes nobody wait for longer than a pause."""
        wait = timedelta(microseconds=(one.next_try_ns - self._now_ns()) // 1000)
        return wait if wait <= timedelta(hours=1) else timedelta(0)

    async def _try(self, one: Owed) -> timedelta:
        """One try; how long the channel is to be left alone after it."""
        now_ns = self._now_ns()
        if now_ns - one.created_ns > self._settings.give_up_after.total_seconds() * 1e9:
            await self._give_up(one, "not delivered in time")
            return timedelta(0)
        answer = await self._answer(one)
        if answer.verdict is Verdict.DELIVERED:
            await self._stored(lambda: self._outbox.finish(one, DeliveryState.SENT, answer.words, self._now_ns()))
            self._counters.sent[self._channel.name, one.alert.key.rule] += 1
            log.info("alert.sent", **_about(one), attempts=one.attempts + 1, answer=answer.words)
            return timedelta(0)
        self._counters.failed[self._channel.name] += 1
        if answer.verdict is Verdict.NEVER:
            await self._give_up(one, f"refused: {answer.words}")
            return timedelta(0)
        pause = self._pause(one.attempts, answer)
        log.warning("alert.not_sent", **_about(one), reason=answer.words, pause_s=pause.total_seconds())
        next_try_ns = self._now_ns() + int(pause.total_seconds() * 1e9)
        await self._stored(lambda: self._outbox.put_off(one, next_try_ns, answer.words))
        return pause

    async def _answer(self, one: Owed) -> Answer:
        try:
            async with asyncio.timeout(3 * self._settings.timeout.total_seconds()):
                return await self._channel.send(one.alert)
        except TimeoutError:
            return Answer(Verdict.LATER, "it did not end in time")
        except Exception as error:  # the border of a channel: its mistake must not stop the others
            log.exception("alert.channel_failed", **_about(one))
            return Answer(Verdict.LATER, f"our own mistake: {type(error).__name__}")

    async def _give_up(self, one: Owed, reason: str) -> None:
        await self._stored(lambda: self._outbox.finish(one, DeliveryState.FAILED, reason, self._now_ns()))
        given_up(one, reason, self._counters, self._note)

    def _pause(self, attempts: int, answer: Answer) -> timedelta:
        doubled = self._settings.first_pause * (1 << min(attempts, 30))
        pause = min(doubled, self._settings.longest_pause)
        return max(pause, answer.retry_after or timedelta(0))

    async def _stored(self, function: Callable[[], Awaitable[Result]]) -> Result:
        """Until the database takes it: what was sent must not be sent again because it could not be written down.

        Raises:
            GatewayError: the database is away, and `stop` was called.
        """
        while True:
            try:
                return await function()
            except GatewayError as error:
                log.warning("alert.outbox_away", channel=self._channel.name, reason=str(error))
                if self._over.is_set():
                    raise
                await _wait(self._over, _DATABASE_PAUSE)


def given_up(one: Owed, reason: str, counters: AlertCounters, note: Note) -> None:
    """Tell everybody who can be told that an alert will not reach a channel."""
    counters.given_up[one.channel, one.alert.key.rule] += 1
    log.error("alert.given_up", **_about(one), reason=reason, attempts=one.attempts)
    note("alert.given_up", **_about(one), reason=reason)


def _about(one: Owed) -> dict[str, str]:
    return {"alert": one.alert.alert_id, "rule": one.alert.key.rule, "channel": one.channel}


async def _wait(event: asyncio.Event, pause: timedelta) -> None:
    """Until `event`, and no longer than `pause`."""
    try:
        await asyncio.wait_for(event.wait(), pause.total_seconds())
    except TimeoutError:
        return
