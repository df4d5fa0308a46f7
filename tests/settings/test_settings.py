"""The original's variables work, lists may be written both ways, and what is wrong is one clear line."""

from __future__ import annotations

import os

import pytest

from gcm_sentinel.app.models import chosen_engine
from gcm_sentinel.app.settings import Settings, load
from gcm_sentinel.domain.conditions import DEFAULT_WATCH_CONDITIONS
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.modes import Mode

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


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_a_variable_that_a_chart_sets_to_nothing_never_stops_the_agent(given, name):
    given(**{name.upper(): ""})

    assert load().action_mode is Mode.RECOMMEND


def test_nothing_is_an_answer_only_where_it_turns_something_off(given):
    given(PROMETHEUS_URL="", LLM_FALLBACK="", WATCH_CONDITIONS="", COOLDOWN_SECONDS="", PROMPTS_DIR="")

    settings = load()

    assert (settings.prometheus_url, settings.llm_fallback) == ("", ())
    assert settings.watch_conditions == DEFAULT_WATCH_CONDITIONS
    assert (settings.cooldown_seconds, settings.prompts_dir) == (3600, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVICE_HOST", "10.0.0.7"),
        ("SERVICE_PORT_METRICS", "9090"),
        ("PORT", "tcp://10.0.0.7:9090"),
        ("PORT_9090_TCP_ADDR", "10.0.0.7"),
        ("METRICS_PORT_9090_TCP", "tcp://10.0.0.7:9090"),
    ],
)
def test_what_a_kubelet_sets_for_a_service_of_our_name_is_no_setting(given, name, value):
    given(**{name: value})

    assert load().action_mode is Mode.RECOMMEND


def test_a_log_level_may_be_written_small(given):
    given(LOG_LEVEL="warning")

    assert load().log_level == "WARNING"


def test_a_list_of_patterns_may_hold_commas_as_json(given):
    given(REDACT_PATTERNS=r'["cust-\\d{2,3}", "x,y"]')

    assert load().redact_patterns == (r"cust-\d{2,3}", "x,y")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("ACTION_MODE", "yolo", ["GCM_SENTINEL_ACTION_MODE", "yolo", "recommend"]),
        ("COOLDOWN_SECONDS", "-5", ["GCM_SENTINEL_COOLDOWN_SECONDS", "-5"]),
        ("COOLDWON_SECONDS", "5", ["unknown setting", "did you mean GCM_SENTINEL_COOLDOWN_SECONDS"]),
        ("FOOBAR", "5", ["unknown setting GCM_SENTINEL_FOOBAR; docs/operations.md"]),
        ("NODE_ALLOWLIST", '["a"', ["node_allowlist"]),
        ("CONFIG", "/nowhere/config.yaml", ["/nowhere/config.yaml", "no such file"]),
        ("CONFIG", "/", ["/", "cannot be read"]),
        ("WATCH_CONDITIONS", "[]", ["GCM_SENTINEL_WATCH_CONDITIONS", "at least 1"]),
        ("REDACT_PATTERNS", "a{2,3}", ["GCM_SENTINEL_REDACT_PATTERNS", "JSON array", "a{2,3}"]),
        ("REDACT_PATTERNS", "(", ["GCM_SENTINEL_REDACT_PATTERNS", "no regular expression"]),
        ("REDACT_PATTERNS", "x*", ["GCM_SENTINEL_REDACT_PATTERNS", "would mask everything"]),
        ("TOPOLOGY_LABELS", "rack", ["GCM_SENTINEL_TOPOLOGY_LABELS", "key=value", "rack"]),
        ("SETTLE_SECONDS", "inf", ["GCM_SENTINEL_SETTLE_SECONDS", "inf"]),
    ],
    ids=[
        "bad-mode",
        "negative",
        "unknown",
        "like-none",
        "broken-json",
        "no-file",
        "a-folder",
        "nothing-watched",
        "comma-in-pattern",
        "broken-pattern",
        "pattern-of-nothing",
        "no-pairs",
        "endless",
    ],
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
    ("content", "says"),
    [("a: [1\n b: canary-key-77", "is not YAML in line 2"), ("- canary-key-77\n", "expected `setting: value` lines")],
    ids=["broken", "a-list"],
)
def test_a_settings_file_that_is_none_is_one_line_without_its_content(given, tmp_path, content, says):
    file = tmp_path / "config.yaml"
    file.write_text(content)
    given(CONFIG=str(file))

    with pytest.raises(BadConfiguration, match=says) as caught:
        load()

    assert "canary-key-77" not in str(caught.value)
    assert "config.yaml" in str(caught.value)


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


@pytest.mark.parametrize("name", ["PROMETHEUS_URL", "ALERTMANAGER_URL", "LOKI_URL", "LLM_BASE_URL"])
def test_an_address_without_scheme_or_host_is_refused(given, name):
    given(**{name: "nourl"})

    with pytest.raises(BadConfiguration, match=f"GCM_SENTINEL_{name}.*http://host:9090.*'nourl'"):
        load()
