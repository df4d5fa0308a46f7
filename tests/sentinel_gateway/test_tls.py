"""TLS: who gets through the handshake, who has which role then, and renewal while running."""

from __future__ import annotations

import ssl

import grpc
import httpx2
import pytest
from cryptography import x509
from tests.sentinel_gateway.certificates import Authority, KeyPair
from tests.sentinel_gateway.driving import WITHIN_S, Client, batch, code_of, settings, until

from sentinel.v1 import correlation_pb2
from sentinel_gateway.app.running import running_gateway
from sentinel_gateway.domain.access import token_digest

CERTIFICATES = [
    {"match": "cn", "name": "agent-*", "roles": ["agent"]},
    {"match": "uri", "name": "spiffe://example.com/viewer", "roles": ["viewer"]},
]
TOKENS = [{"name": "jane", "sha256": token_digest("jane's"), "roles": ["viewer"]}]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def _settings(tmp_path, authority, **groups):
    certificate, key = authority.server().write(tmp_path, "server")
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    tls = {"cert_file": certificate, "key_file": key, "ca_file": tmp_path / "ca.crt", "reload_seconds": 0.01}
    access = {"certificates": CERTIFICATES, "tokens": TOKENS}
    wanted = {"tls": tls, "access": access, "grpc": {"token_listen": "127.0.0.1:0"}, **groups}
    return settings(tmp_path, wanted, insecure=False)


@pytest.fixture
async def gateway(tmp_path, authority):
    async with running_gateway(_settings(tmp_path, authority)) as running:
        yield running


def _channel(port: int, roots: bytes, pair: KeyPair | None = None) -> grpc.aio.Channel:
    key, certificate = (pair.key, pair.certificate) if pair else (None, None)
    credentials = grpc.ssl_channel_credentials(roots, key, certificate)
    return grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials)


async def _fleet(channel: grpc.aio.Channel, token: str = "") -> grpc.StatusCode:
    metadata = (("authorization", f"Bearer {token}"),) if token else None
    query = Client(channel).correlation.QueryFleetHealth
    return await code_of(query(correlation_pb2.FleetHealthRequest(), metadata=metadata, timeout=WITHIN_S))


async def test_who_shows_no_good_certificate_does_not_get_through(gateway, authority):
    pairs = {
        "none": None,
        "expired": authority.client("agent-1", days=-1),
        "of another authority": Authority("other").client("agent-1"),
    }
    for name, pair in pairs.items():
        async with _channel(gateway.grpc_port, authority.pem, pair) as channel:
            assert await _fleet(channel) is grpc.StatusCode.UNAVAILABLE, name


async def test_a_client_that_trusts_another_authority_does_not_connect(gateway, authority):
    async with _channel(gateway.grpc_port, Authority("other").pem, authority.client("agent-1")) as channel:
        assert await _fleet(channel) is grpc.StatusCode.UNAVAILABLE


async def test_plain_text_does_not_get_through(gateway):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel:
        assert await _fleet(channel) is grpc.StatusCode.UNAVAILABLE


async def test_a_certificate_gives_the_roles_of_its_names(gateway, authority):
    agent, viewer = authority.client("agent-1"), authority.client("", uri="spiffe://example.com/viewer")
    async with _channel(gateway.grpc_port, authority.pem, agent) as channel:
        assert (await Client(channel).report(batch())).accepted
        assert await _fleet(channel) is grpc.StatusCode.PERMISSION_DENIED
    async with _channel(gateway.grpc_port, authority.pem, viewer) as channel:
        assert await _fleet(channel) is grpc.StatusCode.OK
    async with _channel(gateway.grpc_port, authority.pem, authority.client("unknown")) as channel:
        assert await _fleet(channel) is grpc.StatusCode.PERMISSION_DENIED


async def test_a_token_decides_over_a_certificate(gateway, authority):
    async with _channel(gateway.grpc_port, authority.pem, authority.client("agent-1")) as channel:
        assert await _fleet(channel, "jane's") is grpc.StatusCode.OK
        assert await _fleet(channel, "guess") is grpc.StatusCode.UNAUTHENTICATED


async def test_an_address_for_tokens_asks_for_no_certificate(gateway, authority):
    async with _channel(gateway.grpc_ports[1], authority.pem) as channel:
        assert await _fleet(channel, "jane's") is grpc.StatusCode.OK
        assert await _fleet(channel) is grpc.StatusCode.UNAUTHENTICATED


async def test_a_renewed_certificate_is_used_without_restart(gateway, tmp_path, authority):
    renewed = Authority("renewed")

    renewed.server().write(tmp_path, "server")

    async def is_used() -> bool:
        async with _channel(gateway.grpc_port, renewed.pem, authority.client("agent-1")) as channel:
            return await _fleet(channel) is grpc.StatusCode.PERMISSION_DENIED

    await until(is_used, "the new certificate is used")


async def test_one_that_expired_is_not_used_and_seen_in_health_and_metrics(tmp_path, authority):
    wanted = _settings(tmp_path, authority, rest={"listen": "127.0.0.1:0"})
    ends = x509.load_pem_x509_certificate((tmp_path / "server.crt").read_bytes()).not_valid_after_utc.timestamp()
    tls = ssl.create_default_context(cadata=authority.pem.decode())
    async with (
        running_gateway(wanted) as gateway,
        httpx2.AsyncClient(base_url=f"https://127.0.0.1:{gateway.rest_port}", verify=tls) as http,
    ):
        assert (await http.get("/api/v1/health")).json()["status"] == "healthy"
        authority.server(days=-1, from_days=-9).write(tmp_path, "server")

        async def is_told() -> bool:
            told = (await http.get("/api/v1/health")).json()
            return told["status"] == "degraded" and "has expired" in str(told["problems"])

        await until(is_told, "the problem is told")
        metrics = (await http.get("/metrics")).text
        assert (await http.get("/readyz")).status_code == 200

    name = f'sentinel_tls_certificate_end_timestamp_seconds{{file="{tmp_path}/server.crt"}} '
    assert [float(line.removeprefix(name)) for line in metrics.splitlines() if line.startswith(name)] == [ends]
