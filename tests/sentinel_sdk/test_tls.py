"""Connections are what they claim to be: the right authority, valid certificates, a client who proves who it is."""

from __future__ import annotations

import logging

import grpc
import pytest
from tests.sentinel_sdk.certificates import Authority
from tests.sentinel_sdk.scripted import ScriptedServer, made

from sentinel.v1 import correlation_pb2
from sentinel_sdk import (
    ConnectionError,  # noqa: A004 - the documented name
    InvalidArgumentError,
    RetryConfig,
    SentinelClient,
    TlsConfig,
    methods,
)

ONCE = RetryConfig(max_retries=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(folder):
    return Authority(folder, "right")


@pytest.fixture(scope="module")
def stranger(folder):
    return Authority(folder, "wrong")


def serving(pair, client_authority=None):
    roots = client_authority.certificate.read_bytes() if client_authority else None
    credentials = grpc.ssl_server_credentials([pair.pem], roots, require_client_auth=client_authority is not None)
    server = ScriptedServer(credentials)
    server.on(methods.QUERY_FLEET_HEALTH, _who_called)
    return server


def _who_called(_request, context):
    names = context.auth_context().get("x509_common_name", [b""])
    return made(correlation_pb2.FleetHealthResponse, summary={"total_gpus": len(names[0])})


@pytest.fixture(scope="module")
def tls_server(authority):
    server = serving(authority.issue("server"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def mtls_server(authority):
    server = serving(authority.issue("server-m"), authority)
    yield server
    server.stop()


@pytest.fixture(params=["blocking", "asynchronous"])
def total_gpus(request):
    """Asks a server for its fleet through the one face or the other."""

    async def ask(server, **how):
        if request.param == "blocking":
            with SentinelClient.connect(server.endpoint, retry_config=ONCE, default_timeout=5, **how) as client:
                return client.query_fleet_health().total_gpus
        client = await SentinelClient.aconnect(server.endpoint, retry_config=ONCE, default_timeout=5, **how)
        async with client:
            return (await client.aquery_fleet_health()).total_gpus

    return ask


async def test_a_server_with_a_certificate_of_the_right_authority_is_believed(authority, tls_server, total_gpus):
    assert await total_gpus(tls_server, tls_config=TlsConfig(ca_cert_path=str(authority.certificate))) == 0


async def test_the_authority_may_come_from_the_environment(authority, tls_server, total_gpus, monkeypatch):
    monkeypatch.setenv("SENTINEL_CA_CERT", str(authority.certificate))

    assert await total_gpus(tls_server) == 0


async def test_a_server_with_a_certificate_of_another_authority_is_not_believed(stranger, tls_server, total_gpus):
    with pytest.raises(ConnectionError, match="(?i)certificate.verify.failed|handshake"):
        await total_gpus(tls_server, tls_config=TlsConfig(ca_cert_path=str(stranger.certificate)))


async def test_without_an_authority_the_public_ones_decide(tls_server, total_gpus):
    with pytest.raises(ConnectionError):
        await total_gpus(tls_server, tls_config=TlsConfig())


async def test_a_server_whose_certificate_has_ended_is_not_believed(authority, total_gpus):
    server = serving(authority.issue("server-old", ended=True))

    with pytest.raises(ConnectionError, match="(?i)expired|handshake"):
        await total_gpus(server, tls_config=TlsConfig(ca_cert_path=str(authority.certificate)))
    server.stop()


async def test_a_client_proves_who_it_is(authority, mtls_server, total_gpus):
    files = authority.issue("operator")
    config = TlsConfig(str(authority.certificate), str(files.certificate), str(files.key))

    assert await total_gpus(mtls_server, tls_config=config) == len("operator")


async def test_certificate_and_key_may_come_from_the_environment(authority, mtls_server, total_gpus, monkeypatch):
    files = authority.issue("operator-2")
    monkeypatch.setenv("SENTINEL_CA_CERT", str(authority.certificate))
    monkeypatch.setenv("SENTINEL_CLIENT_CERT", str(files.certificate))
    monkeypatch.setenv("SENTINEL_CLIENT_KEY", str(files.key))

    assert await total_gpus(mtls_server) == len("operator-2")


async def test_a_client_without_a_certificate_is_turned_away(authority, mtls_server, total_gpus):
    with pytest.raises(ConnectionError) as caught:
        await total_gpus(mtls_server, tls_config=TlsConfig(ca_cert_path=str(authority.certificate)))

    assert caught.value.code is grpc.StatusCode.UNAVAILABLE


async def test_a_client_with_a_certificate_of_another_authority_is_turned_away(
    authority, stranger, mtls_server, total_gpus
):
    files = stranger.issue("operator")

    with pytest.raises(ConnectionError):
        await total_gpus(
            mtls_server, tls_config=TlsConfig(str(authority.certificate), str(files.certificate), str(files.key))
        )


async def test_a_client_whose_certificate_has_ended_is_turned_away_and_told_why(
    authority, mtls_server, total_gpus, caplog
):
    files = authority.issue("operator-old", ended=True)

    with caplog.at_level(logging.WARNING), pytest.raises(ConnectionError):
        await total_gpus(
            mtls_server, tls_config=TlsConfig(str(authority.certificate), str(files.certificate), str(files.key))
        )

    assert "tls.client_certificate_expired" in caplog.text


async def test_a_token_travels_with_tls(authority, total_gpus):
    server = serving(authority.issue("server-t"))

    await total_gpus(server, tls_config=TlsConfig(ca_cert_path=str(authority.certificate)), token="s3cret")

    assert server.seen[0].metadata["authorization"] == "Bearer s3cret"
    server.stop()


async def test_a_plain_client_cannot_talk_to_a_server_with_tls(tls_server, total_gpus):
    with pytest.raises(ConnectionError):
        await total_gpus(tls_server)


def test_a_key_that_belongs_to_another_certificate_is_named(authority):
    one, other = authority.issue("one"), authority.issue("other")

    with pytest.raises(InvalidArgumentError, match=r"other-key\.pem' is not the key of"):
        TlsConfig(str(authority.certificate), str(one.certificate), str(other.key)).channel_credentials()


def test_a_key_file_without_a_key_is_named(authority):
    files = authority.issue("keyless")

    with pytest.raises(InvalidArgumentError, match="no unencrypted PEM private key"):
        TlsConfig(None, str(files.certificate), str(files.certificate)).channel_credentials()
