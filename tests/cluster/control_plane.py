"""Starts a real control plane on free loopback ports: etcd, the API server, its controllers, a scheduler and kwok.

Nothing is left out of the API server: RBAC and the node authorizer, every default admission plugin, TLS with an
authority of its own, signed service account tokens, an audit log. The controllers are there because some answers are
theirs: what a disruption budget allows, the service account that a pod needs, the taints of a node that is not ready.

kwok is the kubelet of the nodes annotated `KWOK`; no containers run. Its stages stand in ``config/kwok.yaml``.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.cluster.api import Api
from tests.cluster.audit import AuditLog
from tests.cluster.cluster import Cluster, Kubelet
from tests.cluster.servers import Server, free_ports, until
from tests.sentinel_gateway.certificates import Authority

KWOK = "kwok.x-k8s.io/node"
ADMIN = "admin"
CONFIG = Path(__file__).with_name("config")
ISSUER = "https://kubernetes.default.svc.cluster.local"
_START_WITHIN_S = 120
_POD_LOG = "pod.log"
NODES_GO_UNHEARD_FOR = "1h"
"""Before a node counts as lost; the kubelets' stand-in cannot tell of them while a test has the API server away."""
_USERS = {
    ADMIN: "system:masters",
    "kwok": "system:masters",
    "system:kube-controller-manager": "",
    "system:kube-scheduler": "",
}
"""Who has a token from the start, and their groups."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one control plane keeps its files and listens."""

    folder: Path
    etcd_url: str
    etcd_peer_url: str
    api_port: int
    kubelet_port: int
    tokens: Mapping[str, str]
    """By user."""

    @property
    def url(self) -> str:
        """Of the API server."""
        return f"https://127.0.0.1:{self.api_port}"


@contextmanager
def control_plane(folder: Path, *, controllers: bool = True, also: Sequence[str] = ()) -> Iterator[Cluster]:
    """A running cluster with its files in `folder`; everything has ended afterwards.

    Without `controllers` nothing in it changes by itself: neither they nor the scheduler nor kwok run. `also` are
    further flags of the API server.
    """
    with ExitStack() as stack:
        client, peer, api, kubelet = free_ports(4)
        tokens = {user: secrets.token_hex(16) for user in _USERS}
        place = Place(folder, f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}", api, kubelet, tokens)
        _write_files(place)
        etcd = _started(stack, "etcd", _etcd(place), folder)
        etcd.wait(lambda: _answers(f"{place.etcd_url}/health"), _START_WITHIN_S)
        server = _started(stack, "kube-apiserver", [*_api_server(place), *also], folder)
        admin = Api(place.url, folder / "ca.crt", tokens[ADMIN])
        stack.callback(admin.close)
        cluster = _cluster(place, admin, server)
        cluster.await_api_server()
        if not controllers:
            yield cluster
            return
        for name, arguments in _others(place).items():
            _started(stack, name, arguments, folder)
        path = "/api/v1/namespaces/default/serviceaccounts/default"
        until(lambda: admin.find(path) is not None, _START_WITHIN_S, "the controllers work")
        yield cluster


