"""`investigate` reads what `serve` has kept, so that a fault that came back is seen; or it says that it could not."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import timedelta

import pytest
from tests.incidents_cli.past import NODE, Past

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.commands import investigate_command
from gcm_sentinel.app.investigate import Request
from gcm_sentinel.app.kept_history import kept_history
from gcm_sentinel.app.scenarios import find_scenario
from gcm_sentinel.app.settings import load
from gcm_sentinel.app.simulated import settings_for
from gcm_sentinel.domain.errors import Unreachable
from gcm_sentinel.domain.history import HistoryQuery
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.incidents import Incidents
from gcm_sentinel.storage.migrate import Step, released
from sentinel_fleet.serve import serve


@pytest.fixture
def settings(tmp_path):
    return load({"state_dir": tmp_path})


async def happened(folder, *, closed=True):
    """A GPU of NODE fell off the bus once."""

    async def happen(given):
        await given.investigated()
        if closed:
            await Incidents(given.database).request_close("inc-abc123", "ada", "GPU reseated")

    await Past.write(f"sqlite:///{folder}/gcm-sentinel.db", happen)


async def past_of(kept, node=NODE):
    since = SystemClock().now() - timedelta(days=90)
    return [item.incident_id for item in await kept.history.past(HistoryQuery(since, node=node))]


async def test_what_serve_has_kept_is_read(settings, tmp_path):
    await happened(tmp_path)

    async with kept_history(settings, NODE) as kept:
        assert await past_of(kept) == ["inc-abc123"]
        assert kept.words.startswith(f"history: read from {tmp_path}/gcm-sentinel.db, incidents since 20")


async def test_what_is_open_on_the_node_is_no_earlier_case_of_itself(settings, tmp_path):
    await happened(tmp_path, closed=False)

    async with kept_history(settings, NODE) as kept:
        assert await past_of(kept) == []
    async with kept_history(settings, "another-node") as kept:
        assert await past_of(kept, node="") == ["inc-abc123"]


async def test_where_there_is_no_store_it_says_so_and_makes_none(settings, tmp_path):
    async with kept_history(settings, NODE) as kept:
        assert kept.history is None
        assert f"not read, no store of incidents at '{tmp_path}/gcm-sentinel.db'" in kept.words
        assert "whether a fault came back is not known" in kept.words

    assert list(tmp_path.iterdir()) == []


async def test_a_folder_that_cannot_be_reached_is_told(tmp_path):
    too_long = tmp_path / ("x" * 300)

    async with kept_history(load({"state_dir": too_long}), NODE) as kept:
        assert kept.history is None
        assert "cannot be reached (File name too long)" in kept.words


async def test_a_store_that_cannot_be_read_is_told_and_does_not_end_the_investigation(settings, tmp_path):
    (tmp_path / "gcm-sentinel.db").write_text("this is no database, " * 100)

    async with kept_history(settings, NODE) as kept:
        assert kept.words.startswith("history: not read, ")
        with pytest.raises(Unreachable):
            await past_of(kept)


@pytest.mark.parametrize("steps", [released()[:-1], (*released(), Step(len(released()) + 1, "later", "SELECT 1;\n"))])
async def test_a_store_of_another_version_is_neither_read_nor_migrated(settings, tmp_path, steps):
    url = f"sqlite:///{tmp_path}/gcm-sentinel.db"
    async with Database.open(url, clock=SystemClock(), steps=steps):
        """As another version of `serve` left it."""

    async with kept_history(settings, NODE) as kept:
        assert f"has schema version {len(steps)}, this program reads version {len(released())}" in kept.words
        with pytest.raises(Unreachable):
            await past_of(kept)

    with closing(sqlite3.connect(tmp_path / "gcm-sentinel.db")) as connection:
        assert connection.execute("SELECT max(version) FROM schema_version").fetchone() == (len(steps),)


@pytest.mark.slow
async def test_an_investigation_on_the_command_line_says_what_it_read(tmp_path, capsys):
    world = find_scenario("one-off-109").realise(1, anchor=time.time())
    node = world.trigger.node
    await happened(tmp_path)
    async with serve(world) as fleet:
        settings = settings_for(fleet, world, "playbook").model_copy(update={"state_dir": tmp_path})

        await investigate_command(settings, Request(node), output="text", publish=False, verbose=False)

    printed = capsys.readouterr()
    assert f"history: read from {tmp_path}" in printed.err
    assert "get_incident_history: no_data" in printed.err
