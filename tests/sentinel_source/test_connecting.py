"""Who the gateway must prove to be, who we are to it, and which settings are refused before anything is sent."""

from __future__ import annotations

import grpc
import pytest
from tests.sentinel_gateway.certificates import Authority
from tests.sentinel_source.gateway_double import GatewayDouble, running

from gcm_sentinel.clients.sentinel import Access, SentinelGateway
from gcm_sentinel.domain.errors import BadConfiguration, Unreachable


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def files(authority, tmp_path):
    """Paths: the authority, and a client's certificate with its key."""
    ca = tmp_path / "ca.crt"
    ca.write_bytes(authority.pem)
    certificate, key = authority.client("gcm-sentinel").write(tmp_path, "client")
    return {"ca_cert": ca, "client_cert": certificate, "client_key": key}


@pytest.fixture
async def secured(authority):
    """A gateway that wants a certificate of the same authority."""
    own = authority.server()
    credentials = grpc.ssl_server_credentials([(own.key, own.certificate)], authority.pem, require_client_auth=True)
    async with running(GatewayDouble(), credentials) as double:
        yield double


async def reads(access):
    gateway = SentinelGateway(access)
    try:
        await gateway.may_read()
    finally:
        await gateway.aclose()


async def test_both_sides_prove_who_they_are(secured, files):
    await reads(Access(secured.endpoint, **files))

    assert [name for name, _ in secured.asked] == ["QueryFleetHealth"]


async def test_a_token_is_sent_with_every_call_over_tls(secured, files):
    await reads(Access(secured.endpoint, **files, token="t-secret"))

    assert secured.metadata[-1]["authorization"] == "Bearer t-secret"


@pytest.mark.parametrize("left_out", ["ca_cert", "client_cert"])
async def test_without_one_of_the_proofs_nothing_is_read(secured, files, left_out):
    gone = {"ca_cert"} if left_out == "ca_cert" else {"client_cert", "client_key"}
    given = {name: path for name, path in files.items() if name not in gone}

    with pytest.raises(Unreachable):
        await reads(Access(secured.endpoint, **given))

    assert secured.asked == []


async def test_another_authoritys_gateway_is_not_believed_and_the_message_says_what_to_check(secured, files, tmp_path):
    other = tmp_path / "other.crt"
    other.write_bytes(Authority("other").pem)

    with pytest.raises(Unreachable, match="GCM_SENTINEL_SENTINEL_CA_CERT"):
        await reads(Access(secured.endpoint, **{**files, "ca_cert": other}))


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"plaintext": True, "ca_cert": "ca_cert"}, "PLAINTEXT"),
        ({"plaintext": True, "token": "t"}, "TOKEN"),
        ({"client_cert": "client_cert"}, "CLIENT_KEY"),
        ({"ca_cert": "client_key"}, "no PEM certificate"),
        ({"ca_cert": "missing"}, "cannot be read"),
        ({"ledger_public_key": "ca_cert"}, "LEDGER_PUBLIC_KEY"),
    ],
    ids=["plain-with-tls", "token-in-the-open", "half-a-pair", "no-certificate", "no-file", "no-key"],
)
def test_what_could_not_work_is_refused_at_start(files, tmp_path, given, word):
    paths = {**files, "missing": tmp_path / "missing"}
    values = {name: paths.get(value, value) for name, value in given.items()}

    with pytest.raises(BadConfiguration, match=word):
        Access("gateway.example:50051", **values).check()


@pytest.mark.parametrize("given", [{}, {"plaintext": True}], ids=["tls", "plaintext"])
def test_an_endpoint_alone_is_enough(given):
    Access("gateway.example:50051", **given).check()


def test_the_token_is_not_printed():
    assert "t-secret" not in repr(Access("gateway.example:50051", token="t-secret"))


async def test_a_closed_client_opens_again(double):
    gateway = SentinelGateway(Access(double.endpoint, plaintext=True))

    await gateway.may_read()
    await gateway.aclose()
    await gateway.may_read()
    await gateway.aclose()

    assert len(double.asked) == 2
