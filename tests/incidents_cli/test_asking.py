"""`incidents close` and `incidents reinvestigate`: what they leave for a running `serve`."""

from __future__ import annotations

import asyncio
import sqlite3

from tests.incidents_cli.past import DONE, NODE

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.investigations import Investigations
from gcm_sentinel.storage.lock import StateLock


def wanted(state_dir):
    """What a `serve` finds to do."""

    async def look():
        url = f"sqlite:///{state_dir}/gcm-sentinel.db"
        async with Database.open(url, clock=SystemClock()) as database:
            return [item.id for item in await Investigations(database).wanted()]

    return asyncio.run(look())


def test_a_closed_incident_keeps_who_closed_it_and_why(run, past):
    past(lambda given: given.investigated())

    done = run("close", "abc", "--reason", "replaced the riser", "--by", "maria")

    shown = run("show", "inc-abc123", "--output", "json").json
    assert (done.code, done.out) == (0, "inc-abc123 is closed\n")
    assert shown["incident"]["state"] == "closed"
    assert shown["incident"]["close_reason"] == "closed by maria: replaced the riser"
    assert [(item["kind"], item["by"]) for item in shown["requests"]] == [("close", "maria")]


def test_closing_tells_what_was_done_and_still_stands_each_time(run, past):
    async def happen(given):
        await given.opened()
        await given.ordered(*DONE)

    past(happen)

    first, second = run("close", "inc-abc123"), run("close", "inc-abc123")

    words = f"cordon_node on node {NODE}: stands until a person gives it back: kubectl uncordon {NODE}"
    assert first.out.splitlines()[1:] == second.out.splitlines()[1:] == [words]


def test_closing_twice_changes_nothing_and_says_so(run, past):
    past(lambda given: given.opened())
    run("close", "inc-abc123", "--by", "maria")

    done = run("close", "inc-abc123", "--by", "ali")

    assert (done.code, done.out) == (0, "inc-abc123 is closed already: closed by maria\n")


def test_without_a_name_the_user_of_the_machine_asks(run, past):
    past(lambda given: given.opened())
    run("close", "inc-abc123")

    shown = run("show", "inc-abc123", "--output", "json").json

    assert "@" in shown["requests"][0]["by"]


def test_another_investigation_is_wanted_by_hand(run, past, state_dir):
    past(lambda given: given.investigated())

    done = run("reinvestigate", "inc-abc123", "--by", "maria")

    assert done.code == 0
    assert done.out.startswith("inc-abc123.2 is wanted")
    assert wanted(state_dir) == ["inc-abc123.2"]


def test_asking_again_before_it_began_asks_for_the_same(run, past, state_dir):
    past(lambda given: given.investigated())
    run("reinvestigate", "inc-abc123")

    assert run("reinvestigate", "inc-abc123").out.startswith("inc-abc123.2 is wanted")
    assert wanted(state_dir) == ["inc-abc123.2"]


def test_a_closed_incident_that_is_investigated_again_is_open_again(run, past):
    past(lambda given: given.investigated())
    run("close", "inc-abc123")

    done = run("reinvestigate", "inc-abc123")

    assert done.out.startswith("inc-abc123 was closed and is open again\ninc-abc123.2 is wanted")
    assert run("show", "inc-abc123", "--output", "json").json["incident"]["state"] == "open"


def test_an_unknown_incident_is_exit_code_2(run, past):
    past(lambda given: given.opened())

    assert run("close", "inc-zzz").code == 2
    assert run("reinvestigate", "inc-zzz").code == 2


def test_commands_work_beside_a_running_serve(run, past, state_dir):
    past(lambda given: given.investigated())
    reader = sqlite3.connect(state_dir / "gcm-sentinel.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM incidents").fetchone()

    with StateLock(state_dir / "lock"):
        listed = run("list")
        closed = run("close", "inc-abc123")

    reader.close()
    assert "inc-abc123" in listed.out
    assert closed.code == 0
