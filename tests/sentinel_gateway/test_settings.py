"""Settings: where they come from, which wins, and what is refused with which words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sentinel_gateway.app.collecting import BadSettings
from sentinel_gateway.app.loading import load
from sentinel_gateway.app.setting_faults import GONE
from sentinel_gateway.app.settings import Settings
from sentinel_gateway.app.variables import ALIASES, FOREIGN, variable_of
from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_sdk import environment as client_environment

PLAIN = {"SENTINEL_GATEWAY__TLS__ENABLED": "false"}
ENGINE = "SENTINEL_CORRELATION_ENGINE_"


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    return path


def test_a_variable_wins_over_the_file_and_a_flag_over_both(tmp_path):
    file = _file(tmp_path, "grpc: {listen: '127.0.0.1:1', grace_seconds: 1}\nbayesian: {prior_alpha: 7}\n")
    environment = {
        **PLAIN,
        "SENTINEL_GATEWAY__GRPC__LISTEN": "127.0.0.1:2",
        "SENTINEL_GATEWAY__GRPC__GRACE_SECONDS": "2",
    }

    settings = load(environment, {"grpc": {"listen": "127.0.0.1:3"}}, file)

    assert str(settings.grpc.listen) == "127.0.0.1:3"
    assert (settings.grpc.grace_seconds, settings.bayesian.prior_alpha) == (2, 7)


def test_the_file_may_be_named_by_a_variable(tmp_path):
    file = _file(tmp_path, "tls: {enabled: false}\nlog: {level: DEBUG}\n")

    assert load({"SENTINEL_CONFIG": str(file)}).log.level == "debug"


@pytest.mark.parametrize(
    ("variable", "value", "group", "key", "expected"),
    [
        (f"{ENGINE}LISTEN_ADDRESS", "0.0.0.0:50061", "grpc", "listen", "0.0.0.0:50061"),
        ("SENTINEL_AUDIT_LEDGER_LISTEN_ADDRESS", "0.0.0.0:50052", "grpc", "also_listen", ["0.0.0.0:50052"]),
        (f"{ENGINE}METRICS_LISTEN_ADDRESS", "0.0.0.0:9090", "metrics", "listen", "0.0.0.0:9090"),
        (f"{ENGINE}BAYESIAN_MODEL_PRIOR_ALPHA", "200", "bayesian", "prior_alpha", 200),
        (f"{ENGINE}STATE_MACHINE_REQUIRE_APPROVAL", "true", "state_machine", "require_approval",
         ["quarantine", "reinstate", "condemn"]),
        (f"{ENGINE}STATE_MACHINE_REQUIRE_APPROVAL", "false", "state_machine", "require_approval", ["condemn"]),
        (f"{ENGINE}TLS_MUTUAL_TLS", "false", "tls", "require_client_auth", "none"),
        ("SENTINEL_TESTING_ENABLED", "true", "testing", "enabled", True),
        ("SENTINEL_LOG_LEVEL", "WARNING", "log", "level", "warning"),
        ("SENTINEL_LOG_FORMAT", "text", "log", "format", "text"),
    ],
)  # fmt: skip
def test_documented_variables_of_the_reference_are_understood(variable, value, group, key, expected):
    settings = load({**PLAIN, variable: value})

    assert settings.model_dump(mode="json", exclude={"database"})[group][key] == expected


def test_the_documented_variable_of_the_database_is_understood():
    settings = load({**PLAIN, f"{ENGINE}DATABASE_POSTGRES_URL": "postgresql://host/name"})

    assert settings.database.url.get_secret_value() == "postgresql://host/name"


def test_every_alias_stands_for_a_setting_that_exists():
    for alias in ALIASES.values():
        group, key = alias.setting
        assert hasattr(getattr(Settings.model_construct(), group), key)


def test_two_names_for_one_setting_must_agree():
    with pytest.raises(BadConfiguration, match="both set tls.cert_file"):
        load({**PLAIN, f"{ENGINE}TLS_CERT_FILE": "/a", "SENTINEL_AUDIT_LEDGER_TLS_CERT_FILE": "/b"})


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("SENTINEL_GATEWAY__GRPC__LISTN", "did you mean SENTINEL_GATEWAY__GRPC__LISTEN"),
        ("SENTINEL_GATEWAY_GRPC_LISTEN", "did you mean SENTINEL_GATEWAY__GRPC__LISTEN"),
        (f"{ENGINE}LISTEN_ADRESS", f"did you mean {ENGINE}LISTEN_ADDRESS"),
        (f"{ENGINE}SCYLLA_CONTACT_POINTS", "no ScyllaDB"),
        (f"{ENGINE}REDIS_URL", "no Redis"),
        ("SENTINEL_AUDIT_LEDGER_STORAGE_SCYLLA_CONTACT_POINTS", "no second store"),
        ("SENTINEL_AUDIT_LEDGER_WHATEVER", "docs/sentinel-gateway.md"),
        ("SENTINEL_GATWAY_X", "did you mean SENTINEL_GATEWAY__<GROUP>__<KEY>"),
        ("SENTINEL_GATWAY__GRPC__LISTEN", "did you mean SENTINEL_GATEWAY__GRPC__LISTEN"),
        ("SENTINEL_TLS_SERVER_CRT", "did you mean SENTINEL_TLS_SERVER_CERT"),
        ("SENTINEL_ENDPIONT", "did you mean SENTINEL_ENDPOINT"),
        ("SENTINEL_WHATEVER", "docs/sentinel-gateway.md"),
    ],
)
def test_an_unknown_variable_is_refused(variable, words):
    with pytest.raises(BadConfiguration, match=words):
        load({**PLAIN, variable: "x"})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SENTINEL_GATEWAY_SERVICE_HOST", "10.0.0.1"),
        ("SENTINEL_GATEWAY_SERVICE_PORT_GRPC", "50051"),
        ("SENTINEL_GATEWAY_PORT", "tcp://10.0.0.1:50051"),
        ("SENTINEL_GATEWAY_PORT_50051_TCP_ADDR", "10.0.0.1"),
        (f"{ENGINE}SERVICE_HOST", "10.0.0.1"),
        ("SENTINEL_SERVICE_HOST", "10.0.0.1"),
        ("SENTINEL_PORT", "tcp://10.0.0.1:50051"),
        ("SENTINEL_PROBE_AGENT_HMAC_KEY", "of another program"),
        ("SENTINEL_INFERENCE_MONITOR_FRAMEWORK", "of another program"),
        ("SENTINEL_GRPC_ENDPOINT", "of another program"),
    ],
)
def test_what_the_kubelet_or_another_program_sets_is_none_of_our_business(variable, value):
    load({**PLAIN, variable: value})


CLIENTS = sorted(set(re.findall(r"SENTINEL_[A-Z_]+", Path(str(client_environment.__file__)).read_text())))


@pytest.mark.parametrize("variable", CLIENTS)
def test_the_variables_of_the_client_library_are_none_of_our_business(variable):
    load({**PLAIN, variable: "info"})


def test_everything_that_does_not_fit_is_told_at_once(tmp_path):
    file = _file(
        tmp_path, "grpcc: {}\ngrpc: {listen: nowhere, four_eyes: true}\nqueue: 5\nbayesian: {prior_alpha: 0}\n"
    )
    environment = {"SENTINEL_GATEWAY__PROBES__MAX_BATCH": "many", "SENTINEL_GATWAY_X": "1"}

    with pytest.raises(BadSettings) as refused:
        load(environment, {"log": {"level": "loud"}}, file)

    faults = refused.value.faults
    expected = (
        "unknown group 'grpcc'; did you mean 'grpc'?",
        "expected `key: value` lines under 'queue'",
        "unknown setting SENTINEL_GATWAY_X",
        f"grpc.listen: expected host:port, such as 0.0.0.0:8080 or [::1]:0 (got 'nowhere', from {file})",
        "did you mean 'state_machine.four_eyes'?",
        "(got 'many', from SENTINEL_GATEWAY__PROBES__MAX_BATCH)",
        "bayesian.prior_alpha: Input should be greater than 0 (got 0",
        "(got 'loud', from the command line)",
        "set tls.cert_file",
    )
    assert [words for words in expected if not any(words in fault for fault in faults)] == []
    assert len(faults) == len(expected)


def test_what_depends_on_a_value_that_does_not_fit_is_not_judged(tmp_path):
    with pytest.raises(BadSettings) as refused:
        load({}, None, _file(tmp_path, "access: {insecure: perhaps}\n"))
    assert [fault.partition(":")[0] for fault in refused.value.faults] == ["access.insecure"]


@pytest.mark.parametrize(
    "text",
    [
        "access: {tokens: [{name: a, sha256: geheim, roles: [viewer]}]}",
        "probes: {hmac_key: [geheim]}",
        "database: {url: [geheim]}",
        "database: {urll: geheim}",
        "grpc: {listen: 'postgresql://user:geheim@host/name'}",
    ],
)
def test_what_may_be_a_secret_is_not_shown(tmp_path, text):
    with pytest.raises(BadSettings) as refused:
        load(PLAIN, None, _file(tmp_path, text))
    assert "geheim" not in str(refused.value)


def test_a_variable_set_to_nothing_counts_as_not_set():
    assert str(load({**PLAIN, "SENTINEL_GATEWAY__GRPC__LISTEN": ""}).grpc.listen) == "0.0.0.0:50051"


def test_nothing_is_an_answer_where_it_turns_something_off():
    assert load({**PLAIN, "SENTINEL_GATEWAY__REST__LISTEN": ""}).rest.listen is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("grpcc: {}", "unknown group 'grpcc'; did you mean 'grpc'"),
        ("grpc: {listenn: 'a:1'}", "unknown setting 'grpc.listenn' .*; did you mean 'grpc.listen'"),
        ("redis: {url: redis://x}", "'redis' has no meaning here"),
        ("grpc: 5", "expected `key: value` lines under 'grpc'"),
        ("- a", "expected groups of settings"),
        ("a: [", "is not YAML in line"),
        ("grpc: {listen: nowhere}", "grpc.listen: expected host:port"),
        ("grpc: {listen: '::1:50051'}", "in brackets"),
        ("tls: {require_client_auth: optional}", "grpc.token_listen"),
        ("tls: {enabled: true}", "cert_file and key_file are both needed"),
        ("access: {tokens: [{name: a, sha256: abc, roles: [viewer]}]}", "64 hex digits"),
        ("access: {anonymous_roles: [king]}", "anonymous_roles"),
        ("bayesian: {prior_alpha: 0}", "greater than 0"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_the_reason(tmp_path, text, words):
    with pytest.raises(BadConfiguration, match=words):
        load({}, None, _file(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadConfiguration, match="there is no such file"):
        load({}, None, tmp_path / "none.yaml")


def test_without_tls_one_must_say_so():
    with pytest.raises(BadConfiguration, match="--insecure"):
        load({})


def test_insecure_listens_on_loopback_unless_told_otherwise():
    settings = load({}, {"access": {"insecure": True}})

    assert settings.grpc.listen.is_loopback
    assert settings.rest.listen is not None
    assert settings.rest.listen.is_loopback


def test_insecure_beyond_loopback_needs_a_word_of_its_own():
    flags: dict[str, dict[str, object]] = {"access": {"insecure": True}, "grpc": {"listen": "0.0.0.0:50051"}}
    with pytest.raises(BadConfiguration, match="insecure_beyond_loopback"):
        load({}, flags)

    flags["access"]["insecure_beyond_loopback"] = True
    assert not load({}, flags).grpc.listen.is_loopback


def test_a_secret_that_does_not_fit_is_not_shown(tmp_path):
    with pytest.raises(BadConfiguration) as refused:
        load({**PLAIN, "SENTINEL_GATEWAY__PROBES__HMAC_KEY": "geheim", "SENTINEL_GATEWAY__PROBES__MAX_BATCH": "x"})
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("name", sorted(name for name in FOREIGN if name.lower() not in Settings.model_fields))
def test_a_group_of_the_reference_without_meaning_here_is_refused(tmp_path, name):
    with pytest.raises(BadConfiguration, match="has no meaning here"):
        load({}, None, _file(tmp_path, f"{name.lower()}: {{a: 1}}"))


def test_a_port_of_its_own_leaves_the_host_as_it_is(tmp_path):
    file = _file(tmp_path, "access: {insecure: true}\nrest: {listen: '[::1]:8080'}\n")

    settings = load({}, None, file, {"grpc": 0, "rest": 0})

    assert (str(settings.grpc.listen), str(settings.rest.listen)) == ("127.0.0.1:0", "[::1]:0")


@pytest.mark.parametrize(("group", "key"), GONE, ids=".".join)
def test_a_setting_of_an_earlier_version_is_refused_with_what_took_its_place(tmp_path, group, key):
    file = _file(tmp_path, f"tls: {{enabled: false}}\n{group}: {{{key}: 1}}\n")

    for given in ({variable_of(group, key): "1", **PLAIN}, {"SENTINEL_CONFIG": str(file)}):
        with pytest.raises(BadConfiguration, match=r"is no setting any more.*: .*see model\."):
            load(given)


@pytest.mark.parametrize("name", ["HEALTHY_TO_SUSPECT_THRESHOLD", "SUSPECT_TO_QUARANTINE_THRESHOLD"])
def test_a_documented_threshold_of_the_score_is_refused_with_what_took_its_place(name):
    with pytest.raises(BadConfiguration, match="the score decides nothing any more; see model"):
        load({**PLAIN, f"{ENGINE}STATE_MACHINE_{name}": "0.9"})


def test_a_documented_timeout_in_milliseconds_is_one_in_seconds():
    assert load({**PLAIN, f"{ENGINE}TMR_TIMEOUT_MS": "2500"}).tmr.timeout_seconds == 2.5
    with pytest.raises(BadConfiguration, match="tmr.timeout_seconds.*TMR_TIMEOUT_MS"):
        load({**PLAIN, f"{ENGINE}TMR_TIMEOUT_MS": "soon"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLACK", '{"webhook_url": "s3cret-here"'),
        ("SLACK", '{"webhook_url": ["s3cret-here"]}'),
        ("WEBHOOKS", '[{"name": "a", "secret": "s3cret-here"}]'),
        ("PAGERDUTY", '{"routing_keys": "s3cret-here"}'),
        ("EMAIL", '{"password": 5, "port": "s3cret-here"}'),
    ],
)
def test_what_does_not_fit_under_alerting_is_told_without_its_secrets(name, value):
    with pytest.raises(BadConfiguration, match=f"alerting.{name.lower()}") as told:
        load({**PLAIN, f"SENTINEL_GATEWAY__ALERTING__{name}": value})

    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"suspect_nats": 40}, "suspect_nats is above quarantine_nats"),
        ({"anomaly_cap_nats": 35}, "anomalies alone would quarantine"),
        ({"healthy_failure_rate": 0.01}, "model.healthy_failure_rate"),
        ({"automatic_share": 0.3}, "automatic_share is 0.3: at most 0.25 of the GPUs in use may go without a person"),
    ],
)
def test_numbers_of_the_model_that_contradict_each_other_are_refused(given, words):
    with pytest.raises(BadConfiguration, match=words):
        load(PLAIN, {"model": given})
