"""The checks `serve` is built from: something heard recently, a loop that turns, something that answers, a flag."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

from gcm_sentinel.app.health import Finding, HealthCheck
from gcm_sentinel.domain.protocols import Clock


class Turning(Protocol):
    """A loop that tells where it stands, as `life.stage.Stage` does."""

    @property
    def name(self) -> str:
        """What the loop does."""
        ...

    @property
    def problem(self) -> str | None:
        """Why it cannot do its work just now."""
        ...

    @property
    def failures(self) -> int:
        """Attempts that came to nothing since it last worked."""
        ...

    @property
    def worked_at_s(self) -> float | None:
        """When it last worked, by the monotonic clock."""
        ...


class Watching(Protocol):
    """A watcher that tells how it stands, as `watch.kubernetes.NodeConditionWatcher` does."""

    @property
    def synced(self) -> bool:
        """Whether the observed state is whole."""
        ...

    @property
    def last_event_at(self) -> datetime | None:
        """When its source last said anything."""
        ...

    @property
    def problem(self) -> str | None:
        """Why nothing can be watched just now."""
        ...

    def stalled(self, now_s: float) -> bool:
        """Whether it has shown no sign of life for too long; `now_s` is the monotonic clock's time."""
        ...


def turns(stage: Turning, clock: Clock, *, within: timedelta) -> HealthCheck:
    """Live: the loop came round within `within`, whether its work succeeded or not.

    A loop that tries in vain is alive: what it waits for is outside, and a restart would not bring it back.
    """
    seen: tuple[int, float | None] = (stage.failures, stage.worked_at_s)
    moved_at_s = clock.monotonic()

    async def look() -> Finding:
        nonlocal seen, moved_at_s
        if (stage.failures, stage.worked_at_s) != seen:
            seen = (stage.failures, stage.worked_at_s)
            moved_at_s = clock.monotonic()
        started_s = moved_at_s if stage.worked_at_s is None else max(moved_at_s, stage.worked_at_s)
        age = timedelta(seconds=clock.monotonic() - started_s)
        if age > within:
            return Finding(ok=False, words=f"has not come round within {within.total_seconds():g} s", age=age)
        return Finding(ok=True, words=f"tries again: {stage.problem}" if stage.problem else "comes round", age=age)

    return HealthCheck(stage.name, for_live=True, for_ready=False, look=look)


class Attempting(Protocol):
    """Something done again and again that tells when the attempt under way began, as `life.stage.Stage` does."""

    @property
    def name(self) -> str:
        """What is attempted."""
        ...

    @property
    def busy_since_s(self) -> float | None:
        """By the monotonic clock; None between attempts."""
        ...


def ends(stage: Attempting, clock: Clock, *, within: timedelta) -> HealthCheck:
    """Live: no attempt has been under way for longer than `within`; there may be none for days."""

    async def look() -> Finding:
        if stage.busy_since_s is None:
            return Finding(ok=True, words="idle")
        age = timedelta(seconds=clock.monotonic() - stage.busy_since_s)
        words = "at work" if age <= within else f"one attempt has taken more than {within.total_seconds():g} s"
        return Finding(ok=age <= within, words=words, age=age)

    return HealthCheck(stage.name, for_live=True, for_ready=False, look=look)


def heard(name: str, heard_at_s: Callable[[], float | None], clock: Clock, *, within: timedelta) -> HealthCheck:
    """Live: a sign of life came within `within`, counted from now where none has come yet.

    `heard_at_s` is the moment of the last one by the monotonic clock.
    """
    from_s = clock.monotonic()

    async def look() -> Finding:
        last_s = heard_at_s()
        age = timedelta(seconds=clock.monotonic() - (from_s if last_s is None else last_s))
        if age > within:
            return Finding(ok=False, words=f"silent for more than {within.total_seconds():g} s", age=age)
        return Finding(ok=True, words="not heard yet" if last_s is None else "heard", age=age)

    return HealthCheck(name, for_live=True, for_ready=False, look=look)


def watching(name: str, watch: Watching, clock: Clock) -> tuple[HealthCheck, HealthCheck]:
    """Live: the watch has not stalled. Ready: it is synced; where it is not, it says why."""

    async def alive() -> Finding:
        stalled = watch.stalled(clock.monotonic())
        return Finding(
            ok=not stalled, words="silent for too long" if stalled else watch.problem or "follows", age=age()
        )

    async def whole() -> Finding:
        words = "synced" if watch.synced else watch.problem or "not everything was listed yet"
        return Finding(ok=watch.synced, words=words, age=age())

    def age() -> timedelta | None:
        return None if watch.last_event_at is None else clock.now() - watch.last_event_at

    return (
        HealthCheck(f"{name}_alive", for_live=True, for_ready=False, look=alive),
        HealthCheck(f"{name}_synced", for_live=False, for_ready=True, look=whole),
    )


def answers(name: str, ask: Callable[[], Awaitable[None]]) -> HealthCheck:
    """Ready: `ask` returns, as `Database.ping` does; the error it raises is shown."""

    async def look() -> Finding:
        await ask()
        return Finding(ok=True, words="answers", age=timedelta())

    return HealthCheck(name, for_live=False, for_ready=True, look=look)


def holds(name: str, truth: Callable[[], bool], *, yes: str, no: str) -> HealthCheck:
    """Ready: `truth` holds; in words `yes` while it does, `no` while it does not."""

    async def look() -> Finding:
        held = truth()
        return Finding(ok=held, words=yes if held else no)

    return HealthCheck(name, for_live=False, for_ready=True, look=look)


def event_loop(clock: Clock, *, lag: timedelta = timedelta(seconds=1)) -> HealthCheck:
    """Live: the event loop gives everyone a turn within `lag`. One that stands still answers no probe at all."""

    async def look() -> Finding:
        before_s = clock.monotonic()
        await asyncio.sleep(0)
        took = timedelta(seconds=clock.monotonic() - before_s)
        words = f"one turn took {took.total_seconds():.3f} s"
        return Finding(ok=took <= lag, words=words, age=timedelta())

    return HealthCheck("event_loop", for_live=True, for_ready=False, look=look)
