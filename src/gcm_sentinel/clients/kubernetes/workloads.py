"""The workload that a pod's own labels and owner references name, without another request. Pure.

For every room that must say whose a pod is: data sources follow owners further up, tools ask which pods stand and fall
together.
"""

from __future__ import annotations

from dataclasses import dataclass

from gcm_sentinel.clients.kubernetes.objects import KubeObject, metadata, objects, strings, text

_LABELS: tuple[tuple[str, str], ...] = (
    ("jobset.sigs.k8s.io/jobset-name", "JobSet"),
    ("leaderworkerset.sigs.k8s.io/name", "LeaderWorkerSet"),
    ("training.kubeflow.org/job-name", ""),
    ("trainer.kubeflow.org/trainjob-name", "TrainJob"),
    ("ray.io/cluster", "RayCluster"),
    ("volcano.sh/job-name", "VolcanoJob"),
    ("kueue.x-k8s.io/pod-group-name", "PodGroup"),
    ("scheduling.x-k8s.io/pod-group", "PodGroup"),
    ("batch.kubernetes.io/job-name", "Job"),
    ("job-name", "Job"),
)
"""Label -> kind of the workload it names; the kind is empty where the label serves several (Kubeflow's operators)."""

_KUBEFLOW_KINDS = {
    "pytorchjob-controller": "PyTorchJob",
    "tfjob-controller": "TFJob",
    "mpi-operator": "MPIJob",
    "mpijob-controller": "MPIJob",
    "xgboostjob-controller": "XGBoostJob",
    "paddlejob-controller": "PaddleJob",
    "jaxjob-controller": "JAXJob",
}
_TEMPLATE_HASH = "pod-template-hash"
_GANGS = frozenset({"JobSet", "LeaderWorkerSet", "TrainJob", "TrainingJob", "VolcanoJob", "PodGroup"})
_GANG_KINDS = _GANGS | frozenset(_KUBEFLOW_KINDS.values())
"""Kinds whose pods work as one: where one stops, all do."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload, and how its other pods are found."""

    kind: str
    name: str
    namespace: str
    selector: str = ""
    """Label selector of all its pods; empty where only the owner reference ties them together."""
    uid: str = ""
    """UID of the pods' direct owner, where there is no selector."""

    @property
    def title(self) -> str:
        """``Kind/name``."""
        return f"{self.kind}/{self.name}"

    @property
    def is_gang(self) -> bool:
        """Whether its pods stop together."""
        return self.kind in _GANG_KINDS

    def owns(self, pod: KubeObject) -> bool:
        """Whether a pod of the namespace belongs to it, where there is no selector."""
        return any(text(entry.get("uid")) == self.uid for entry in objects(metadata(pod).get("ownerReferences")))


def controller_of(obj: KubeObject) -> KubeObject | None:
    """The reference to what controls an object; the first owner where none says that it does."""
    references = objects(metadata(obj).get("ownerReferences"))
    return next(
        (entry for entry in references if entry.get("controller") is True), references[0] if references else None
    )


def labelled(pod: KubeObject) -> Workload | None:
    """The workload that a pod's labels name."""
    labels, namespace = strings(metadata(pod).get("labels")), text(metadata(pod).get("namespace"))
    for label, kind in _LABELS:
        name = labels.get(label)
        if name:
            return Workload(kind or _kubeflow_kind(labels, controller_of(pod)), name, namespace, f"{label}={name}")
    return None


def workload_of(pod: KubeObject) -> Workload | None:
    """The workload of a pod as far as the pod itself tells; None for one that nothing made."""
    named, reference = labelled(pod), controller_of(pod)
    if named is not None or reference is None:
        return named
    kind, name = text(reference.get("kind")), text(reference.get("name"))
    suffix = f"-{strings(metadata(pod).get('labels')).get(_TEMPLATE_HASH, '')}"
    if kind == "ReplicaSet" and len(suffix) > 1 and name.endswith(suffix):
        kind, name = "Deployment", name.removesuffix(suffix)
    return Workload(kind, name, text(metadata(pod).get("namespace")), uid=text(reference.get("uid")))


def _kubeflow_kind(labels: dict[str, str], reference: KubeObject | None) -> str:
    if reference is not None and text(reference.get("kind")).endswith("Job") and reference.get("kind") != "Job":
        return text(reference.get("kind"))
    operator = labels.get("training.kubeflow.org/operator-name", "")
    return _KUBEFLOW_KINDS.get(operator, "MPIJob" if "training.kubeflow.org/job-role" in labels else "TrainingJob")
