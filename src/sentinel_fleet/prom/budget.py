"""What one query may cost: wall time and samples, as Prometheus limits them.

Evaluation is plain computation in a worker thread; it asks the budget between series, which is also how a query whose
client has gone away is stopped.
"""

import time

from sentinel_fleet.prom.errors import PromError, execution

DEFAULT_TIMEOUT_S = 120.0
MAX_SAMPLES = 50_000_000
TOO_MANY_SAMPLES = "query processing would load too many samples into memory in query execution"


class Budget:
    """Limits of one evaluation; `cancel` may be called from another thread."""

    def __init__(self, timeout_s: float = DEFAULT_TIMEOUT_S, max_samples: int = MAX_SAMPLES) -> None:
        self._deadline = time.monotonic() + timeout_s
        self._samples_left = max_samples
        self._cancelled = False

    def cancel(self) -> None:
        """Make the evaluation stop at its next question."""
        self._cancelled = True

    def spend(self, samples: int) -> None:
        """Account for samples loaded or computed.

        Raises:
            PromError: cancelled, out of time, or over the sample limit.
        """
        if self._cancelled:
            raise PromError("canceled", "query was canceled in expression evaluation")
        if time.monotonic() > self._deadline:
            raise PromError("timeout", "query timed out in expression evaluation")
        self._samples_left -= samples
        if self._samples_left < 0:
            raise execution(TOO_MANY_SAMPLES)
