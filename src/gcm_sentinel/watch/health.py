"""Whether a watch is alive and well, as probes and operators need to know it.

Used by the watchers. Two questions are kept apart. *Is the source well?* is answered by `problem`, for people and for
readiness. *Is the watch itself alive?* is answered by `stalled`, for liveness: a failed attempt is a sign of life too,
because killing the agent does not repair an API server. Durations are taken from the monotonic clock, so that a
stepping wall clock stalls nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog

from gcm_sentinel.domain.errors import Forbidden, Retryable, SentinelError, Unauthenticated
from gcm_sentinel.domain.protocols import Clock

log = structlog.get_logger(__name__)

STALLED_AFTER = timedelta(minutes=6)
"""More than a whole watch request (290 s) with its grace and the pause after it."""
_PASSING_FAILURES = 3
"""Failures in a row that may be passing; from this many on an operator should know."""


class WatchHealth:
    """What was last heard of a source, and what is wrong with watching it."""

    def __init__(self, clock: Clock, *, server: str, remedy: str, introduction: str = "") -> None:
        """`remedy` is what the operator grants when the source says forbidden, `introduction` what they see to when it
        does not know who we are; empty for the same.
        """
        self._clock = clock
        self._server = server
        self._remedy = remedy
        self._introduction = introduction or remedy
        self._alive_at_s: float | None = None
        self._failing_since_s: float | None = None
        self._handing_over = False
        self._logged: str | None = None
        self.failures = 0
        """In a row, since something was last heard or a version was answered to be gone."""
        self.last_event_at: datetime | None = None
        """When the source last told us anything, by the wall clock; None before the first time."""
        self.problem: str | None = None
        """Why nothing can be watched just now, and what to do; None while all is well."""

    def begun(self) -> None:
        """The watch runs from now on."""
        self._alive_at_s = self._clock.monotonic()

    def heard(self) -> None:
        """The source told something: a page, an event, a bookmark, the proper end of a stream."""
        self.last_event_at = self._clock.now()
        if self._logged is not None:
            log.info("watch.restored", after=self._logged)
        self.failures, self.problem, self._logged, self._failing_since_s = 0, None, None, None
        self._alive_at_s = self._clock.monotonic()

    def failed(self, error: SentinelError) -> None:
        """An attempt failed; said once in the log for as long as it stays the same."""
        self.attempt_failed()
        words = f"{error}; {self._advice(error)}" if isinstance(error, Forbidden) else str(error)
        if isinstance(error, Retryable) and self.failures < _PASSING_FAILURES:
            log.info("watch.interrupted", error=words)  # load balancers cut idle streams every few minutes
        elif self._logged != words:
            log.error("watch.failed", error=words, kind=type(error).__name__, server=self._server)
            self._logged = words
        self.problem = words

    def _advice(self, error: Forbidden) -> str:
        return self._introduction if isinstance(error, Unauthenticated) else self._remedy

    def attempt_failed(self) -> None:
        """Count a failure that is no problem of the operator's."""
        self.failures += 1
        self._alive_at_s = self._clock.monotonic()
        if self._failing_since_s is None:
            self._failing_since_s = self._alive_at_s

    def expired(self) -> None:
        """The source answered, if only that what was asked for is gone: failures before that delay nothing any more."""
        self.failures = 0
        self.attempt_failed()

    @property
    def failing_for(self) -> timedelta:
        """How long every attempt has failed; zero while all is well."""
        since_s = self._failing_since_s
        return timedelta(seconds=0 if since_s is None else self._clock.monotonic() - since_s)

    @contextmanager
    def handing_over(self) -> Iterator[None]:
        """While a consumer holds what was found; its slowness is not the watch's."""
        self._handing_over = True
        try:
            yield
        finally:
            self._handing_over = False
            self._alive_at_s = self._clock.monotonic()

    def stalled(self, now_s: float, limit: timedelta = STALLED_AFTER) -> bool:
        """Whether the watch has shown no sign of life for longer than `limit`; `now_s` is the monotonic clock's."""
        if self._alive_at_s is None or self._handing_over:
            return False
        return now_s - self._alive_at_s > limit.total_seconds()
