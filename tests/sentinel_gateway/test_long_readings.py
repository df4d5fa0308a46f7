"""Readings of the whole ledger: one at a time, no longer than somebody waits, never in the way of other calls."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from sentinel_gateway.domain.errors import Busy, Unavailable
from sentinel_gateway.ledger.verify import Progress
from sentinel_gateway.services.long_readings import LongReadings

WITHIN_S = 20.0


@pytest.fixture
async def readings():
    long = LongReadings()
    yield long
    await asyncio.wait_for(long.stop(), WITHIN_S)


class _Endless:
    """A reading that never ends by itself."""

    def __init__(self) -> None:
        self.began, self.ended = threading.Event(), threading.Event()

    def __call__(self, progress: Progress) -> None:
        self.began.set()
        try:
            while True:
                progress(1, 2)
        finally:
            self.ended.set()


async def _happens(event: threading.Event) -> bool:
    return await asyncio.to_thread(event.wait, WITHIN_S)


async def test_what_nobody_waits_for_any_more_ends(readings):
    reading = _Endless()
    waiting = asyncio.create_task(readings.read(reading))
    assert await _happens(reading.began)

    waiting.cancel()

    assert await _happens(reading.ended)


async def test_the_next_begins_when_the_one_before_has_ended(readings):
    first = _Endless()
    waiting = asyncio.create_task(readings.read(first))
    assert await _happens(first.began)
    second = asyncio.create_task(readings.read(lambda _: first.ended.is_set()))
    waiting.cancel()

    assert await asyncio.wait_for(second, WITHIN_S)


async def test_more_than_can_wait_are_refused(readings):
    waiting = [asyncio.create_task(readings.read(_Endless())) for _ in range(16)]
    await asyncio.sleep(0)

    with pytest.raises(Busy, match="16 readings"):
        await readings.read(_done)
    for task in waiting:
        task.cancel()


async def test_when_the_gateway_stops_the_reading_ends_and_no_other_begins():
    long, reading = LongReadings(), _Endless()
    waiting = asyncio.create_task(long.read(reading))
    assert await _happens(reading.began)

    await asyncio.wait_for(long.stop(), WITHIN_S)

    with pytest.raises(Unavailable):
        await waiting
    with pytest.raises(Unavailable):
        await long.read(_done)


@pytest.mark.parametrize("gently", [False, True])
async def test_its_answer_and_its_error_reach_who_asked(readings, gently):
    assert await readings.read(lambda _: 7, gently=gently) == 7
    with pytest.raises(Unavailable, match="away"):
        await readings.read(_away, gently=gently)


def _done(_progress: Callable[[int, int], None]) -> None:
    """Nothing to read."""


def _away(_progress: Callable[[int, int], None]) -> None:
    raise Unavailable("the database is away")
