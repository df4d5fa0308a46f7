"""An agent that is killed (SIGKILL) after each recorded step of an action, and while each of its requests is answered.

The API server and the gateway are the witnesses: they make each change once, whatever was asked twice, and at the end
everything stands as it does when nobody was killed. What the steps are is written down in acting_scenes.py; each death
is tried by itself, within one process, in tests/acting_safety.
"""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from tests.durability.acting_run import Told, through
from tests.durability.acting_scenes import SCENES, Advisor
from tests.durability.conftest import scenario_text, stop

from gcm_sentinel.domain.action_record import ActionState

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CASES = [*((name, "sqlite") for name in SCENES), ("drain", "postgresql")]
"""On PostgreSQL every scene does the same once more; the longest one stands for all."""


async def told(staged, name: str, *, killed: bool, url: str = "") -> Told:
    """One run of a scene, on a fleet of its own."""
    advisor, scene = Advisor(), SCENES[name]()
    which = {"within": "killed" if killed else "undisturbed", "database_url": url}
    settings = {"ACTION_MODE": "execute", "REPLICA_ID": "agent"}
    async with staged(scenario_text(4), outside=advisor, **which, **settings) as stage:
        scene.prepare(stage)
        advisor.plays(stage, scene)
        found = await through(stage, scene, killed=killed)
        assert set(stage.outside.turns.values()) == {1}
        assert await stop(stage.agents[-1]) == 0
        return found


@pytest.mark.parametrize(("name", "database"), CASES)
async def test_it_is_done_once_and_as_if_nobody_had_been_killed(staged, request, name, database):
    url = str(request.getfixturevalue("postgres_url")) if database == "postgresql" else ""
    undisturbed, killed = await asyncio.gather(
        told(staged, name, killed=False), told(staged, name, killed=True, url=url)
    )

    assert undisturbed.record.state is ActionState.DONE
    assert killed.picture == undisturbed.picture
    assert set(Counter(killed.changes).values()) == {1}
    assert set(undisturbed.requests.values()) <= {1}
    assert killed.requests.keys() == undisturbed.requests.keys()
    assert set(killed.requests.values()) <= {1, 2}
    wanted = Counter(SCENES[name]().steps)
    assert {step: Counter(killed.steps)[step] for step in wanted} == dict(wanted)
    assert killed.deaths >= len(set(wanted)) + len(killed.changes)
