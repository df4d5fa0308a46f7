"""The workload a pod belongs to, and how its other pods are found.

Labels of the usual controllers name the workload without another request; where only an owner reference is there, the
owners above are fetched as far as RBAC and the cluster's APIs allow, and the highest one known is the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from gcm_sentinel.clients.kubernetes import KubeObject, KubernetesClient, metadata
from gcm_sentinel.clients.kubernetes.objects import objects, text
from gcm_sentinel.clients.kubernetes.workloads import controller_of, labelled
from gcm_sentinel.datasources import pods as pod_facts
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.errors import SentinelError

_PLURALS = {
    "Job": "jobs", "ReplicaSet": "replicasets", "StatefulSet": "statefulsets", "RayCluster": "rayclusters",
    "JobSet": "jobsets",
}  # fmt: skip
"""Kinds whose own owner is worth asking for."""
_MAY_HAVE_OWNERS = frozenset({"Job", "RayCluster"})
"""Kinds named by a label that something else may have created (a CronJob, a RayJob)."""
_STEPS_MAX = 4


@dataclass(frozen=True, slots=True)
class Owner:
    """A workload: what it is called, and how its pods are selected."""

    kind: str
    name: str
    namespace: str
    selector: str = ""
    """Label selector of all its pods; empty when only the owner reference ties them together."""
    uid: str = ""
    """Uid of the pods' direct owner, for pods without a label."""

    @property
    def title(self) -> str:
        """``Kind/name``."""
        return f"{self.kind}/{self.name}"

    @property
    def entity(self) -> Entity:
        """The workload as an entity."""
        return Entity(EntityKind.WORKLOAD, f"{self.namespace}/{self.name}")

    def owns(self, pod: KubeObject) -> bool:
        """Whether a pod of the namespace belongs to it, when there is no selector."""
        if self.kind == "Pod":
            return pod_facts.name(pod) == self.name
        return any(
            text(reference.get("uid")) == self.uid for reference in objects(metadata(pod).get("ownerReferences"))
        )


class OwnerFinder:
    """Finds owners, asking the API server for each object at most once."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client
        self._known: dict[str, KubeObject | None] = {}

    async def of(self, pod: KubeObject) -> Owner:
        """The highest owner that can be found; the pod itself when it has none."""
        namespace = pod_facts.namespace(pod)
        reference = controller_of(pod)
        labelled = _by_label(pod, namespace)
        if labelled is not None and labelled.kind not in _MAY_HAVE_OWNERS:
            return labelled
        if reference is None:
            return labelled or Owner("Pod", pod_facts.name(pod), namespace)
        kind, name = await self._top(namespace, reference)
        if labelled is not None:
            return Owner(kind, name, namespace, selector=labelled.selector)
        return Owner(kind, name, namespace, uid=text(reference.get("uid")))

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


def _by_label(pod: KubeObject, namespace: str) -> Owner | None:
    found = labelled(pod)
    return None if found is None else Owner(found.kind, found.name, namespace, selector=found.selector)
