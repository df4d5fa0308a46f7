"""The system text: ours by default, the operator's where they wrote one, never silently ignored."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import Severity
from gcm_sentinel.domain.errors import BadConfiguration, Bug
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.engine.prompts import load_prompt, prompt_names, system_text

SOURCES = (
    "prometheus", "kernel_log", "kubernetes", "workloads", "topology", "dcgm", "node_exporter", "alertmanager",
    "gcm_health", "knowledge",
)  # fmt: skip
ALL = dict.fromkeys(SOURCES, "")


def estimated_tokens(text):
    """A cautious estimate without a tokenizer: prose like this runs at four characters a token or more."""
    return len(text) / 3.6


@pytest.mark.parametrize("mode", Mode)
def test_the_whole_text_is_short(mode):
    assert 1000 < estimated_tokens(system_text(mode, ALL)) < 2500


@pytest.mark.parametrize("mode", Mode)
def test_it_says_the_mode_and_only_that_one(mode):
    text = system_text(mode, {})

    assert re.findall(r"Mode: (\w+)\.", text) == [str(mode)]


def test_it_names_the_sources_that_can_be_used_and_no_others():
    text = system_text(Mode.RECOMMEND, {"topology": "", "ours": "Asks our inventory."})

    assert "- topology: `get_topology`" in text
    assert "- ours: Asks our inventory." in text
    assert "query_prometheus" not in text


def test_every_severity_is_defined():
    text = load_prompt("finish")

    assert all(f"- `{severity}`:" in text for severity in Severity)


def test_closed_lists_are_left_to_the_tools_schema():
    text = system_text(Mode.RECOMMEND, ALL)

    assert not [fault for fault in FaultClass if "_" in fault and str(fault) in text]
    assert not [action for action in Action if "-" in action and str(action) in text]


def test_nothing_is_shouted():
    text = system_text(Mode.EXECUTE, ALL)

    assert set(re.findall(r"\b[A-Z]{4,}\b", text)) <= {"UUID", "DCGM"}
    assert "!" not in text


def test_a_file_of_the_operators_replaces_ours(tmp_path):
    (tmp_path / "sources").mkdir()
    (tmp_path / "finish.md").write_text("End soon.\n")
    (tmp_path / "sources" / "topology.md").write_text("Our racks are called halls.")

    text = system_text(Mode.RECOMMEND, ALL, tmp_path)

    assert "End soon." in text
    assert "- topology: Our racks are called halls." in text
    assert load_prompt("evidence") in text
    assert load_prompt("finish") not in text


def test_an_empty_file_removes_its_part(tmp_path):
    (tmp_path / "mode-recommend.md").write_text("")

    assert "Mode:" not in system_text(Mode.RECOMMEND, {}, tmp_path)


def test_a_file_that_replaces_nothing_is_named(tmp_path):
    (tmp_path / "sytem.md").write_text("x")

    with capture_logs() as logs:
        system_text(Mode.RECOMMEND, {}, tmp_path)

    assert [(item["event"], Path(item["file"]).name) for item in logs] == [("prompts.unknown_override", "sytem.md")]


def test_a_third_partys_source_may_be_overridden_too(tmp_path):
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "ours.md").write_text("Ask it last.")

    with capture_logs() as logs:
        text = system_text(Mode.RECOMMEND, {"ours": "Asks our inventory."}, tmp_path)

    assert "- ours: Ask it last." in text
    assert logs == []


def test_the_originals_prompt_file_stands_in_for_the_first_part(tmp_path):
    path = tmp_path / "system-prompt.txt"
    path.write_text("You are our own expert.")

    text = system_text(Mode.RECOMMEND, {}, None, path)

    assert text.startswith("You are our own expert.\n\nEvidence\n")
    assert load_prompt("system") not in text


def test_of_two_system_prompts_the_directorys_wins_and_says_so(tmp_path):
    (tmp_path / "system.md").write_text("From the directory.")
    path = tmp_path / "system-prompt.txt"
    path.write_text("From the old file.")

    with capture_logs() as logs:
        text = system_text(Mode.RECOMMEND, {}, tmp_path, path)

    assert text.startswith("From the directory.")
    assert [(item["event"], item["ignored"]) for item in logs] == [("prompts.system_given_twice", str(path))]


def test_an_original_prompt_file_that_is_not_there_changes_nothing(tmp_path):
    assert system_text(Mode.RECOMMEND, {}, None, tmp_path / "none.txt") == system_text(Mode.RECOMMEND, {})


def test_a_directory_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadConfiguration, match=r"GCM_SENTINEL_PROMPTS_DIR: .*none"):
        system_text(Mode.RECOMMEND, {}, tmp_path / "none")


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "finish.md").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(BadConfiguration, match="finish.md"):
        system_text(Mode.RECOMMEND, {}, tmp_path)


def test_a_prompt_that_does_not_exist_is_a_bug_with_the_known_names():
    with pytest.raises(Bug, match="no prompt 'nope'; known are evidence"):
        load_prompt("nope")


def test_every_mode_and_source_has_its_file():
    assert {f"mode-{mode}" for mode in Mode} | {f"sources/{name}" for name in SOURCES} <= set(prompt_names())
