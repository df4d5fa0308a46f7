"""`--scenario` means the same to `demo`, `eval` and `fleet serve`: an id of ours, a scenario file, or its folder."""

from __future__ import annotations

import os
import shutil
import sys

import pytest
import structlog

from gcm_sentinel.app.cli import main
from gcm_sentinel.app.scenarios import SCENARIOS, find_scenario, find_scenarios
from gcm_sentinel.domain.errors import BadConfiguration

ID = "off-bus-riser"


@pytest.fixture
def own(tmp_path):
    """A folder with one scenario that is none of ours."""
    folder = tmp_path / "mine" / "my-riser"
    folder.mkdir(parents=True)
    text = (SCENARIOS / ID / "scenario.yaml").read_text()
    (folder / "scenario.yaml").write_text(text.replace(f"id: {ID}", "id: my-riser"))
    return folder


@pytest.fixture
def refused(monkeypatch, capsys, tmp_path):
    """What a command that cannot begin says."""
    for name in [name for name in os.environ if name.startswith("GCM_SENTINEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["gcm-sentinel", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        return capsys.readouterr().err

    yield call
    structlog.reset_defaults()


def test_an_id_is_one_of_ours():
    assert find_scenario(ID).id == ID


def test_a_file_and_the_folder_that_holds_it_are_the_same(own):
    assert find_scenario(str(own)).id == find_scenario(str(own / "scenario.yaml")).id == "my-riser"


def test_a_file_may_have_another_name(own, tmp_path):
    copy = shutil.copy(own / "scenario.yaml", tmp_path / "another.yaml")

    assert find_scenario(str(copy)).id == "my-riser"


def test_several_come_in_the_order_they_were_named_each_once(own):
    named = (str(own), "xid31-follows-job", ID, str(own / "scenario.yaml"), ID)

    assert [item.id for item in find_scenarios(SCENARIOS, named)] == ["my-riser", "xid31-follows-job", ID]


def test_an_id_belongs_to_the_folder_that_was_given(own):
    assert find_scenarios(own.parent, ("my-riser",))[0].id == "my-riser"
    with pytest.raises(BadConfiguration, match=f"no scenario '{ID}'.*there are: my-riser$"):
        find_scenarios(own.parent, (ID,))


def test_a_folder_of_several_is_not_one(own):
    with pytest.raises(BadConfiguration, match="is a folder of scenarios, name one; there are: my-riser"):
        find_scenario(str(own.parent))


@pytest.mark.parametrize("command", [("eval",), ("demo",), ("fleet", "serve")], ids=lambda command: command[0])
@pytest.mark.parametrize("value", ["no-such-thing", "/no/such/path", ""])
def test_a_bad_value_is_one_line_that_says_which_there_are(refused, command, value):
    said = refused(*command, "--scenario", value)

    assert said.startswith(f"gcm-sentinel: there is no scenario {value!r}: ")
    assert said.count("\n") == 1
    assert f", {ID}, " in said
