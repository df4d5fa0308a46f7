"""One stage of an incident's life as a loop that outlasts a database that is away.

A stage that fails because something outside is gone says so once, tries again with growing pauses, and says when it
works again. Anything that trying again cannot mend (a damaged database, a bug of ours) passes through and ends the
agent, because going on would lose observations without a word.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from gcm_sentinel.domain.errors import Retryable
from gcm_sentinel.domain.protocols import Clock

log = structlog.get_logger(__name__)

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 10.0


@dataclass(slots=True)
class Stage:
    """Where one stage stands; read by the health checks."""

    name: str
    clock: Clock
    problem: str | None = None
    """Why it cannot do its work just now; None while all is well."""
    failures: int = 0
    worked_at_s: float | None = None
    """When it last did its work, by the monotonic clock."""
    busy_since_s: float | None = None
    """When the attempt under way began; None between attempts."""

    async def attempt(self, work: Callable[[], Awaitable[None]], pause: Callable[[float], Awaitable[None]]) -> bool:
        """Do `work` once; where it failed for now, wait by `pause` and say False.

        Raises:
            SentinelError: a failure that trying again cannot mend.
        """
        self.busy_since_s = self.clock.monotonic()
        try:
            await work()
        except Retryable as error:
            self._failed(str(error))
            await pause(min(_FIRST_PAUSE_S * 2 ** min(self.failures, 10), _LONGEST_PAUSE_S))
            return False
        finally:
            self.busy_since_s = None
        self._worked()
        return True

    def _failed(self, words: str) -> None:
        self.failures += 1
        if self.problem is None:
            log.error("stage.failing", stage=self.name, reason=words, hint="tried again until it works")
        self.problem = words

    def _worked(self) -> None:
        if self.problem is not None:
            log.info("stage.restored", stage=self.name, failures=self.failures)
        self.problem, self.failures, self.worked_at_s = None, 0, self.clock.monotonic()
