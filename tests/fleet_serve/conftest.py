"""A small world from a scenario file, served whole."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from sentinel_fleet.scenario import load
from sentinel_fleet.serve import Fleet, serve
from sentinel_fleet.world import World

SCENARIO = Path(__file__).with_name("world.yaml")


class MovableClock:
    """The wall clock, moved forward by a test."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@pytest.fixture
def clock() -> MovableClock:
    """The world's time."""
    return MovableClock()


@pytest.fixture
def world(clock: MovableClock) -> World:
    """The scenario's world, its T0 now."""
    return load(SCENARIO).realise(seed=3, anchor=clock(), clock=clock)


@pytest.fixture
async def fleet(world: World, clock: MovableClock) -> AsyncIterator[Fleet]:
    """The world being served."""
    async with serve(world, clock=clock) as served:
        yield served


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    """An ordinary HTTP client."""
    async with ClientSession() as session:
        yield session
