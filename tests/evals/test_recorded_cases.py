"""Recorded cases are scored again without a model or a world, and hold no secret."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
import structlog.testing
from pydantic import SecretStr

from gcm_sentinel.app.eval_journal import read
from gcm_sentinel.app.eval_recorded import prepare_folder, recorded_in
from gcm_sentinel.app.eval_recording import Answer, Recorder, keep_or_tell
from gcm_sentinel.app.eval_rescoring import replay_command, rescore_command
from gcm_sentinel.app.exits import Exit
from gcm_sentinel.app.settings import Settings
from gcm_sentinel.domain.errors import BadConfiguration

EXPECT = {
    "fault_class": ["gpu_off_bus"],
    "severity": ["critical"],
    "evidence": [{"source": "kernel_log", "contains": "fallen off"}],
}
HOW: dict[str, Any] = {"engine": "playbook", "scenarios": {"a": "1"}}
KEY = "my-own-key-of-no-known-shape"


@pytest.fixture
def recorder(tmp_path):
    prepare_folder(tmp_path / "kept", HOW, 1, resume=False)
    return Recorder.of(tmp_path / "kept", Settings(api_key=SecretStr(KEY)))


@pytest.fixture
def keep(recorder, investigate, case):
    """Keeps one case whose kernel log holds a line."""

    async def make(line="GPU has fallen off the bus", **said):
        return recorder.keep(case("a", **said), Answer(await investigate(line), EXPECT))

    return make


async def test_a_kept_case_is_read_whole(keep, recorder, case):
    await keep()

    (kept,) = recorded_in(recorder.folder)

    assert kept.record == case("a")
    assert kept.answer is not None
    assert [item.result.raw for item in kept.answer.transcript.evidence] == ["GPU has fallen off the bus"]
    assert kept.answer.assessment.draft.claims[0].cites[0].evidence == "E1"


async def test_secrets_are_removed_also_ours_by_their_value(keep):
    path = await keep(f"fallen; password=hunter22; {KEY}", detail={"assessment": {"summary": f"it is {KEY}"}})

    text = gzip.decompress(path.read_bytes()).decode()

    assert KEY not in text
    assert "hunter22" not in text
    assert text.count("[redacted]") >= 3


async def test_each_case_has_its_own_file(keep):
    paths = [await keep(), await keep(seed=2), await keep(variant="no log/../x"), await keep(without=("dcgm",))]

    assert [path.name.removesuffix(".case.json.gz") for path in paths] == [
        "a~s1", "a~s2", "a~no_log_.._x~s1", "a~s1~no-dcgm",
    ]  # fmt: skip


async def test_todays_scoring_judges_a_kept_answer(keep, recorder, tmp_path, capsys):
    await keep(p_root_cause=0)

    assert rescore_command(recorder.folder, tmp_path / "r.json", None) is Exit.OK

    (record,) = read(tmp_path / "r.json").records
    assert (record.total, record.passed) == (100, True)
    assert read(tmp_path / "r.json").how == {**HOW, "rescored": str(recorder.folder)}
    assert record.measures is not None
    assert record.measures.evidence_cited == 1
    assert "a seed 1: 70 when it was recorded, 100 now" in capsys.readouterr().out


async def test_a_kept_answer_goes_through_todays_judge(keep, recorder, tmp_path):
    await keep()

    assert await replay_command(recorder.folder, tmp_path / "r.json", tmp_path / "r.html") is Exit.OK

    (record,) = read(tmp_path / "r.json").records
    assert (record.passed, record.replays_alike, len(record.overhead_ms)) == (True, True, 2)
    assert record.measures is not None
    assert record.measures.answered_by == "scripted"


async def test_a_judge_that_rules_otherwise_is_told(keep, recorder, capsys):
    path = await keep()
    content = json.loads(gzip.decompress(path.read_bytes()))
    content["assessment"]["draft"]["confidence"] = 0.4
    path.write_bytes(gzip.compress(json.dumps(content).encode()))

    assert await replay_command(recorder.folder, None, None) is Exit.UNMET
    assert "a seed 1: confidence\n  recorded: 0.4\n  replayed: 0.9" in capsys.readouterr().out


def test_a_folder_without_cases_is_refused(recorder):
    with pytest.raises(BadConfiguration, match="no recorded cases"):
        rescore_command(recorder.folder, None, None)


def test_a_damaged_case_is_refused_by_name(recorder):
    (recorder.folder / "x.case.json.gz").write_bytes(b"not gzip")

    with pytest.raises(BadConfiguration, match=r"x\.case\.json\.gz"):
        rescore_command(recorder.folder, None, None)


@pytest.fixture
def run_of_two(tmp_path):
    prepare_folder(tmp_path / "kept", HOW, 2, resume=False)


@pytest.mark.parametrize("replays", [False, True])
async def test_a_case_that_could_not_be_run_stays_in_the_denominator(
    keep, recorder, run_of_two, broken, tmp_path, replays
):
    await keep()
    recorder.keep(broken("b"), None)

    judged = replay_command(recorder.folder, tmp_path / "r.json", None) if replays else None
    code = await judged if judged else rescore_command(recorder.folder, tmp_path / "r.json", None)

    run = read(tmp_path / "r.json")
    assert (code, run.planned, run.how["scenarios"]) == (Exit.OK, 2, {"a": "1"})
    assert [(record.passed, record.error) for record in run.records] == [(True, ""), (False, "it broke")]


async def test_a_recording_that_is_not_whole_is_told(keep, recorder, run_of_two, tmp_path, capsys):
    await keep()

    assert rescore_command(recorder.folder, tmp_path / "r.json", None) is Exit.UNMET
    assert "the recording is not whole: 1 of 2 cases are missing" in capsys.readouterr().out
    assert read(tmp_path / "r.json").planned == 2


async def test_cases_of_several_runs_are_not_scored_as_one(keep, recorder):
    await keep()
    await keep(seed=2)

    with pytest.raises(BadConfiguration, match="2 cases are recorded of a run that has 1"):
        rescore_command(recorder.folder, None, None)


def test_a_folder_that_does_not_say_of_which_run_it_is_is_refused(recorder):
    (recorder.folder / "run.json").unlink()

    with pytest.raises(BadConfiguration, match="does not say of which run"):
        rescore_command(recorder.folder, None, None)


async def test_a_used_folder_is_only_gone_on_with_by_its_own_run(keep, recorder):
    await keep()

    prepare_folder(recorder.folder, HOW, 1, resume=True)
    with pytest.raises(BadConfiguration, match="holds recorded cases already"):
        prepare_folder(recorder.folder, HOW, 1, resume=False)
    with pytest.raises(BadConfiguration, match="made otherwise: cases was 1, is 2; engine was 'playbook', is 'openai'"):
        prepare_folder(recorder.folder, {**HOW, "engine": "openai"}, 2, resume=True)


def test_a_case_that_cannot_be_kept_is_told_and_nothing_more(tmp_path, case):
    (tmp_path / "no-folder").write_text("")

    with structlog.testing.capture_logs() as told:
        keep_or_tell(tmp_path / "no-folder", case("a"), None)

    assert [entry["event"] for entry in told] == ["eval.case_not_recorded"]
