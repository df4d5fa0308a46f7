"""A workload and its gang of pods, one pod per node; names, owners and labels as the real controllers give them.

Times are seconds relative to T0. A workload that ended keeps its pods listed, as clusters do until somebody cleans up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sentinel_fleet.stable import stable_uuid, suffix

WorkloadKind = Literal["Job", "PyTorchJob", "JobSet", "MPIJob"]

API_VERSION: dict[str, str] = {
    "Job": "batch/v1",
    "PyTorchJob": "kubeflow.org/v1",
    "JobSet": "jobset.x-k8s.io/v1alpha2",
    "MPIJob": "kubeflow.org/v2beta1",
}
CONTAINER: dict[str, str] = {"Job": "main", "PyTorchJob": "pytorch", "JobSet": "trainer", "MPIJob": "mpi"}


@dataclass(frozen=True, slots=True)
class WorkloadPod:
    """One pod of a gang."""

    name: str
    node: str
    rank: int
    replica_type: str
    """master or worker; empty where the kind has no such thing."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One top-level workload."""

    name: str
    namespace: str
    kind: WorkloadKind
    nodes: tuple[str, ...]
    gpus: int
    """Per pod."""
    image: str
    user: str
    model: str
    started_s: float
    seed: str
    pins: tuple[int, ...] = ()
    """GPU indices its pods must hold; the rest are given out by the order of the file."""
    ended_s: float | None = None
    outcome: Literal["Succeeded", "Failed"] = "Succeeded"

    @property
    def uid(self) -> str:
        """The object's uid."""
        return stable_uuid(self.seed, "workload", self.namespace, self.name)

    @property
    def child_job(self) -> str:
        """The Job a JobSet creates for its pods."""
        return f"{self.name}-workers-0"

    def job_uid(self, job: str) -> str:
        """The uid of a Job that belongs to this workload."""
        return self.uid if self.kind == "Job" else stable_uuid(self.seed, "job", self.namespace, job)

    @property
    def container(self) -> str:
        """Name of the container that trains."""
        return CONTAINER[self.kind]

    @property
    def pods(self) -> tuple[WorkloadPod, ...]:
        """The gang, in the order of the nodes."""
        return tuple(self._pod(rank, node) for rank, node in enumerate(self.nodes))

    def labels(self, pod: WorkloadPod) -> dict[str, str]:
        """The labels the kind's controller puts on a pod."""
        common = {"app.kubernetes.io/part-of": self.model, "corp.example/user": self.user}
        if self.kind == "PyTorchJob":
            return common | {
                "training.kubeflow.org/job-name": self.name,
                "training.kubeflow.org/operator-name": "pytorchjob-controller",
                "training.kubeflow.org/replica-type": pod.replica_type,
                "training.kubeflow.org/replica-index": pod.name.rpartition("-")[2],
            }
        if self.kind == "MPIJob":
            return common | {
                "training.kubeflow.org/job-name": self.name,
                "training.kubeflow.org/operator-name": "mpi-operator",
                "training.kubeflow.org/job-role": pod.replica_type,
            }
        job = self.child_job if self.kind == "JobSet" else self.name
        labels = common | {
            "job-name": job,
            "batch.kubernetes.io/job-name": job,
            "controller-uid": self.job_uid(job),
            "batch.kubernetes.io/controller-uid": self.job_uid(job),
        }
        if len(self.nodes) > 1 or self.kind == "JobSet":
            labels["batch.kubernetes.io/job-completion-index"] = str(pod.rank)
        if self.kind == "JobSet":
            labels |= {
                "jobset.sigs.k8s.io/jobset-name": self.name,
                "jobset.sigs.k8s.io/replicatedjob-name": "workers",
                "jobset.sigs.k8s.io/job-index": "0",
            }
        return labels

    def owner_reference(self) -> dict[str, object]:
        """The controller reference its pods carry."""
        if self.kind == "JobSet":
            kind, name, uid = "Job", self.child_job, self.job_uid(self.child_job)
        else:
            kind, name, uid = self.kind, self.name, self.uid
        return {
            "apiVersion": API_VERSION[kind],
            "kind": kind,
            "name": name,
            "uid": uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }

    def _pod(self, rank: int, node: str) -> WorkloadPod:
        tail = suffix(5, self.seed, self.namespace, self.name, rank)
        if self.kind == "PyTorchJob":
            role = "master" if rank == 0 else "worker"
            return WorkloadPod(f"{self.name}-{role}-{0 if rank == 0 else rank - 1}", node, rank, role)
        if self.kind == "MPIJob":
            return WorkloadPod(f"{self.name}-worker-{rank}", node, rank, "worker")
        if self.kind == "JobSet":
            return WorkloadPod(f"{self.child_job}-{rank}-{tail}", node, rank, "")
        middle = "" if len(self.nodes) == 1 else f"-{rank}"
        return WorkloadPod(f"{self.name}{middle}-{tail}", node, rank, "")
