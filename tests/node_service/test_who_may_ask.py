"""Certificates and tokens: who gets through, with which role, and that files are followed."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tests.node_service.conftest import Given, connected, serving
from tests.node_service.doubles import GPU, RULES, WITHIN_S
from tests.sentinel_gateway.certificates import Authority, KeyPair

from sentinel.node.v1 import node_pb2, node_pb2_grpc
from sentinel_node.domain.errors import BadConfiguration
from sentinel_node.service import open_calls
from sentinel_node.service.methods import METHODS
from sentinel_node.service.open_calls import MOST_STREAMS
from sentinel_serving.certificate_files import CertificateFiles, UnusableCertificates
from sentinel_serving.certificates import Certificates


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def files(tmp_path, authority) -> CertificateFiles:
    certificate, key = authority.server().write(tmp_path, "server")
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    return CertificateFiles(certificate, key, tmp_path / "ca.crt")


def channel(port: int, roots: bytes, pair: KeyPair | None = None) -> grpc.aio.Channel:
    key, certificate = (pair.key, pair.certificate) if pair else (None, None)
    credentials = grpc.ssl_channel_credentials(roots, key, certificate)
    return grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials)


async def code_of(call) -> grpc.StatusCode:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def asked(opened: grpc.aio.Channel, token: str = "") -> dict[str, grpc.StatusCode]:
    """What becomes of a question of each role."""
    stub = node_pb2_grpc.NodeServiceStub(opened)
    metadata = (("authorization", f"Bearer {token}"),) if token else None
    probe = stub.RunProbe(
        node_pb2.ProbeRequest(kind=node_pb2.PROBE_KIND_FMA, gpu_uuid=GPU.uuid), metadata=metadata, timeout=WITHIN_S
    )
    return {
        "read": await code_of(stub.ReadTelemetry(node_pb2.TelemetryRequest(), metadata=metadata, timeout=WITHIN_S)),
        "probe": await code_of(_drained(probe)),
        "describe": await code_of(stub.DescribeNode(node_pb2.DescribeNodeRequest(), metadata=metadata)),
    }


async def _drained(call) -> None:
    async for _ in call:
        pass


def _reflection(opened: Any, token: str) -> Any:
    asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(opened)
    return stub.ServerReflectionInfo(asked, metadata=(("authorization", f"Bearer {token}"),) if token else None)


OK, DENIED = grpc.StatusCode.OK, grpc.StatusCode.PERMISSION_DENIED
UNKNOWN, UNREACHED = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNAVAILABLE


class TestCertificates:
    """With an authority, every caller shows a certificate of it."""

    @pytest.fixture
    async def port(self, files):
        async with serving(Given(rules=RULES, certificates=Certificates(files))) as port:
            yield port

    @pytest.mark.parametrize(
        ("names", "answers"),
        [
            ({"common_name": "gcm-sentinel"}, {"read": OK, "probe": OK, "describe": OK}),
            ({"uri": "spiffe://site/reader"}, {"read": OK, "probe": DENIED, "describe": OK}),
            ({"common_name": "stranger"}, {"read": DENIED, "probe": DENIED, "describe": DENIED}),
        ],
        ids=["both-roles", "reader", "no-role"],
    )
    async def test_the_name_decides_what_may_be_asked(self, port, authority, names, answers):
        async with channel(port, authority.pem, authority.client(**names)) as opened:
            assert await asked(opened) == answers

    @pytest.mark.parametrize("who", ["nobody", "expired", "of-another-authority"])
    async def test_who_shows_no_good_certificate_does_not_get_through(self, port, authority, who):
        pair = {
            "nobody": None,
            "expired": authority.client("gcm-sentinel", days=-1),
            "of-another-authority": Authority("other").client("gcm-sentinel"),
        }[who]

        async with channel(port, authority.pem, pair) as opened:
            call = node_pb2_grpc.NodeServiceStub(opened).DescribeNode(node_pb2.DescribeNodeRequest(), timeout=WITHIN_S)
            assert await code_of(call) is UNREACHED

    async def test_a_token_decides_over_a_certificate(self, port, authority):
        async with channel(port, authority.pem, authority.client("gcm-sentinel")) as opened:
            assert await asked(opened, "ada's") == {"read": OK, "probe": DENIED, "describe": OK}
            assert set((await asked(opened, "guess")).values()) == {UNKNOWN}

    async def test_a_renewed_certificate_is_used_without_restart(self, port, files):
        renewed = Authority("renewed")
        renewed.server().write(files.certificate.parent, "server")
        files.authorities.write_bytes(renewed.pem)

        async with channel(port, renewed.pem, renewed.client("gcm-sentinel")) as opened:
            assert (await asked(opened))["read"] is OK

    async def test_files_that_cannot_be_used_leave_the_old_ones_in_force(self, port, files, authority):
        files.key.write_bytes(Authority("other").server().key)

        async with channel(port, authority.pem, authority.client("gcm-sentinel")) as opened:
            assert (await asked(opened))["read"] is OK


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda files: files.certificate.unlink(), "cannot be read"),
        (lambda files: files.certificate.write_bytes(b"no"), "no certificate"),
        (lambda files: files.key.write_bytes(b"no"), "no private key"),
        (lambda files: files.key.write_bytes(Authority("other").server().key), "is not the key"),
        (lambda files: files.authorities.write_bytes(b""), "no certificate"),
    ],
    ids=["missing", "no-certificate", "no-key", "other-key", "no-authority"],
)
def test_files_that_cannot_be_used_are_refused_at_start(files, damage, words):
    damage(files)

    with pytest.raises(UnusableCertificates, match=words):
        Certificates(files)


class TestTokens:
    """TLS without an authority: tokens alone decide."""

    async def test_a_token_gives_its_roles(self, files, authority):
        server_only = CertificateFiles(files.certificate, files.key)

        async with (
            serving(Given(rules=RULES, certificates=Certificates(server_only))) as port,
            channel(port, authority.pem) as opened,
        ):
            assert await asked(opened, "robot's") == {"read": DENIED, "probe": OK, "describe": OK}
            assert set((await asked(opened)).values()) == {UNKNOWN}

    @pytest.mark.parametrize("header", ["Basic YQ==", "Bearer", "Bearer  "])
    async def test_a_header_that_is_no_bearer_token_is_refused(self, header):
        async with connected(Given()) as node:
            call = node.DescribeNode(node_pb2.DescribeNodeRequest(), metadata=(("authorization", header),))
            assert await code_of(call) is UNKNOWN

    async def test_two_headers_are_refused(self):
        twice = (("authorization", "Bearer a"), ("authorization", "Bearer b"))

        async with connected(Given()) as node:
            assert await code_of(node.DescribeNode(node_pb2.DescribeNodeRequest(), metadata=twice)) is UNKNOWN


class TestOpen:
    """Health needs nobody's name."""

    @pytest.fixture
    async def opened(self):
        async with (
            serving(Given(rules=RULES)) as port,
            grpc.aio.insecure_channel(f"127.0.0.1:{port}") as opened,
        ):
            yield opened

    @pytest.mark.parametrize("service", ["", "gcm_sentinel.node.v1.NodeService"])
    async def test_health_says_serving(self, opened, service):
        stub: Any = health_pb2_grpc.HealthStub(opened)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))

        assert answer.status == health_pb2.HealthCheckResponse.SERVING

    async def test_reflection_lists_the_service_for_whoever_has_a_name(self, opened):
        names = {
            service.name
            async for answer in _reflection(opened, "ada's")
            for service in answer.list_services_response.service
        }

        assert "gcm_sentinel.node.v1.NodeService" in names

    @pytest.mark.parametrize("token", ["", "nobody's"])
    async def test_reflection_tells_a_stranger_nothing(self, opened, token):
        assert await code_of(_drained(_reflection(opened, token))) is UNKNOWN

    async def test_streams_of_nobody_are_few_and_leave_room_for_those_who_have_a_name(self, opened):
        stub: Any = health_pb2_grpc.HealthStub(opened)
        watches = [stub.Watch(health_pb2.HealthCheckRequest()) for _ in range(MOST_STREAMS)]
        for watch in watches:
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        more = stub.Watch(health_pb2.HealthCheckRequest())

        assert await code_of(more.read()) is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (await asked(opened, "ada's"))["read"] is OK
        for watch in watches:
            watch.cancel()

    async def test_streams_of_nobody_end_after_a_while(self, monkeypatch):
        monkeypatch.setattr(open_calls, "LONGEST_S", 0.01)
        async with serving(Given(rules=RULES)) as port, grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            watch = stub.Watch(health_pb2.HealthCheckRequest())

            assert await code_of(_drained(watch)) is grpc.StatusCode.DEADLINE_EXCEEDED

    async def test_everything_else_does(self, opened):
        assert set((await asked(opened)).values()) == {UNKNOWN}


def test_every_method_stands_in_the_list_of_roles():
    service = node_pb2.DESCRIPTOR.services_by_name["NodeService"]

    ours = {method for method in METHODS if "NodeService" in method}
    assert ours == {f"/{service.full_name}/{method.name}" for method in service.methods}


async def test_bytes_that_are_no_message_are_refused_as_such():
    async with serving(Given()) as port, grpc.aio.insecure_channel(f"127.0.0.1:{port}") as opened:
        call: Any = opened.unary_unary("/gcm_sentinel.node.v1.NodeService/DescribeNode")
        assert await code_of(call(b"\xff\xff\xff", timeout=WITHIN_S)) is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_port_that_is_taken_is_said():
    async with serving(Given()) as port:
        given = Given(address=f"127.0.0.1:{port}")

        with pytest.raises(BadConfiguration, match=f"127.0.0.1:{port}"):
            async with serving(given):
                pass
