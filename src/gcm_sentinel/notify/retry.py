"""How the sinks of this room try again: what may change is retried until a deadline, what will not is not.

One layer only: the clients below do not retry, `publish_all` above does not either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog
import tenacity

from gcm_sentinel.domain.errors import Overloaded, Retryable

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long and how often a delivery is tried."""

    deadline: timedelta = timedelta(seconds=60)
    """From the first attempt; no attempt starts later."""
    attempt_timeout: timedelta = timedelta(seconds=10)
    """For sinks whose client takes one per request."""
    first_pause: timedelta = timedelta(seconds=1)
    """Doubled after each attempt, with jitter."""
    longest_pause: timedelta = timedelta(seconds=15)


def once(policy: RetryPolicy) -> RetryPolicy:
    """`policy` with one attempt only, for what its caller tries again."""
    return replace(policy, deadline=timedelta())


def attempts(policy: RetryPolicy, sink: str, *, shown: Callable[[BaseException], str] = str) -> tenacity.AsyncRetrying:
    """Attempts for ``async for attempt in attempts(…): with attempt: …``; the last error is raised as it is.

    `shown` turns an error into what may stand in the log.
    """
    backoff = tenacity.wait_exponential_jitter(
        multiplier=policy.first_pause.total_seconds(),
        max=policy.longest_pause.total_seconds(),
        jitter=policy.first_pause.total_seconds(),
    )

    def log_retry(state: tenacity.RetryCallState) -> None:
        error = _error(state)
        log.info(
            "notify.retrying",
            notifier=sink,
            attempt=state.attempt_number,
            pause_s=round(state.upcoming_sleep, 2),
            reason=shown(error) if error else "",
        )

    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(Retryable),
        wait=lambda state: max(backoff(state), _asked_for(state)),
        stop=tenacity.stop_before_delay(policy.deadline.total_seconds()),
        before_sleep=log_retry,
        reraise=True,
    )


def _asked_for(state: tenacity.RetryCallState) -> float:
    """The pause the other side asked for, in seconds; 0 when it named none."""
    error = _error(state)
    return error.retry_after_s or 0.0 if isinstance(error, Overloaded) else 0.0


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
