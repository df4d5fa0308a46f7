"""A release of the chart on the real API server, and what may be asked about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.cluster.chart.rendering import helm
from tests.cluster.cluster import Cluster

REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Installed:
    """A release in a namespace of its own."""

    cluster: Cluster
    name: str
    namespace: str

    def helm(self, verb: str, *arguments: str) -> str:
        """What Helm prints; it must neither fail nor be warned by the API server."""
        where = ("--namespace", self.namespace, "--kubeconfig", str(self.cluster.kubeconfig))
        done = helm(verb, self.name, *arguments, *where)
        assert (done.returncode, "warning" in done.stderr.lower()) == (0, False), done.stderr
        return done.stdout

    def deployment(self) -> dict[str, Any] | None:
        """The agent's, if it is there."""
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{self.name}-gcm-sentinel"
        return self.cluster.admin.find(path)

    def may(self, verb: str, resource: str, *, group: str = "", namespace: str = "") -> bool:
        """Whether the agent's ServiceAccount may do it, as the API server says."""
        plural, _, part = resource.partition("/")
        asked = {"verb": verb, "resource": plural, "group": group, "namespace": namespace, "subresource": part}
        account = f"system:serviceaccount:{self.namespace}:{self.name}-gcm-sentinel"
        spec = {"user": account, "resourceAttributes": asked}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        return bool(self.cluster.admin.ask("POST", REVIEWS, body).json()["status"]["allowed"])
