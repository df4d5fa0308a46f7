"""Recorded cases are scored again without a model or a world, and hold no secret."""

from __future__ import annotations

import gzip
import json

import pytest
from pydantic import SecretStr

from gcm_sentinel.app.eval_recording import Recorder, recorded_in
from gcm_sentinel.app.eval_rescoring import replay_command, rescore_command
from gcm_sentinel.app.eval_results import read
from gcm_sentinel.app.exits import Exit
from gcm_sentinel.app.settings import Settings
from gcm_sentinel.domain.errors import BadConfiguration

EXPECT = {
    "fault_class": ["gpu_off_bus"],
    "severity": ["critical"],
    "evidence": [{"source": "kernel_log", "contains": "fallen off"}],
}
KEY = "my-own-key-of-no-known-shape"


@pytest.fixture
def recorder(tmp_path):
    return Recorder.of(tmp_path / "kept", Settings(api_key=SecretStr(KEY)))


@pytest.fixture
def keep(recorder, investigate, case):
    """Keeps one case whose kernel log holds a line."""

    async def make(line="GPU has fallen off the bus", **said):
        return recorder.keep(case("a", **said), await investigate(line), EXPECT)

    return make


async def test_a_kept_case_is_read_whole(keep, recorder, case):
    await keep()

    (kept,) = recorded_in(recorder.folder)

    assert kept.record == case("a")
    assert [item.result.raw for item in kept.transcript.evidence] == ["GPU has fallen off the bus"]
    assert kept.assessment.draft.claims[0].cites[0].evidence == "E1"


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


def test_a_folder_without_cases_is_refused(tmp_path):
    with pytest.raises(BadConfiguration, match="no recorded cases"):
        rescore_command(tmp_path, None, None)


def test_a_damaged_case_is_refused_by_name(tmp_path):
    (tmp_path / "x.case.json.gz").write_bytes(b"not gzip")

    with pytest.raises(BadConfiguration, match=r"x\.case\.json\.gz"):
        rescore_command(tmp_path, None, None)
