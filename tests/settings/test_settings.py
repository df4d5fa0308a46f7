"""The original's variables work, lists may be written both ways, and what is wrong is one clear line."""

from __future__ import annotations

import os

import pytest

from gcm_sentinel.app.models import chosen_engine
from gcm_sentinel.app.settings import load
from gcm_sentinel.domain.errors import BadConfiguration

ORIGINAL = {
    "LLM_API": "openai",
    "API_KEY": "k-1",
    "MODEL": "m",
    "PROMETHEUS_URL": "http://p:9090",
    "ALERTMANAGER_URL": "",
    "ACTION_MODE": "annotate",
    "COOLDOWN_SECONDS": "60",
    "NODE_ALLOWLIST": "gpu-*,dgx-01",
    "MAX_ACTIONS_PER_HOUR": "1",
    "WATCH_CONDITIONS": "GcmXidErrorsProblem,Gpu*",
    "MAX_TOOL_ROUNDS": "9",
    "MAX_TOOL_OUTPUT": "0",
    "SYSTEM_PROMPT_PATH": "/tmp/prompt.txt",  # noqa: S108
    "LOG_LEVEL": "DEBUG",
    "WEBHOOK_URL": "https://hooks.example/x",
}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("GCM_SENTINEL_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def given(monkeypatch):
    def set_variables(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(f"GCM_SENTINEL_{name}", value)

    return set_variables


def test_every_variable_of_the_original_is_read(given):
    given(**ORIGINAL)

    settings = load()

    assert settings.node_allowlist == ("gpu-*", "dgx-01")
    assert settings.watch_conditions == ("GcmXidErrorsProblem", "Gpu*")
    assert settings.max_tool_rounds == 9
    assert settings.api_key.get_secret_value() == "k-1"


@pytest.mark.parametrize(
    ("written", "read"),
    [("a,b", ("a", "b")), (" a , b ", ("a", "b")), ('["a", "b"]', ("a", "b")), ("", ()), ("a", ("a",)), ("[]", ())],
)
def test_a_list_may_be_a_comma_list_or_json(given, written, read):
    given(NODE_ALLOWLIST=written)

    assert load().node_allowlist == read


def test_the_thirteen_original_conditions_are_watched_by_default():
    watched = set(load().watch_conditions)

    assert {
        "GcmXidErrorsProblem", "GcmSmiEccProblem", "GcmSmiDisconnectedProblem", "GcmProcZombieProblem",
        "GcmDcgmiNvlinkStatusProblem", "GcmDcgmiDiagProblem", "NPDXidErrorsProblem", "NPDSmiEccProblem",
        "NPDSmiDisconnectedProblem", "NPDProcZombieProblem", "NPDDcgmiNvlinkStatusProblem", "NPDDcgmiDiagProblem",
        "NPDDcgmRunningProblem",
    } <= watched  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("ACTION_MODE", "yolo", ["GCM_SENTINEL_ACTION_MODE", "yolo", "recommend"]),
        ("COOLDOWN_SECONDS", "-5", ["GCM_SENTINEL_COOLDOWN_SECONDS", "-5"]),
        ("COOLDWON_SECONDS", "5", ["unknown setting", "did you mean GCM_SENTINEL_COOLDOWN_SECONDS"]),
        ("NODE_ALLOWLIST", '["a"', ["node_allowlist"]),
        ("CONFIG", "/nowhere/config.yaml", ["/nowhere/config.yaml", "no such file"]),
    ],
    ids=["bad-mode", "negative", "unknown", "broken-json", "no-file"],
)
def test_a_wrong_setting_is_one_line_that_names_it(given, name, value, says):
    given(**{name: value})

    with pytest.raises(BadConfiguration) as caught:
        load()

    message = str(caught.value)
    assert "\n" not in message
    assert all(word.lower() in message.lower() for word in says)


def test_a_secret_is_never_repeated_in_an_error(given):
    given(API_KEY="canary-key-77", MAX_TOOL_ROUNDS="none")

    with pytest.raises(BadConfiguration) as caught:
        load()

    assert "canary-key-77" not in str(caught.value)
    assert "canary-key-77" not in repr(load_with_key(given))


def load_with_key(given):
    given(API_KEY="canary-key-77", MAX_TOOL_ROUNDS="3")
    return load()


def test_flags_go_over_environment_over_file(given, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("max_tool_rounds: 3\nmax_seconds: 30\ncooldown_seconds: 7\n")
    given(CONFIG=str(file), MAX_TOOL_ROUNDS="4", MAX_SECONDS="40")

    settings = load({"max_seconds": 50})

    assert (settings.cooldown_seconds, settings.max_tool_rounds, settings.max_seconds) == (7, 4, 50)


def test_an_unknown_key_in_the_file_is_an_error(given, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("max_tool_round: 3\n")
    given(CONFIG=str(file))

    with pytest.raises(BadConfiguration, match="did you mean 'max_tool_rounds'"):
        load()


@pytest.mark.parametrize(
    ("variables", "engine"),
    [
        ({}, "playbook"),
        ({"API_KEY": "k"}, "anthropic"),
        ({"LLM_API": "anthropic"}, "playbook"),
        ({"LLM_API": "openai", "API_KEY": "k"}, "openai"),
        ({"LLM_API": "openai", "LLM_BASE_URL": "http://127.0.0.1:8000/v1"}, "openai"),
        ({"LLM_API": "playbook", "API_KEY": "k"}, "playbook"),
    ],
    ids=["no-key", "key", "chart-default-without-key", "openai", "local-server", "asked-for"],
)
def test_without_a_key_the_playbook_engine_answers(given, variables, engine):
    given(**variables)

    assert chosen_engine(load()) == engine
