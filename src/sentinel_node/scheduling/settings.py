"""What an operator may say about when probes run."""

from __future__ import annotations

from dataclasses import dataclass

from sentinel_node.domain.leases import SILENCE_S
from sentinel_node.domain.schedule import DEFAULT, DEFAULT_BUDGET_PCT, Schedule

LEAST_MAX_AGE_S = 30.0
"""A reading counts for so long at least, however often readings are taken."""


@dataclass(frozen=True, slots=True)
class SchedulingSettings:
    """See the fields."""

    schedule: Schedule = DEFAULT
    budget_pct: float = DEFAULT_BUDGET_PCT
    """Of each GPU's time, 0 to 100, over ten minutes."""
    rest_after_timeout_s: float = 60.0
    """Before a GPU is tried again."""
    timeouts_until_pause: int = 3
    """In a row."""
    pause_s: float = 3600.0
    """Then one try: another timeout pauses again."""
    first_run_allowance_s: float = 60.0
    """More time for a probe's first run on a GPU, and for the first after a timeout: its kernels are loaded then, and
    how long that takes was not measured. They are compiled before a run's clock starts, which is no part of this."""
    grace_s: float = SILENCE_S
    """How much longer than its deadline a probe may keep silent until it is given up."""
    stop_s: float = 10.0
    """How long a probe that runs at the end may take to stop, so that what it found by then is reported."""
    telemetry_max_age_s: float = LEAST_MAX_AGE_S
    """Older readings count as none: only light probes run then."""
    look_every_s: float = 5.0
    """How long a worker sleeps at most before it looks at temperature and load again."""
    busy_retry_s: float = 5.0
    """How long to leave a GPU alone on which somebody else's probe runs."""
    telemetry_every_s: float = 10.0
    """Between two readings of all GPUs; the reference's ``collection_interval_s``."""
    telemetry_deadline_s: float = 30.0
    """For one reading; a driver that is resetting a GPU answers late."""
