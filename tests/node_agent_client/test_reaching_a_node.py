"""Where a node's agent is, and who we are to it."""

from __future__ import annotations

import grpc
import pytest
from tests.node_agent_client.conftest import loopback
from tests.node_service.conftest import Given, serving
from tests.node_service.doubles import RULES
from tests.sentinel_gateway.certificates import Authority

from gcm_sentinel.clients.node_agent import NodeAgents
from gcm_sentinel.clients.node_agent_access import NodeAccess
from gcm_sentinel.clients.node_agent_errors import of_status
from gcm_sentinel.domain.errors import (
    BadConfiguration,
    Forbidden,
    Rejected,
    SentinelError,
    Unauthenticated,
    Unreachable,
)
from gcm_sentinel.domain.node_probes import ProbeKind, ProbeOrder
from sentinel_serving.certificate_files import CertificateFiles
from sentinel_serving.certificates import Certificates


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
async def port(tmp_path, authority):
    """A node with TLS whose certificate is for one name on all nodes."""
    certificate, key = authority.server("sentinel-node").write(tmp_path, "server")
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    files = CertificateFiles(certificate, key, tmp_path / "ca.crt")
    async with serving(Given(rules=RULES, certificates=Certificates(files))) as port:
        yield port


def agents(port: int, tmp_path, pair, **more) -> NodeAgents:
    """A client with this certificate."""
    certificate, key = pair.write(tmp_path, "client")
    access = NodeAccess(f"{{node_ip}}:{port}", tmp_path / "ca.crt", certificate, key, ip_of=loopback, **more)
    access.check()
    return NodeAgents(access)


async def test_our_certificate_lets_us_ask(port, tmp_path, authority):
    ours = agents(port, tmp_path, authority.client("gcm-sentinel"))

    assert (await ours.describe("node-1")).node == "node-1"


async def test_one_name_may_serve_all_nodes(port, tmp_path, authority):
    ours = agents(port, tmp_path, authority.client("gcm-sentinel"), server_name="sentinel-node")

    assert (await ours.describe("node-1")).node == "node-1"


async def test_a_certificate_of_another_name_is_not_believed(port, tmp_path, authority):
    ours = agents(port, tmp_path, authority.client("gcm-sentinel"), server_name="elsewhere")

    with pytest.raises(Unreachable):
        await ours.describe("node-1")


async def test_what_our_role_does_not_allow_is_forbidden(port, tmp_path, authority):
    ours = agents(port, tmp_path, authority.client("", uri="spiffe://site/reader"))

    with pytest.raises(Forbidden, match="prober"):
        await ours.run_probe("node-1", ProbeOrder(ProbeKind.FMA, "GPU-0"))


async def test_a_token_that_is_not_known_is_unauthenticated(port, tmp_path, authority):
    ours = agents(port, tmp_path, authority.client("gcm-sentinel"), token="guess")

    with pytest.raises(Unauthenticated):
        await ours.describe("node-1")


@pytest.mark.parametrize(
    ("address", "node", "ip", "found"),
    [
        ("{node}.gpu.example:9102", "node-1", "", "node-1.gpu.example:9102"),
        ("{node_ip}:9102", "node-1", "10.0.0.7", "10.0.0.7:9102"),
        ("{node_ip}:9102", "node-1", "fd00::7", "[fd00::7]:9102"),
    ],
    ids=["name", "ipv4", "ipv6"],
)
async def test_the_address_follows_the_template(address, node, ip, found):
    async def ip_of(asked):
        assert asked == node
        return ip

    assert await NodeAccess(address, ip_of=ip_of).address_of(node) == found


@pytest.mark.parametrize("node", ["", "a/b", "x:1", "Node", "-a", "{node_ip}", "a" * 300, "a\n"])
async def test_what_no_node_is_called_goes_nowhere(node):
    with pytest.raises(Rejected, match="no name of a node"):
        await NodeAccess("{node}:9102").address_of(node)


@pytest.mark.parametrize("address", ["10.0.0.7:9102", "{host}:9102", "{node}.{zone}:9102", ""])
def test_one_address_for_all_nodes_is_refused(address):
    with pytest.raises(BadConfiguration, match="node"):
        NodeAccess(address).check()


def test_files_that_cannot_be_used_are_refused_at_start(tmp_path):
    (tmp_path / "here").write_text("x")
    missing, here = tmp_path / "missing", tmp_path / "here"

    for access in (
        NodeAccess("{node}:1", ca_cert=missing),
        NodeAccess("{node}:1", ca_cert=here, client_cert=here),
        NodeAccess("{node}:1", client_cert=here, client_key=here),
    ):
        with pytest.raises(BadConfiguration):
            access.check()


async def test_plain_text_never_leaves_this_machine():
    with pytest.raises(BadConfiguration, match="10.0.0.7:9102"):
        await NodeAgents(NodeAccess("{node}:9102")).describe("10.0.0.7")


async def test_an_address_that_nobody_knows_is_said():
    with pytest.raises(BadConfiguration, match="node_ip"):
        await NodeAgents(NodeAccess("{node_ip}:9102")).describe("node-1")


def test_a_token_is_not_shown():
    assert "secret" not in repr(NodeAccess("{node}:1", token="secret"))


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_every_status_has_an_error_that_names_the_node(code):
    error = of_status(code.name, "its words", node="node-1")

    assert isinstance(error, SentinelError)
    assert "cannot be used" not in str(error)
    assert "node-1" in str(error)
    assert "its words" in str(error)
