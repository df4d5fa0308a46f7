"""`incidents list`."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.incidents_cli.past import NODE


async def three(given):
    """A new one, an older one on another node, and one that was investigated."""
    await given.opened("inc-old222", node="gpu-r09-n01", ago=timedelta(days=3))
    await given.investigated("inc-abc123")
    await given.opened("inc-new111", ago=timedelta(minutes=5))


def ids(done):
    return [item["id"] for item in done.json["incidents"]]


def test_the_newest_comes_first_with_what_a_person_needs(run, past):
    past(three)

    done = run("list")

    heading, *lines = done.out.splitlines()
    assert done.code == 0
    assert heading.split() == ["ID", "STATE", "SEVERITY", "SCOPE", "KINDS", "ENGINE", "AGE", "SUMMARY"]
    assert [line.split()[0] for line in lines] == ["inc-new111", "inc-abc123", "inc-old222"]
    investigated = lines[1].split()
    assert investigated[1:6] == ["open", "critical", NODE, "GpuXid", "scripted"]
    assert "fell off the bus" in lines[1]


def test_an_incident_nobody_looked_at_shows_its_urgency_with_a_question_mark(run, past):
    past(lambda given: given.opened())

    assert run("list").out.splitlines()[1].split()[2] == "critical?"


def test_a_running_investigation_says_since_when_and_by_whom(run, past):
    past(lambda given: given.running())

    line = run("list").out.splitlines()[1]
    assert "investigation running since 20" in line
    assert line.endswith(" UTC, by replica-1")


@pytest.mark.parametrize("since", ["99999999d", "9" * 5000 + "s"], ids=["days", "digits"])
def test_a_time_before_all_dates_is_one_line_and_exit_code_2(run, past, since):
    past(lambda given: given.opened())

    done = run("list", "--since", since)

    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "--since" in done.err


def test_nothing_open_is_said_so(run, past):
    past(lambda given: given.opened())
    run("close", "inc-abc123")

    assert run("list").out == "no incidents\n"
    assert "inc-abc123" in run("list", "--all").out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--node", "gpu-r09-n01"], ["inc-old222"]),
        (["--node", "gpu-r09"], []),
        (["--since", "1h"], ["inc-new111"]),
        (["--since", "2d"], ["inc-new111", "inc-abc123"]),
        (["--limit", "1"], ["inc-new111"]),
    ],
    ids=["node", "nodes-are-exact", "an-hour", "two-days", "limit"],
)
def test_filters_narrow_the_list(run, past, arguments, expected):
    past(three)

    assert ids(run("list", "--output", "json", *arguments)) == expected


def test_json_is_stable_and_says_its_format(run, past):
    past(lambda given: given.investigated())

    listed = run("list", "--output", "json").json

    assert listed["format"] == "gcm-sentinel/incidents/v1"
    [incident] = listed["incidents"]
    assert incident["scope"] == {"kind": "node", "key": NODE}
    assert incident["nodes"] == [NODE]
    assert incident["severity"] == "critical"
    assert incident["newest_investigation"]["id"] == "inc-abc123.1"
    assert incident["newest_investigation"]["spend"]["cost_usd"] == 0.5


def test_a_moment_that_cannot_be_read_is_one_line_and_exit_code_2(run, past):
    past(lambda given: given.opened())

    done = run("list", "--since", "yesterday")

    assert done.code == 2
    assert "90m, 24h, 7d" in done.err


def test_before_anything_is_stored_it_says_where_it_looked(run, state_dir):
    done = run("list")

    assert done.code == 2
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert f"{state_dir}/gcm-sentinel.db" in done.err
    assert "GCM_SENTINEL_DATABASE_URL" in done.err
    assert not state_dir.exists()


def test_another_state_folder_may_be_named(run, past, state_dir, monkeypatch):
    past(lambda given: given.opened())
    monkeypatch.delenv("GCM_SENTINEL_STATE_DIR")

    assert "inc-abc123" in run("list", "--state-dir", str(state_dir)).out


@pytest.mark.parametrize("command", ["list", "show", "replay", "close", "reinvestigate"])
def test_each_command_explains_itself(run, command):
    done = run(command, "--help")

    assert done.code == 0
    assert "Usage:" in done.out
