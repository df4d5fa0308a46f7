"""Arguments, environment variables, and what happens when they are wrong."""

from __future__ import annotations

import logging

import pytest
from tests.sentinel_sdk.scripted import made

from sentinel.v1 import correlation_pb2
from sentinel_sdk import InvalidArgumentError, RetryConfig, SentinelClient, SentinelError, TlsConfig, methods
from sentinel_sdk.target import is_loopback

FLEET = made(correlation_pb2.FleetHealthResponse, summary={"total_gpus": 3})


@pytest.fixture(autouse=True)
def _log_level():
    yield
    logging.getLogger("sentinel_sdk").setLevel(logging.NOTSET)


def test_the_endpoint_comes_from_the_environment(server, monkeypatch):
    server.answers(methods.QUERY_FLEET_HEALTH, FLEET)
    monkeypatch.setenv("SENTINEL_ENDPOINT", server.endpoint)

    with SentinelClient.connect() as client:
        assert client.query_fleet_health().total_gpus == 3


def test_an_argument_wins_over_the_environment(server, monkeypatch):
    server.answers(methods.QUERY_FLEET_HEALTH, FLEET)
    monkeypatch.setenv("SENTINEL_ENDPOINT", "localhost:1")
    monkeypatch.setenv("SENTINEL_TIMEOUT", "77")
    monkeypatch.setenv("SENTINEL_MAX_RETRIES", "9")

    with SentinelClient.connect(server.endpoint, default_timeout=5, retry_config=RetryConfig(max_retries=1)) as client:
        assert client.query_fleet_health().total_gpus == 3
        assert (client.policy.timeout_s, client.policy.retry.max_retries) == (5, 1)


def test_timeout_and_retries_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("SENTINEL_TIMEOUT", "2.5")
    monkeypatch.setenv("SENTINEL_MAX_RETRIES", "0")

    with SentinelClient.connect("localhost:1") as client:
        assert (client.policy.timeout_s, client.policy.retry.max_retries) == (2.5, 0)


def test_without_either_the_documented_defaults_hold(monkeypatch):
    monkeypatch.setenv("SENTINEL_TIMEOUT", "")

    with SentinelClient.connect("localhost:1") as client:
        assert client.policy.timeout_s == 30
        assert client.policy.retry == RetryConfig(None, 0.1, 10.0, 2.0)


def test_the_log_level_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("SENTINEL_LOG_LEVEL", "debug")

    SentinelClient.connect("localhost:1").close()

    assert logging.getLogger("sentinel_sdk").level == logging.DEBUG


