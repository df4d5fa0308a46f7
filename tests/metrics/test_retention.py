"""What retention removes is counted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.settings import load
from gcm_sentinel.app.stores import open_stores
from gcm_sentinel.app.upkeep_plan import Housekeeping


class Engine:
    """A queue that remembers no finished job."""

    async def forget(self, before):
        return 0


async def test_every_round_of_retention_counts_what_it_removed(metrics, value):
    clock = SystemClock()
    agent: Any = SimpleNamespace(settings=load({}), clock=clock)
    engine: Any = Engine()
    async with open_stores("sqlite://", clock) as stores:
        await Housekeeping(agent, stores, engine, metrics.storage).prune()

    assert value("gcm_sentinel_storage_pruned_total", what="incidents") == 0
    assert value("gcm_sentinel_storage_pruned_total", what="bodies") == 0
