"""`Cluster`: how a test reaches the running API server, as whom, and what it can learn of what was asked there."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import httpx2
from tests.cluster.api import Api
from tests.cluster.audit import AuditLog
from tests.cluster.servers import program

_KUBECTL_WITHIN_S = 60


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

    def compact(self) -> None:
        """Make etcd forget every version but the newest, as it does by itself every few minutes."""
        with httpx2.Client(base_url=self.etcd_url, trust_env=False) as etcd:
            newest = etcd.post("/v3/kv/range", json={"key": "AA=="}).json()["header"]["revision"]
            answer = etcd.post("/v3/kv/compaction", json={"revision": newest, "physical": True})
            assert answer.status_code == 200 or "has been compacted" in answer.text, answer.text
