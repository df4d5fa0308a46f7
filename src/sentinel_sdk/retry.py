"""When a failed call is sent again, and after how long: decided here, waited for by whoever runs the call.

One deadline covers all attempts: a call with a timeout of 30 s never takes longer, however often it is repeated. Unless
a number of retries is asked for, it is the only limit: a gateway that is restarted is away for 3 to 10 s, which three
retries within a second do not outlive. Waits grow exponentially and are shortened at random by up to half, so that
clients cut off together do not return together.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc

from sentinel_sdk.errors import invalid


def _transient() -> list[grpc.StatusCode]:
    return [
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    ]


@dataclass
class RetryConfig:
    """How often, and after which waits, a call is sent again; without `max_retries` until its deadline.

    Streams reconnect for ever unless `max_retries` is 0.
    """

    max_retries: int | None = None
    initial_backoff_s: float = 0.1
    max_backoff_s: float = 10.0
    backoff_multiplier: float = 2.0
    retryable_status_codes: list[grpc.StatusCode] = field(default_factory=_transient)

    def __post_init__(self) -> None:
        if self.max_retries is not None and self.max_retries < 0:
            raise invalid(f"max_retries must be 0 or more, or None, not {self.max_retries}")
        if self.initial_backoff_s <= 0 or self.max_backoff_s < self.initial_backoff_s or self.backoff_multiplier < 1:
            raise invalid("back-off needs 0 < initial_backoff_s <= max_backoff_s and backoff_multiplier >= 1")


class Backoff:
    """The wait before the next attempt; grows with every failure, starts over after a success."""

    def __init__(self, config: RetryConfig, chance: Callable[[], float] = random.random) -> None:
        self.config = config
        self.failures = 0
        self._chance = chance

    def next_s(self) -> float:
        """The wait after one more failure, in seconds."""
        config = self.config
        # Capped, because a float overflows after a thousand failures of a stream that never gives up.
        growth = config.backoff_multiplier ** min(self.failures, 64)
        self.failures += 1
        return min(config.initial_backoff_s * growth, config.max_backoff_s) * (1 - self._chance() / 2)

    def reset(self) -> None:
        """It works again."""
        self.failures = 0


class Attempts:
    """The attempts of one call within one deadline."""

    def __init__(
        self,
        config: RetryConfig,
        timeout_s: float,
        *,
        repeatable: bool,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._backoff = Backoff(config, chance)
        self._repeatable = repeatable
        self._clock = clock
        self._deadline = clock() + timeout_s

    @property
    def remaining_s(self) -> float:
        """What is left of the deadline; 0.0 when nothing is."""
        return max(self._deadline - self._clock(), 0.0)

    def delay_after(self, code: grpc.StatusCode | None) -> float | None:
        """How long to wait before sending the call again; None to give up."""
        config = self._backoff.config
        if not self._repeatable or code not in config.retryable_status_codes:
            return None
        if config.max_retries is not None and self._backoff.failures >= config.max_retries:
            return None
        remaining_s = self.remaining_s
        if remaining_s <= config.initial_backoff_s:
            return None
        # A wait longer than what is left would waste it: half of it leaves time for an answer.
        return min(self._backoff.next_s(), remaining_s / 2)


class Reconnects:
    """When a stream that should live is opened again: after every transient failure, without end.

    A connection counts as good once something came over it, or once it lived longer than the longest wait; after a good
    one the waits start over.
    """

    def __init__(
        self,
        config: RetryConfig,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._backoff = Backoff(config, chance)
        self._clock = clock
        self._opened = clock()

    def opened(self) -> None:
        """A connection was begun."""
        self._opened = self._clock()

    def received(self) -> None:
        """Something came over it."""
        self._backoff.reset()

    def delay_after(self, code: grpc.StatusCode | None) -> float | None:
        """How long to wait before connecting again; None to give up."""
        config = self._backoff.config
        if config.max_retries == 0 or code not in config.retryable_status_codes:
            return None
        if self._clock() - self._opened > config.max_backoff_s:
            self._backoff.reset()
        return self._backoff.next_s()
