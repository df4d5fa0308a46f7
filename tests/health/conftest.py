"""A clock that stands until it is moved, and findings made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gcm_sentinel.app.health import Finding, HealthCheck


class StandingClock:
    """A `Clock` for tests."""

    def __init__(self) -> None:
        self.s = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 11, 20, tzinfo=UTC) + timedelta(seconds=self.s)

    def monotonic(self) -> float:
        return self.s

    def pass_by(self, seconds: float) -> None:
        self.s += seconds


@pytest.fixture
def clock():
    return StandingClock()


@pytest.fixture
def check():
    """A check that finds what it is told, for both questions or one."""

    def make(name, *, ok=True, live=True, ready=True, words="as told"):
        async def look():
            return Finding(ok=ok, words=words, age=timedelta())

        return HealthCheck(name, for_live=live, for_ready=ready, look=look)

    return make