def write_kubeconfig(path: Path, url: str, ca: Path, token: str) -> Path:
    """A kubeconfig with one context, readable by its owner only."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "here", "cluster": {"server": url, "certificate-authority": str(ca)}}],
        "users": [{"name": "me", "user": {"token": token}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "current-context": "here",
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def _cluster(place: Place, admin: Api, server: Server) -> Cluster:
    folder = place.folder
    return Cluster(
        url=place.url,
        ca=folder / "ca.crt",
        kubeconfig=folder / f"{ADMIN}.kubeconfig",
        etcd_url=place.etcd_url,
        audit=AuditLog(folder / "audit.log"),
        admin=admin,
        api_server=server,
        kubelet=Kubelet(place.kubelet_port, folder / _POD_LOG),
    )


def _started(stack: ExitStack, name: str, arguments: list[str], folder: Path) -> Server:
    server = Server(name, arguments, folder)
    stack.callback(server.stop)
    return server


def _write_files(place: Place) -> None:
    authority = Authority("kubernetes-ca")
    (place.folder / "ca.crt").write_bytes(authority.pem)
    authority.server("kubernetes.default.svc").write(place.folder, "api")
    key = ec.generate_private_key(ec.SECP256R1())
    form, plain = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    (place.folder / "accounts.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    lines = [f'{token},{user},{user},"{_USERS[user]}"\n' for user, token in place.tokens.items()]
    (place.folder / "tokens.csv").write_text("".join(lines), encoding="utf-8")
    (place.folder / "kwok-logs.yaml").write_text(yaml.safe_dump_all(_logs(place.folder)), encoding="utf-8")
    for user, token in place.tokens.items():
        name = f"{user.removeprefix('system:')}.kubeconfig"
        write_kubeconfig(place.folder / name, place.url, place.folder / "ca.crt", token)


def _logs(folder: Path) -> list[dict[str, object]]:
    """What kwok, as the kubelet, gives as a container's log: the first that fits its namespace."""
    ours: dict[str, object] = {"selector": {"matchNamespaces": ["monitoring"]}}
    others: dict[str, object] = {}
    specs = {"monitoring": (ours, folder / _POD_LOG), "others": (others, CONFIG / "container.log")}
    return [
        {
            "apiVersion": "kwok.x-k8s.io/v1alpha1",
            "kind": "ClusterLogs",
            "metadata": {"name": name},
            "spec": {**where, "logs": [{"logsFile": str(path)}]},
        }
        for name, (where, path) in specs.items()
    ]


def _etcd(place: Place) -> list[str]:
    return [
        f"--data-dir={place.folder / 'etcd'}",
        f"--listen-client-urls={place.etcd_url}",
        f"--advertise-client-urls={place.etcd_url}",
        f"--listen-peer-urls={place.etcd_peer_url}",
        f"--initial-advertise-peer-urls={place.etcd_peer_url}",
        f"--initial-cluster=default={place.etcd_peer_url}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _api_server(place: Place) -> list[str]:
    folder = place.folder
    return [
        f"--etcd-servers={place.etcd_url}",
        "--bind-address=127.0.0.1",
        f"--secure-port={place.api_port}",
        f"--cert-dir={folder / 'made'}",
        f"--tls-cert-file={folder / 'api.crt'}",
        f"--tls-private-key-file={folder / 'api.key'}",
        f"--client-ca-file={folder / 'ca.crt'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={folder / 'accounts.key'}",
        f"--service-account-signing-key-file={folder / 'accounts.key'}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--endpoint-reconciler-type=none",  # nobody listens for the service "kubernetes" here
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",  # as every cluster's; Pod Security says where
        "--enable-admission-plugins=NodeRestriction",  # beside all that are enabled by default
        f"--audit-policy-file={CONFIG / 'audit-policy.yaml'}",
        f"--audit-log-path={folder / 'audit.log'}",
        "--audit-log-mode=blocking",
        "--audit-log-maxsize=0",  # one file, however much there is to tell
    ]


def _others(place: Place) -> dict[str, list[str]]:
    """The servers that need the API server."""
    folder = place.folder
    controllers = [
        f"--kubeconfig={folder / 'kube-controller-manager.kubeconfig'}",
        f"--service-account-private-key-file={folder / 'accounts.key'}",
        f"--root-ca-file={folder / 'ca.crt'}",
        "--use-service-account-credentials=true",
        f"--node-monitor-grace-period={NODES_GO_UNHEARD_FOR}",
    ]
    scheduler = [f"--kubeconfig={folder / 'kube-scheduler.kubeconfig'}"]
    without_ports = ["--secure-port=0", "--leader-elect=false"]
    kwok = [
        f"--kubeconfig={folder / 'kwok.kubeconfig'}",
        f"--config={CONFIG / 'kwok.yaml'}",
        f"--config={folder / 'kwok-logs.yaml'}",
        f"--server-address=127.0.0.1:{place.kubelet_port}",
        f"--tls-cert-file={folder / 'api.crt'}",
        f"--tls-private-key-file={folder / 'api.key'}",
        f"--manage-nodes-with-annotation-selector={KWOK}=fake",
        "--node-lease-duration-seconds=40",
    ]
    return {
        "kube-controller-manager": [*controllers, *without_ports],
        "kube-scheduler": [*scheduler, *without_ports],
        "kwok": kwok,
    }


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=2, trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False
