"""Durable work: jobs whose finished steps survive a crash, on DBOS over SQLite or PostgreSQL.

`DurableEngine.open` gives the engine; `LocalQueue` is the same port in memory. Only this package imports DBOS, and only
once `DurableEngine` is asked for: that takes more than a second, which the demo and ``--help`` need not wait for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gcm_sentinel.clients.durable.config import (
    ENDED,
    DurableConfig,
    JobKind,
    JobRecord,
    JobState,
    StepHook,
    StepReport,
)
from gcm_sentinel.clients.durable.local import LocalQueue

if TYPE_CHECKING:
    from gcm_sentinel.clients.durable.engine import DurableEngine

__all__ = [
    "ENDED",
    "DurableConfig",
    "DurableEngine",
    "JobKind",
    "JobRecord",
    "JobState",
    "LocalQueue",
    "StepHook",
    "StepReport",
]


def __getattr__(name: str) -> object:
    if name != "DurableEngine":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from gcm_sentinel.clients.durable.engine import DurableEngine

    return DurableEngine
