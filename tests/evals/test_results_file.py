"""What a run has paid for is on the disk the moment it is known, and an interrupted run goes on where it was."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gcm_sentinel.app.eval_journal import Journal, journal_of, read
from gcm_sentinel.app.eval_results import Run, prepare, write
from gcm_sentinel.domain.errors import BadConfiguration

HOW: dict[str, Any] = {"engine": "playbook", "seeds": 2, "scenarios": {"a": "1"}}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.json.journal"


def test_a_results_file_holds_every_case_whole(tmp_path, case, broken):
    records = (
        case("a", variant="v", without=("dcgm",), m_cost_usd=None, overhead_ms=(1.5,), replays_alike=True),
        broken("b"),
        case("c", p_forbidden=("did drain_node on n",), detail={"assessment": {"summary": "gone"}}),
    )
    run = Run(HOW, "2026-11-20T03:00", records, 3, 12.5)

    write(tmp_path / "r.json", run)

    assert read(tmp_path / "r.json") == run


def test_a_journal_is_read_like_a_results_file(path, case):
    with Journal.begin(path, HOW, 2) as journal:
        journal.add(case("a"))

    run = read(path)

    assert (run.records, run.planned, run.how) == ((case("a"),), 2, HOW)


@pytest.mark.parametrize("lost", [1, 2, 40], ids=["the-new-line", "inside-a-character", "more"])
def test_a_journal_that_was_cut_off_goes_on_after_the_last_whole_line(path, case, lost):
    with Journal.begin(path, HOW, 3) as journal:
        journal.add(case("a"))
        whole = path.read_bytes()
        journal.add(case("b"))
    path.write_bytes((path.read_bytes()[:-1] + "µ\n".encode())[:-lost])

    again, kept = Journal.go_on(path, HOW)

    with again:
        assert [record.scenario for record in kept.run.records] == ["a"]
        assert path.read_bytes() == whole
        again.add(case("b"))
        assert [record.scenario for record in read(path).records] == ["a", "b"]


def test_the_last_word_about_a_case_counts_and_every_attempt_was_paid_for(path, case, broken):
    with Journal.begin(path, HOW, 1) as journal:
        journal.add(broken("a"), 5.0)
        journal.add(case("a"), 7.5)

    again, kept = Journal.go_on(path, HOW)

    again.close()
    assert (kept.run.records, kept.run.wall_s) == ((case("a"),), 7.5)
    assert kept.tried == (broken("a"), case("a"))


def test_two_runs_do_not_write_to_one_journal(path, case):
    with Journal.begin(path, HOW, 1) as journal:
        journal.add(case("a"))
        for another in (lambda: Journal.go_on(path, HOW), lambda: Journal.begin(path, HOW, 1)):
            with pytest.raises(BadConfiguration, match="another run is writing to it"):
                another()
    Journal.go_on(path, HOW)[0].end()

    assert not path.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"engine": "openai"}, "engine was 'playbook', is 'openai'"),
        ({"scenarios": {"a": "2"}}, "scenarios differ in a"),
        ({"max_tokens_per_case": 5}, "max_tokens_per_case was None, is 5"),
    ],
)
def test_a_run_with_other_settings_does_not_go_on(path, change, words):
    Journal.begin(path, HOW, 1).close()

    with pytest.raises(BadConfiguration, match=words):
        Journal.go_on(path, {**HOW, **change})


def test_an_unfinished_run_is_not_written_over(path, case):
    with Journal.begin(path, HOW, 2) as journal:
        journal.add(case("a"))

    with pytest.raises(BadConfiguration, match="--resume goes on with it"):
        Journal.begin(path, HOW, 1)


def test_an_unfinished_run_that_has_come_to_nothing_is(path):
    Journal.begin(path, HOW, 1).close()
    Journal.begin(path, {**HOW, "seeds": 3}, 2).close()

    assert read(path).planned == 2


def test_there_must_be_something_to_go_on_with(path):
    with pytest.raises(BadConfiguration, match="No such file"):
        Journal.go_on(path, HOW)


@pytest.mark.parametrize("text", ["", "{}", "[]", "not json", '{"schema": "other"}\n{}\n', "\x00\n"])
def test_any_other_file_is_refused_by_name(tmp_path, text):
    other = tmp_path / "other.json"
    other.write_text(text)

    with pytest.raises(BadConfiguration, match=r"other\.json"):
        read(other)


def test_a_file_of_a_version_that_did_not_measure_is_refused(tmp_path, case):
    write(tmp_path / "old.json", Run(HOW, "2026-11-20T03:00", (case("a"),), 1))
    content = json.loads((tmp_path / "old.json").read_text())
    del content["cases"][0]["measures"]
    (tmp_path / "old.json").write_text(json.dumps(content))

    with pytest.raises(BadConfiguration, match=r"cases\[0\]: has no `measures`"):
        read(tmp_path / "old.json")


def test_looking_whether_a_file_can_be_written_leaves_nothing_behind(tmp_path):
    prepare(tmp_path / "new" / "r.json")

    assert list((tmp_path / "new").iterdir()) == []
    assert journal_of(tmp_path / "r.json").name == "r.json.journal"


def test_the_summary_is_of_the_cases_with_every_source(tmp_path, case):
    records = (case("a"), replace(case("a", p_root_cause=0), without=("dcgm",)))
    write(tmp_path / "r.json", Run(HOW, "2026-11-20T03:00", records, 2))

    summary = json.loads((tmp_path / "r.json").read_text())["summary"]

    assert (summary["cases"], summary["passed"], summary["wilson_95"]) == (1, 1, [0.2065, 1.0])
    assert [row["passed"]["count"] for row in summary["by_dropped_source"]] == [1, 0]
