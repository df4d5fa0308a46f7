"""A database that cannot be written shows at /readyz, though nothing happens that would have to be stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.durability.conftest import scenario_text

from gcm_sentinel.app.endpoints import checks_of
from gcm_sentinel.app.health import Finding
from gcm_sentinel.app.life import upkeep
from gcm_sentinel.app.life.upkeep import beside
from gcm_sentinel.app.serving import Serving, open_serving
from gcm_sentinel.app.settings import load
from gcm_sentinel.app.upkeep_plan import heartbeat_of


async def writes(serving: Serving) -> Finding:
    """What /readyz says of them."""
    (found,) = [check for check in checks_of(serving, asyncio.Event()) if check.name == "storage_writes"]
    return await found.look()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the heartbeat tells nobody
            await asyncio.sleep(0.01)


async def let_write(serving: Serving, allowed: str) -> None:
    """SQLite's own switch, on the one connection that is open."""
    async with serving.stores.database.reading() as connection:
        await connection.exec_driver_sql(f"PRAGMA query_only = {allowed}")


async def test_a_database_that_cannot_be_written_is_not_ready_until_it_can(
    staged, tmp_path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gcm_sentinel.app.upkeep_plan.BEAT_S", upkeep.BEAT_S / 100)
    async with staged(scenario_text(2)) as stage:
        settings = load({"kubeconfig": stage.fleet.kubeconfig, "state_dir": tmp_path / "state", "llm_api": "playbook"})
        async with open_serving(settings) as serving:

            async def spoil_and_mend() -> None:
                await until(lambda: serving.heartbeat.worked_at_s is not None)
                assert (await writes(serving)).ok
                await let_write(serving, "ON")
                await until(lambda: serving.heartbeat.problem is not None)
                refused = await writes(serving)
                assert not refused.ok
                assert "can only be read" in refused.words
                await let_write(serving, "OFF")
                await until(lambda: serving.heartbeat.problem is None)
                assert (await writes(serving)).ok

            await beside(heartbeat_of(serving), spoil_and_mend())
