"""An agent that is killed after each step it records, again and again, ends where an undisturbed one does."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter

import pytest
from tests.durability.agent_process import Agent
from tests.durability.conftest import DEADLINE_S, Stage, scenario_text, stop
from tests.durability.world_outside import VERDICT

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.stores import open_stores
from gcm_sentinel.domain.assessment_json import assessment_to_json

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ONE_BAD_NODE = scenario_text(2)
MODEL_TURNS = 3
STEPS = (
    "start", "budget", "open", "turn", "tool:get_node_info", "tool:get_node_events", "turn", "tool:get_workload_info",
    "tool:get_daemonsets", "turn", "finish", "deliver:kubernetes-event", "deliver:webhook",
)  # fmt: skip
"""Everything an investigation records, from two rounds of tools to both sinks."""
SIDE_BY_SIDE = 6
"""Steps that run at the same time as another one: a kill right after that was recorded may come after they were, too,
all of them where the machine is slow."""

UNDISTURBED = VERDICT | {"confidence": 0.2}
"""What the provider submits, as it is stored."""


async def until_delivered(stage: Stage, process: Agent) -> bool:
    """Whether everything was delivered; False when the agent died first."""
    async with asyncio.timeout(DEADLINE_S):
        while process.returncode is None:
            if await stage.all_delivered():
                return True
            await asyncio.sleep(0.1)
    return False


async def run_killed(stage: Stage, *, every: int) -> int:
    """Start it again and again, each killed after `every` new steps, until all is delivered; how often it died."""
    deaths = 0
    while True:
        process = await stage.start(kill_after=every)
        if await until_delivered(stage, process):
            await stop(process)
            return deaths
        deaths += 1


async def verdict(stage: Stage) -> dict[str, object]:
    """The stored assessment without what names the moment it was made."""
    async with open_stores(stage.place(), SystemClock()) as stores:
        (row,) = await stores.incidents.list()
        stored = await stores.investigations.get(f"{row.record.id}.1")
    assert stored is not None
    assert stored.assessment is not None
    told = dict(assessment_to_json(stored.assessment))
    return {key: told[key] for key in ("incident_id", "node", "condition", "outcome", "draft", "engine", "notes")}


def once_each(stage: Stage) -> None:
    assert set(stage.outside.turns.values()) == {1}
    assert len(stage.outside.turns) == MODEL_TURNS
    assert len(stage.outside.webhooks) == 1  # a receiver knows one cut off in mid-flight by its idempotency key
    assert len(stage.events) == 1
    told = Counter(line.partition(" ")[2] for line in stage.journal)
    assert told <= Counter(STEPS)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of a fresh database; empty for SQLite in the state folder."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


async def test_killed_after_every_single_step(staged, database_url):
    async with staged(ONE_BAD_NODE, database_url=database_url) as stage:
        deaths = await run_killed(stage, every=1)
        killed = await verdict(stage)

        once_each(stage)
        assert len(STEPS) - SIDE_BY_SIDE <= deaths <= len(STEPS)
        assert killed["outcome"] == "inconclusive"
        assert killed["engine"] == "anthropic"


@pytest.mark.parametrize("after", range(2, len(STEPS)))
async def test_killed_once_after_any_step_it_concludes_what_an_undisturbed_one_does(staged, after):
    async with staged(ONE_BAD_NODE) as stage:
        first = await stage.start(kill_after=after)
        assert await first.wait() == -signal.SIGKILL
        await run_killed(stage, every=0)

        once_each(stage)
        assert (await verdict(stage))["draft"] == UNDISTURBED
