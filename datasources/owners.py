"""The workload a pod belongs to, and how its other pods are found.

Labels of the usual controllers name the workload without another request; where only an owner reference is there, the
owners above are fetched as far as RBAC and the cluster's APIs allow, and the highest one known is the answer.
"""

from __future__ import annotations

from dataclasses import replace

from gcm_sentinel.clients.kubernetes import KubeObject, KubernetesClient
from gcm_sentinel.clients.kubernetes.objects import text
from gcm_sentinel.clients.kubernetes.workloads import Workload, controller_of, labelled
from gcm_sentinel.datasources import pods as pod_facts
from gcm_sentinel.domain.errors import SentinelError

_PLURALS = {
    "Job": "jobs", "ReplicaSet": "replicasets", "StatefulSet": "statefulsets", "RayCluster": "rayclusters",
    "JobSet": "jobsets",
}  # fmt: skip
"""Kinds whose own owner is worth asking for."""
_MAY_HAVE_OWNERS = frozenset({"Job", "RayCluster"})
"""Kinds named by a label that something else may have created (a CronJob, a RayJob)."""
_STEPS_MAX = 4


class OwnerFinder:
    """Finds owners, asking the API server for each object at most once."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client
        self._known: dict[str, KubeObject | None] = {}

    async def of(self, pod: KubeObject) -> Workload:
        """The highest owner that can be found; the pod itself, as a ``Pod``, when it has none."""
        namespace = pod_facts.namespace(pod)
        reference, named = controller_of(pod), labelled(pod)
        if named is not None and named.kind not in _MAY_HAVE_OWNERS:
            return named
        if reference is None:
            return named or Workload("Pod", pod_facts.name(pod), namespace)
        kind, name = await self._top(namespace, reference)
        if named is not None:
            return replace(named, kind=kind, name=name)
        return Workload(kind, name, namespace, uid=text(reference.get("uid")))

    async def _top(self, namespace: str, reference: KubeObject) -> tuple[str, str]:
        """Follow owner references upwards from `reference`."""
        for _ in range(_STEPS_MAX):
            above = await self._fetch(namespace, reference)
            higher = controller_of(above) if above else None
            if higher is None:
                break
            reference = higher
        return text(reference.get("kind")), text(reference.get("name"))

    async def _fetch(self, namespace: str, reference: KubeObject) -> KubeObject | None:
        plural = _PLURALS.get(text(reference.get("kind")))
        if plural is None:
            return None
        path = (
            f"/apis/{text(reference.get('apiVersion'))}/namespaces/{namespace}/{plural}/{text(reference.get('name'))}"
        )
        if path not in self._known:
            try:
                self._known[path] = await self._client.get(path)
            except SentinelError:  # gone, or not ours to read: what is known so far has to do
                self._known[path] = None
        return self._known[path]
