"""`Cluster`: how a test reaches the running API server, as whom, and what it can learn of what was asked there."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import httpx2
from tests.cluster.api import Api
from tests.cluster.audit import AuditLog
from tests.cluster.servers import Server, program

_KUBECTL_WITHIN_S = 60
_START_WITHIN_S = 120
"""The API server answers after 4 s on two idle cores; a busy machine takes its time."""


@dataclass(frozen=True, slots=True)
class Kubelet:
    """What answers for the kubelet of every node: kwok, at an address that a node has to name."""

    port: int
    """On loopback."""
    log: Path
    """What it gives as the log of each container in the namespace `monitoring`, in the form of a container runtime.

    Containers elsewhere have that of ``config/container.log``.
    """


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster."""

    url: str
    ca: Path
    """Its authority's certificate, PEM."""
    kubeconfig: Path
    """The administrator's."""
    etcd_url: str
    audit: AuditLog
    admin: Api
    api_server: Server
    kubelet: Kubelet

    def token(self, namespace: str, account: str) -> str:
        """A signed token of a service account, good for an hour."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        answer = self.admin.ask("POST", path, body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["status"]["token"])

    def kubectl(self, *arguments: str, stdin: str = "", kubeconfig: Path | None = None) -> str:
        """What kubectl prints, as the administrator unless told otherwise; it must not fail."""
        command = [program("kubectl"), f"--kubeconfig={kubeconfig or self.kubeconfig}", *arguments]
        done = subprocess.run(  # noqa: S603 - our own words
            command, input=stdin, capture_output=True, text=True, timeout=_KUBECTL_WITHIN_S, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def start_api_server(self) -> None:
        """Start the API server again, once it was killed; it answers afterwards."""
        self.api_server.start_again()
        self.await_api_server()

    def await_api_server(self) -> None:
        """Until the API server answers."""
        self.api_server.wait(self._ready, _START_WITHIN_S)

    def _ready(self) -> bool:
        try:
            return self.admin.ask("GET", "/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    def compact(self) -> None:
        """Make etcd forget every version but a new one, as it does by itself every few minutes."""
        with httpx2.Client(base_url=self.etcd_url, trust_env=False) as etcd:
            etcd.post("/v3/kv/put", json={"key": "c29tZXRoaW5n", "value": "ZWxzZQ=="})  # a version nobody has seen
            newest = etcd.post("/v3/kv/range", json={"key": "AA=="}).json()["header"]["revision"]
            answer = etcd.post("/v3/kv/compaction", json={"revision": newest, "physical": True})
            assert answer.status_code == 200 or "has been compacted" in answer.text, answer.text
