"""Where no connection comes about the error says why; what waiting does not mend ends at once."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from contextlib import contextmanager

import grpc
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.sentinel_sdk.certificates import Authority
from tests.sentinel_sdk.conftest import QUICK
from tests.sentinel_sdk.scripted import ScriptedServer, failing_first, made, until_ended

from sentinel.v1 import correlation_pb2
from sentinel_sdk import (
    ConnectionError,  # noqa: A004 - the documented name
    DeadlineExceededError,
    RetryConfig,
    SentinelClient,
    TlsConfig,
    methods,
)
from sentinel_sdk.tls_diagnosis import Cause, Seen, diagnose, of_first_bytes, of_unknown_name

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


@contextmanager
def serving(pair=None, client_authority=None):
    credentials = None
    if pair is not None:
        roots = client_authority.certificate.read_bytes() if client_authority else None
        credentials = grpc.ssl_server_credentials([pair.pem], roots, require_client_auth=client_authority is not None)
    server = ScriptedServer(credentials)
    server.answers(methods.QUERY_FLEET_HEALTH, made(correlation_pb2.FleetHealthResponse))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def tls_server(authority):
    with serving(authority.issue("server")) as server:
        yield server


@pytest.fixture(scope="module")
def mtls_server(authority):
    with serving(authority.issue("server-m"), authority) as server:
        yield server


def tls(authority, files=None):
    ca = str(authority.certificate)
    return TlsConfig(ca, str(files.certificate), str(files.key)) if files else TlsConfig(ca)


def failing(endpoint, kind=ConnectionError, **how):
    """The words a client ends with that would try for half a minute."""
    began = time.monotonic()
    with SentinelClient.connect(endpoint, **{"default_timeout": 30, **how}) as client, pytest.raises(kind) as caught:
        client.query_fleet_health()
    assert time.monotonic() - began < 15
    return str(caught.value)


def test_the_issuer_nobody_believes_is_named(tls_server, stranger):
    words = failing(tls_server.endpoint, tls_config=tls(stranger))

    assert f"127.0.0.1:{tls_server.port} shows a certificate issued by 'right'; believed are 'wrong'" in words
    assert str(stranger.certificate) in words


def test_without_an_authority_the_public_ones_are_named(tls_server):
    words = failing(tls_server.endpoint, tls_config=TlsConfig())

    assert "issued by 'right'; believed are the public authorities that gRPC knows" in words


def test_the_end_of_a_certificate_is_told(authority):
    with serving(authority.issue("server-old", ended=True)) as server:
        words = failing(server.endpoint, tls_config=tls(authority))

    assert "shows a certificate that ended on 20" in words
    assert "UTC here" in words


def test_the_names_of_a_certificate_for_somebody_else_are_told(tls_server, authority):
    options = [("grpc.ssl_target_name_override", "sentinel.example.com")]

    words = failing(tls_server.endpoint, tls_config=tls(authority), options=options)

    assert "a certificate for 'localhost', '127.0.0.1', not for 'sentinel.example.com'" in words


def test_a_client_certificate_that_is_wanted_is_asked_for(mtls_server, authority):
    words = failing(mtls_server.endpoint, tls_config=tls(authority))

    assert "wants a client certificate, and none is given: set client_cert_path" in words


def test_a_client_certificate_of_a_strange_authority_is_named(mtls_server, authority, stranger):
    words = failing(mtls_server.endpoint, tls_config=tls(authority, stranger.issue("operator")))

    assert "did not accept the client certificate of 'operator'" in words
    assert "issued by 'wrong'" in words


def test_a_client_certificate_that_ended_is_named(mtls_server, authority):
    words = failing(mtls_server.endpoint, tls_config=tls(authority, authority.issue("operator", ended=True)))

    assert "did not accept the client certificate of 'operator'" in words
    assert "which ended on 20" in words


def test_a_client_certificate_that_is_made_for_servers_is_told(mtls_server, authority):
    wrong = authority.issue("operator", made_for=ExtendedKeyUsageOID.SERVER_AUTH)

    words = failing(mtls_server.endpoint, tls_config=tls(authority, wrong))

    assert "did not accept the client certificate of 'operator'" in words
    assert "is made for serverAuth, not for a client: issue one with the extended key usage clientAuth" in words


def test_a_server_certificate_that_is_made_for_clients_is_told(authority):
    with serving(authority.issue("server-c", made_for=ExtendedKeyUsageOID.CLIENT_AUTH)) as server:
        words = failing(server.endpoint, tls_config=tls(authority))

    assert "shows a certificate that is made for clientAuth, not for a server: it needs serverAuth" in words


def test_a_server_without_tls_is_told_from_one_that_is_not_believed(server, authority):
    words = failing(server.endpoint, tls_config=tls(authority))

    assert "speaks without TLS, but TLS is asked for" in words


@pytest.mark.parametrize("which", ["tls_server", "mtls_server"])
def test_a_server_with_tls_is_told_to_want_it(request, which):
    words = failing(request.getfixturevalue(which).endpoint)

    assert "speaks TLS, but the connection was made without: give a tls_config" in words


def test_every_address_that_refuses_is_named():
    words = failing("localhost:1", retry_config=QUICK)

    for family, _, _, _, address in socket.getaddrinfo("localhost", 1, type=socket.SOCK_STREAM):
        assert (f"[{address[0]}]:1" if family == socket.AF_INET6 else f"{address[0]}:1") in words
    assert "refused the connection: nothing listens there" in words


def test_a_name_that_is_not_known_is_told():
    no_name = "x" * 64  # a part of a name has at most 63 letters, so that nobody is asked

    words = failing(f"{no_name}:50051", retry_config=ONCE)

    assert f"the name '{no_name}' is not known here" in words


def test_a_look_that_fails_itself_leaves_grpcs_words(monkeypatch, caplog):
    def broken(*_args, **_more):
        raise LookupError("a certificate nobody can read")

    monkeypatch.setattr(socket, "getaddrinfo", broken)

    words = failing("localhost:1", retry_config=ONCE)

    assert words.startswith("failed to connect to all addresses")
    assert "connection.look_failed endpoint=localhost:1" in caplog.text


def test_the_words_of_grpc_stand_on_a_line_below():
    ours, grpcs = failing("localhost:1", retry_config=ONCE).splitlines()

    assert ours.endswith("refused the connection: nothing listens there")
    assert grpcs.startswith("gRPC says: failed to connect to all addresses")


def test_in_the_log_they_stand_on_one_line(caplog):
    caplog.set_level(logging.INFO)
    failing("localhost:1", retry_config=QUICK)

    assert caplog.records
    assert all("nothing listens there; gRPC says" in one for one in caplog.messages)


def test_a_server_that_says_nothing_is_told():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"127.0.0.1:{silent.getsockname()[1]}"
        words = failing(endpoint, DeadlineExceededError, default_timeout=0.3)

    assert f"nothing was heard from {endpoint} at all" in words


async def test_a_server_that_cut_a_call_off_was_heard_from(server):
    server.on(methods.QUERY_FLEET_HEALTH, failing_first(1, grpc.StatusCode.CANCELLED, lambda _r, c: wait(c)))

    def wait(context):
        list(until_ended(context))

    words = await asyncio.to_thread(failing, server.endpoint, DeadlineExceededError, default_timeout=0.5)

    assert "before that: the call was cut off" in words
    assert "nothing was heard" not in words


@contextmanager
def answering(content):
    """A server of another kind."""
    listening = socket.create_server(("127.0.0.1", 0))

    def answer():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                connection.recv(4096)
                connection.sendall(content)

    thread = threading.Thread(target=answer)
    thread.start()
    yield f"127.0.0.1:{listening.getsockname()[1]}"
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(10)


def test_a_web_server_is_told():
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as endpoint:
        words = failing(endpoint, retry_config=ONCE)

    assert "answers as a web server, not as a gateway" in words


async def test_an_asynchronous_client_says_the_same_and_holds_up_nobody(tls_server, stranger, monkeypatch):
    beats, real = [], socket.getaddrinfo

    def slow(*args, **more):
        time.sleep(0.8)
        return real(*args, **more)

    async def beat():
        while True:
            beats.append(time.monotonic())
            await asyncio.sleep(0.01)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    beating = asyncio.ensure_future(beat())
    async with await SentinelClient.aconnect(tls_server.endpoint, tls_config=tls(stranger)) as client:
        with pytest.raises(ConnectionError, match="issued by 'right'; believed are 'wrong'"):
            await client.aquery_fleet_health()
    beating.cancel()

    assert max(later - earlier for earlier, later in zip(beats, beats[1:], strict=False)) < 0.7


async def test_streams_end_with_the_same_words(tls_server, stranger):
    with SentinelClient.connect(tls_server.endpoint, tls_config=tls(stranger)) as client:
        with pytest.raises(ConnectionError, match="issued by 'right'"):
            client.stream_events(print)
        with pytest.raises(ConnectionError, match="issued by 'right'"):
            client.config_stream("node-1", lambda _update: None)
    async with await SentinelClient.aconnect(tls_server.endpoint, tls_config=tls(stranger)) as aclient:
        with pytest.raises(ConnectionError, match="issued by 'right'"):
            await aclient.astream_events(print)


def test_a_proxy_is_not_looked_past(tls_server, stranger, monkeypatch):
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{tls_server.port}")

    words = failing("sentinel.example.com:443", retry_config=ONCE, tls_config=tls(stranger))

    assert not words.startswith("no connection to")


class TestWhatAllAddressesMean:
    REFUSED = Seen("[::1]:1", Cause.REFUSED, "refused")
    UNTRUSTED = Seen("127.0.0.1:1", Cause.UNTRUSTED, "is not believed")

    def test_a_refusal_does_not_hide_what_another_address_says(self):
        found = diagnose("localhost:1", [self.REFUSED, self.UNTRUSTED])

        assert found is not None
        assert found.words == "no connection to localhost:1: 127.0.0.1:1 is not believed; [::1]:1 refused"
        assert found.lasting

    def test_addresses_that_do_the_same_are_told_together(self):
        found = diagnose("localhost:1", [self.REFUSED, Seen("127.0.0.1:1", Cause.REFUSED, "refused")])

        assert found is not None
        assert found.words.endswith("[::1]:1 and 127.0.0.1:1 refused")
        assert not found.lasting

    def test_one_that_answers_is_enough(self):
        assert diagnose("localhost:1", [self.UNTRUSTED, Seen("[::1]:1", Cause.ANSWERS, "answers")]) is None

    def test_an_unknown_name_may_be_known_later(self):
        assert not of_unknown_name("a:1", "a", "Name or service not known").lasting

    @pytest.mark.parametrize("cause", list(Cause), ids=lambda cause: cause.name)
    def test_only_what_somebody_has_to_change_lasts(self, cause):
        somebody_has_to_act = {
            *(Cause.PLAIN_THERE, Cause.TLS_THERE, Cause.UNTRUSTED),
            *(Cause.OUT_OF_DATE, Cause.OTHER_NAME, Cause.CLIENT_CERTIFICATE),
        }

        assert cause.is_lasting is (cause in somebody_has_to_act)

    @pytest.mark.parametrize(
        ("content", "cause"),
        [
            (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", Cause.ANSWERS),
            (b"\x15\x03\x01\x00\x02\x02\x46", Cause.TLS_THERE),
            (b"HTTP/1.0 400 Bad Request", Cause.NOT_GRPC),
            (b"SSH-2.0-OpenSSH_9.6", Cause.NOT_GRPC),
            (b"x", Cause.NOT_GRPC),
        ],
    )
    def test_a_server_is_known_by_its_first_bytes(self, content, cause):
        assert of_first_bytes(content)[0] is cause
