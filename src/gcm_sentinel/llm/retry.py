"""Whole turns tried again: a bounded number of times, further and further apart, until a deadline.

The only layer of retries around a model: the SDKs' own are off. What the other side asks to wait is honoured when the
deadline allows it; otherwise the turn fails at once, so that another engine can answer instead of everybody waiting.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import tenacity

from gcm_sentinel.domain.errors import Overloaded, Retryable

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a failing turn is worth another try."""

    attempts: int = 4
    first_wait: timedelta = timedelta(seconds=1)
    longest_wait: timedelta = timedelta(seconds=20)
    deadline: timedelta = timedelta(minutes=2)
    """No try starts later than this after the first; each try has a deadline of its own in its adapter."""


async def with_retries(
    call: Callable[[], Awaitable[_T]], policy: RetryPolicy, on_retry: Callable[[Exception, float], None]
) -> _T:
    """The result of `call`; the last `Retryable` when no try worked, any other error at once.

    `on_retry` is told the error and the seconds until the next try.
    """

    async def attempt() -> _T:
        return await call()

    retrying = tenacity.AsyncRetrying(
        stop=tenacity.stop_any(
            tenacity.stop_after_attempt(policy.attempts),
            tenacity.stop_before_delay(policy.deadline),
        ),
        wait=_Wait(policy),
        retry=tenacity.retry_if_exception_type(Retryable),
        before_sleep=lambda state: _tell(state, on_retry),
        reraise=True,
    )
    return await retrying(attempt)


class _Wait(tenacity.wait.wait_base):
    """Exponential with jitter, never shorter than what the other side asked for."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._backoff = tenacity.wait_exponential_jitter(
            multiplier=policy.first_wait.total_seconds(),
            max=policy.longest_wait.total_seconds(),
            jitter=policy.first_wait.total_seconds(),
        )

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        asked = error.retry_after_s if isinstance(error, Overloaded) else None
        return max(self._backoff(retry_state), asked or 0.0)


def _tell(state: tenacity.RetryCallState, on_retry: Callable[[Exception, float], None]) -> None:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Exception) and state.next_action is not None:
        on_retry(error, float(state.next_action.sleep))