def test_a_log_level_the_application_set_is_left_alone():
    logging.getLogger("sentinel_sdk").setLevel(logging.ERROR)

    SentinelClient.connect("localhost:1").close()

    assert logging.getLogger("sentinel_sdk").level == logging.ERROR


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SENTINEL_TIMEOUT", "soon"),
        ("SENTINEL_TIMEOUT", "0"),
        ("SENTINEL_TIMEOUT", "nan"),
        ("SENTINEL_TIMEOUT", "inf"),
        ("SENTINEL_MAX_RETRIES", "-1"),
        ("SENTINEL_MAX_RETRIES", "1.5"),
        ("SENTINEL_LOG_LEVEL", "LOUD"),
        ("SENTINEL_CLIENT_CERT", "/etc/client.pem"),
        ("SENTINEL_CLIENT_KEY", "/etc/key.pem"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    with pytest.raises(InvalidArgumentError, match=name):
        SentinelClient.connect("localhost:1")


def test_without_an_endpoint_the_error_says_where_it_could_come_from():
    with pytest.raises(InvalidArgumentError, match="SENTINEL_ENDPOINT"):
        SentinelClient.connect()


def test_an_endpoint_has_no_scheme():
    with pytest.raises(InvalidArgumentError, match="without a scheme"):
        SentinelClient.connect("https://sentinel.example.com:443")


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_is_positive(timeout):
    with pytest.raises(InvalidArgumentError, match="positive number of seconds"):
        SentinelClient.connect("localhost:1", default_timeout=timeout)


def test_options_are_added_to_the_library_s_own(server):
    server.answers(methods.QUERY_FLEET_HEALTH, FLEET)

    with SentinelClient.connect(server.endpoint, options=[("grpc.max_receive_message_length", 1)]) as client:
        small = client.with_timeout(0.2)
        with pytest.raises(SentinelError, match="larger than max"):
            small.query_fleet_health()


def test_a_token_travels_within_this_machine(server):
    server.answers(methods.QUERY_FLEET_HEALTH, FLEET)

    with SentinelClient.connect(server.endpoint, token="s3cret") as client:
        client.query_fleet_health()

    assert server.seen[0].metadata["authorization"] == "Bearer s3cret"


def test_a_token_comes_from_the_environment(server, monkeypatch):
    server.answers(methods.QUERY_FLEET_HEALTH, FLEET)
    monkeypatch.setenv("SENTINEL_TOKEN", "s3cret")

    with SentinelClient.connect(server.endpoint) as client:
        client.query_fleet_health()

    assert server.seen[0].metadata["authorization"] == "Bearer s3cret"


def test_a_token_does_not_travel_in_the_open():
    with pytest.raises(InvalidArgumentError, match="unencrypted") as caught:
        SentinelClient.connect("sentinel.example.com:50051", token="s3cret")

    assert "s3cret" not in str(caught.value)


def test_a_token_with_a_line_break_is_refused_and_not_shown(server):
    with pytest.raises(InvalidArgumentError, match="line break") as caught:
        SentinelClient.connect(server.endpoint, token="s3cret\n")

    assert "s3cret" not in str(caught.value)


def test_a_token_travels_in_the_open_where_that_is_allowed_by_name():
    SentinelClient.connect("sentinel.example.com:50051", token="s3cret", allow_insecure_token=True).close()


@pytest.mark.parametrize(
    ("endpoint", "here"),
    [
        ("localhost:50051", True),
        ("127.0.0.7:1", True),
        ("[::1]:50051", True),
        ("dns:///localhost:50051", True),
        ("ipv4:127.0.0.1:50051", True),
        ("unix:/run/sentinel.sock", True),
        ("localhost.example.com:50051", False),
        ("127.0.0.1.example.com:1", False),
        ("10.0.0.1:50051", False),
        ("sentinel:443", False),
    ],
)
def test_what_is_on_this_machine(endpoint, here):
    assert is_loopback(endpoint) is here


def test_tls_may_be_declined_whatever_the_environment_says(server, monkeypatch):
    server.answers(methods.QUERY_FLEET_HEALTH, FLEET)
    monkeypatch.setenv("SENTINEL_CA_CERT", "/nowhere/ca.pem")

    with SentinelClient.connect(server.endpoint, tls_config=False) as client:
        assert client.query_fleet_health().total_gpus == 3


def test_a_certificate_without_its_key_is_refused_by_name():
    with pytest.raises(InvalidArgumentError, match="client_cert_path but no client_key_path"):
        SentinelClient.connect("localhost:1", tls_config=TlsConfig(client_cert_path="client.pem"))


def test_a_key_without_its_certificate_is_refused_by_name():
    with pytest.raises(InvalidArgumentError, match="client_key_path but no client_cert_path"):
        SentinelClient.connect("localhost:1", tls_config=TlsConfig(client_key_path="key.pem"))


def test_a_file_that_cannot_be_read_is_named(monkeypatch):
    monkeypatch.setenv("SENTINEL_CA_CERT", "/nowhere/ca.pem")

    with pytest.raises(InvalidArgumentError, match="ca_cert_path '/nowhere/ca.pem' cannot be read"):
        SentinelClient.connect("localhost:1")


def test_a_file_that_holds_something_else_is_named(tmp_path):
    (tmp_path / "ca.pem").write_text("hello")

    with pytest.raises(InvalidArgumentError, match=r"ca\.pem' holds no PEM certificate"):
        SentinelClient.connect("localhost:1", tls_config=TlsConfig(ca_cert_path=str(tmp_path / "ca.pem")))
