"""What happens while the database is away is neither lost nor told twice; when it is back, the agent goes on by
itself."""

from __future__ import annotations

import asyncio
import urllib.request

import pytest
from tests.durability.conftest import Stage, free_port, scenario_text, stop

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.stores import open_stores
from gcm_sentinel.storage.incidents import IncidentFilter

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ALONE = {"FOLD_MIN_NODES": "1000"}


async def answer(port: int, path: str) -> int:
    """The HTTP status of one of the agent's endpoints; 0 when nobody answers."""

    def ask() -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return int(error.code)
        except OSError:
            return 0

    return await asyncio.to_thread(ask)


async def until_answered(port: int, path: str, status: int) -> None:
    async with asyncio.timeout(90):
        while await answer(port, path) != status:  # noqa: ASYNC110 - another process tells nobody when it is ready
            await asyncio.sleep(0.2)


async def until_told(stage: Stage, words: str) -> None:
    async with asyncio.timeout(60):
        while words not in (stage.folder / "agent.log").read_text():  # noqa: ASYNC110 - a file another process writes
            await asyncio.sleep(0.1)


async def until_delivered(stage: Stage, incidents: int) -> None:
    async with asyncio.timeout(120):
        while not await stage.all_delivered(incidents):  # noqa: ASYNC110 - another process tells nobody when it is done
            await asyncio.sleep(0.3)


async def test_a_fault_that_shows_while_the_database_is_away_is_investigated_when_it_is_back(
    staged, postgres_server, postgres_url
):
    port = free_port()
    async with staged(scenario_text(4), database_url=postgres_url, HTTP_PORT=str(port), **ALONE) as stage:
        agent = await stage.start()
        await until_answered(port, "/readyz", 200)
        await until_delivered(stage, 1)
        postgres_server.stop()
        await until_answered(port, "/readyz", 503)
        assert await answer(port, "/livez") == 200

        stage.break_nodes(3)
        await until_told(stage, '"stage": "intake"')
        postgres_server.start()

        await until_delivered(stage, 3)
        await until_answered(port, "/readyz", 200)
        assert await stop(agent) == 0
        assert set(stage.outside.turns.values()) == {1}
        async with open_stores(postgres_url, SystemClock()) as stores:
            assert len(await stores.incidents.list(IncidentFilter(open_only=False))) == 3
