"""What a durable engine is opened with, and what it says about a job. Imports no vendor, so that settings and pages
may use it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from gcm_sentinel.domain.steps import Job


@dataclass(frozen=True, slots=True)
class DurableConfig:
    """Where work is recorded, and on whose behalf."""

    url: str = field(repr=False)
    """``sqlite:///path`` (a file of its own, one process) or ``postgresql://…`` (several processes share the work)."""
    executor_id: str
    """Names this process among those that share one PostgreSQL, for example the pod's name; no two live ones may
    share it."""
    version: str
    """Of the code between steps. Bump it when a job's steps change in name, number or order, or when a codec can no
    longer read what it wrote; unfinished jobs begun under another version are then done again from their beginning.
    Do not bump it for anything else: a job resumed under the same version keeps its finished (and paid) steps."""
    poll: timedelta = timedelta(seconds=1)
    """How often each queue looks for work: the delay before a submitted job starts, against idle load on the
    database."""


@dataclass(frozen=True, slots=True)
class JobKind:
    """One queue: what it runs and how many at a time."""

    job: Job
    concurrency: int
    """At most so many at once in each process."""
    version: str | None = None
    """Overrides `DurableConfig.version` for this kind."""


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step as it ended; given to the hook of the metrics."""

    kind: str
    key: str
    name: str
    replayed: bool
    """The result came from the record; no work was done."""
    seconds: float
    error: str | None
    """Class of what it raised, as in domain/errors.py."""


StepHook = Callable[[StepReport], None]


class JobState(Enum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """It raised; it is not tried again."""
    GIVEN_UP = "given up"
    """The process died too often while it ran; it is not tried again."""
    CANCELLED = "cancelled"
    """Somebody stopped it by hand."""


ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.GIVEN_UP, JobState.CANCELLED})
"""The states a job never leaves by itself."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as the database knows it."""

    kind: str
    key: str
    state: JobState
    executor_id: str | None
    """Who runs it, or ran it last; None before its first start."""
    starts: int
    """How often it was taken from the queue."""
    submitted_at: datetime | None
