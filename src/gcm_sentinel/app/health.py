"""Whether the agent lives and is ready, as a set of small checks that `serve` hands in.

*Live* asks: would a restart help? So a database or an API server that is away does not end a life; a loop that stands
still does. *Ready* asks: can it do its work now? A finding is kept for two seconds, so that probes and scrapes cost the
database one question at a time, and a check that gives no answer within its deadline has failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.protocols import Clock

log = structlog.get_logger(__name__)

FRESH_FOR = timedelta(seconds=2)
DEADLINE = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look at one thing brought."""

    ok: bool
    words: str
    age: timedelta | None = None
    """How old the sign of life is that this goes by; None when there was none."""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One thing that is looked at."""

    name: str
    for_live: bool
    for_ready: bool
    look: Callable[[], Awaitable[Finding]]
    """May raise a `SentinelError`, which is a finding, too."""


@dataclass(frozen=True, slots=True)
class CheckedFinding:
    """A finding of a named check, its age at the moment of the question."""

    name: str
    finding: Finding

    def to_json(self) -> dict[str, Json]:
        """``{"name": …, "ok": …, "age_s": …, "words": …}``."""
        age = self.finding.age
        age_s = None if age is None else round(age.total_seconds(), 3)
        return {"name": self.name, "ok": self.finding.ok, "age_s": age_s, "words": self.finding.words}


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to one question."""

    checks: tuple[CheckedFinding, ...]

    @property
    def ok(self) -> bool:
        """Whether every check is content; so it is when there are none."""
        return all(check.finding.ok for check in self.checks)

    def to_json(self) -> dict[str, Json]:
        """``{"status": "ok"|"failing", "checks": […]}``."""
        return {"status": "ok" if self.ok else "failing", "checks": [check.to_json() for check in self.checks]}


class Health:
    """Asks the checks, at most once in `fresh_for` each."""

    def __init__(
        self,
        checks: Sequence[HealthCheck],
        clock: Clock,
        *,
        fresh_for: timedelta = FRESH_FOR,
        deadline: timedelta = DEADLINE,
    ) -> None:
        self._checks = [_Cached(check, clock, fresh_for, deadline) for check in checks]

    async def live(self) -> Report:
        """Whether the process should go on."""
        return await self._ask([cached for cached in self._checks if cached.check.for_live])

    async def ready(self) -> Report:
        """Whether it can do its work now."""
        return await self._ask([cached for cached in self._checks if cached.check.for_ready])

    async def _ask(self, checks: Sequence[_Cached]) -> Report:
        return Report(tuple(await asyncio.gather(*(cached.ask() for cached in checks))))


class _Cached:
    """One check and its latest finding; who asks while it is being looked at waits for the same look."""

    def __init__(self, check: HealthCheck, clock: Clock, fresh_for: timedelta, deadline: timedelta) -> None:
        self.check = check
        self._clock = clock
        self._fresh_for_s = fresh_for.total_seconds()
        self._deadline_s = deadline.total_seconds()
        self._lock = asyncio.Lock()
        self._found: Finding | None = None
        self._found_at_s = 0.0

    async def ask(self) -> CheckedFinding:
        async with self._lock:
            since_s = self._clock.monotonic() - self._found_at_s
            if self._found is None or since_s > self._fresh_for_s:
                self._found, self._found_at_s, since_s = await self._look(), self._clock.monotonic(), 0.0
            found = self._found
        age = None if found.age is None else found.age + timedelta(seconds=since_s)
        return CheckedFinding(self.check.name, Finding(found.ok, found.words, age))

    async def _look(self) -> Finding:
        limit = asyncio.timeout(self._deadline_s)
        try:
            async with limit:
                return await self.check.look()
        except SentinelError as error:
            return Finding(ok=False, words=str(error))
        except Exception as error:  # the RPC border: a probe must be answered, whatever a check does
            if limit.expired() and isinstance(error, TimeoutError):
                return Finding(ok=False, words=f"no answer within {self._deadline_s:g} s")
            log.exception("health.check_crashed", check=self.check.name)
            return Finding(ok=False, words=f"the check itself failed ({type(error).__name__}); the log says more")
