"""Objects that are neither nodes nor pods: namespaces, leases, DaemonSets, workloads, disruption budgets, events."""

from __future__ import annotations

from collections.abc import Iterator

from sentinel_fleet.baseline.daemonsets import DaemonSetSpec
from sentinel_fleet.baseline.workload import API_VERSION, Workload
from sentinel_fleet.history.daemonset import DaemonSetCounts
from sentinel_fleet.history.node import NodeHistory
from sentinel_fleet.history.pod import PodHistory
from sentinel_fleet.objects import KubeObject
from sentinel_fleet.objects.meta import managed
from sentinel_fleet.stable import stable_uuid, suffix
from sentinel_fleet.times import rfc3339, rfc3339_micro

SYSTEM_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease", "gpu-operator", "monitoring")
_YEAR_S = 365 * 86400.0


def namespace(name: str, seed: str, anchor: float) -> KubeObject:
    """A Namespace."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "uid": stable_uuid(seed, "namespace", name),
            "creationTimestamp": rfc3339(anchor - _YEAR_S),
            "labels": {"kubernetes.io/metadata.name": name},
        },
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def lease(history: NodeHistory, t: float) -> KubeObject:
    """A node's heartbeat lease: renewed every ten seconds while its kubelet lives."""
    renewed = t - (t + history.identity.index % 10) % 10
    ready = next(item for item in history.conditions(t) if item.type == "Ready")
    if ready.status == "Unknown":
        renewed = min(renewed, ready.heartbeat)
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": history.name,
            "namespace": "kube-node-lease",
            "uid": stable_uuid(history.identity.uid, "lease"),
            "creationTimestamp": rfc3339(history.created),
        },
        "spec": {
            "holderIdentity": history.name,
            "leaseDurationSeconds": 40,
            "renewTime": rfc3339_micro(renewed),
        },
    }


def daemonset(spec: DaemonSetSpec, counts: DaemonSetCounts, seed: str, t: float) -> KubeObject:
    """A DaemonSet with its status."""
    history = counts.history(spec)
    created = history.book.anchor - 200 * 86400.0
    numbers = counts.numbers(spec, t)
    selector = {key: value for key, value in spec.labels.items() if key in ("app", "app.kubernetes.io/name", "k8s-app")}
    image, generation = history.image(None, t), history.generation(None, t)
    fields = [managed("gpu-operator" if spec.namespace == "gpu-operator" else "helm", created, (("spec",),),
                      api_version="apps/v1")]  # fmt: skip
    for fact in history.facts:
        at = history.book.anchor + fact.at
        if fact.image is not None and at <= t:
            paths = (("spec", "template", "spec", "containers", f'k:{{"name":"{spec.container}"}}', "image"),)
            fields.append(managed(fact.by, at, paths, api_version="apps/v1"))
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {
            "name": spec.name,
            "namespace": spec.namespace,
            "uid": spec.uid(seed),
            "generation": generation,
            "creationTimestamp": rfc3339(created),
            "labels": spec.labels,
            "annotations": {"deprecated.daemonset.template.generation": str(generation)},
            "managedFields": fields,
        },
        "spec": {
            "selector": {"matchLabels": selector},
            "template": {
                "metadata": {"labels": spec.labels},
                "spec": {
                    "containers": [{"name": spec.container, "image": image, "imagePullPolicy": "IfNotPresent"}],
                    "nodeSelector": {"nvidia.com/gpu.present": "true"} if spec.gpu_only else {},
                },
            },
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%"}},
            "revisionHistoryLimit": 10,
        },
        "status": {
            "desiredNumberScheduled": numbers["desired_number_scheduled"],
            "currentNumberScheduled": numbers["current_number_scheduled"],
            "updatedNumberScheduled": numbers["updated_number_scheduled"],
            "numberReady": numbers["number_ready"],
            "numberAvailable": numbers["number_available"],
            "numberUnavailable": numbers["number_unavailable"],
            "numberMisscheduled": 0,
            "observedGeneration": generation,
        },
    }


def controller_revisions(spec: DaemonSetSpec, counts: DaemonSetCounts, seed: str, t: float) -> Iterator[KubeObject]:
    """The revisions of a DaemonSet's template, oldest first: what changed when."""
    history = counts.history(spec)
    moments = [(history.book.anchor - 200 * 86400.0, spec.image)]
    moments += [
        (history.book.anchor + fact.at, fact.image)
        for fact in history.facts
        if fact.image is not None and history.book.anchor + fact.at <= t
    ]
    for revision, (at, image) in enumerate(moments, start=1):
        name = f"{spec.name}-{suffix(10, seed, spec.name, revision)}"
        yield {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {
                "name": name,
                "namespace": spec.namespace,
                "uid": stable_uuid(seed, "revision", name),
                "creationTimestamp": rfc3339(at),
                "labels": spec.labels,
            },
            "revision": revision,
            "data": {"spec": {"template": {"spec": {"containers": [{"name": spec.container, "image": image}]}}}},
        }


def workload_objects(workload: Workload, pods: list[PodHistory], anchor: float, t: float) -> Iterator[KubeObject]:
    """The workload's own objects: what the user made, the Job in between, a disruption budget for gangs."""
    created = anchor + workload.started_s - 4
    phases = [pod.state(t).phase for pod in pods if pod.exists(t)]
    counts = {name: sum(phase == wanted for phase in phases) for name, wanted in _COUNTED.items()}
    yield _top(workload, created, counts)
    if workload.kind == "JobSet":
        yield _job(workload, workload.child_job, created + 1, counts, owned=True)
    if len(workload.nodes) > 1 and workload.ended_s is None:
        yield _budget(workload, created, counts["active"])


_COUNTED = {"active": "Running", "succeeded": "Succeeded", "failed": "Failed"}


def _top(workload: Workload, created: float, counts: dict[str, int]) -> KubeObject:
    if workload.kind == "Job":
        return _job(workload, workload.name, created, counts, owned=False)
    template = {"spec": {"containers": [{"name": workload.container, "image": workload.image}]}}
    spec: KubeObject
    if workload.kind == "JobSet":
        spec = {"replicatedJobs": [{"name": "workers", "replicas": 1, "template": {"spec": {"template": template}}}]}
        status: KubeObject = {"restarts": 0, "replicatedJobsStatus": [{"name": "workers", **counts}]}
    else:
        key = "pytorchReplicaSpecs" if workload.kind == "PyTorchJob" else "mpiReplicaSpecs"
        spec = {key: {"Worker": {"replicas": len(workload.nodes), "restartPolicy": "OnFailure", "template": template}}}
        status = {"replicaStatuses": {"Worker": counts}, "startTime": rfc3339(created + 5)}
        status["conditions"] = [_running_condition(workload.kind, created + 14, running=counts["active"] > 0)]
    return {
        "apiVersion": API_VERSION[workload.kind],
        "kind": workload.kind,
        "metadata": _metadata(workload, workload.name, workload.uid, created),
        "spec": spec,
        "status": status,
    }


def _running_condition(kind: str, at: float, *, running: bool) -> KubeObject:
    status = "True" if running else "False"
    return {"type": "Running", "status": status, "reason": f"{kind}Running", "lastTransitionTime": rfc3339(at)}


def _job(workload: Workload, name: str, created: float, counts: dict[str, int], *, owned: bool) -> KubeObject:
    metadata = _metadata(workload, name, workload.job_uid(name), created)
    if owned:
        metadata["ownerReferences"] = [
            {"apiVersion": API_VERSION["JobSet"], "kind": "JobSet", "name": workload.name, "uid": workload.uid,
             "controller": True, "blockOwnerDeletion": True}
        ]  # fmt: skip
        metadata["labels"] = {"jobset.sigs.k8s.io/jobset-name": workload.name}
    width = len(workload.nodes)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "parallelism": width,
            "completions": width,
            "completionMode": "Indexed" if width > 1 or owned else "NonIndexed",
            "backoffLimit": 4,
            "template": {"spec": {"containers": [{"name": workload.container, "image": workload.image}]}},
        },
        "status": {name: count for name, count in counts.items() if count} | {"startTime": rfc3339(created)},
    }


def _metadata(workload: Workload, name: str, uid: str, created: float) -> KubeObject:
    return {
        "name": name,
        "namespace": workload.namespace,
        "uid": uid,
        "creationTimestamp": rfc3339(created),
        "labels": {"app.kubernetes.io/part-of": workload.model, "corp.example/user": workload.user},
        "annotations": {"corp.example/submitted-by": workload.user},
        "managedFields": [managed("kubectl-create", created, (("spec",),), api_version=API_VERSION[workload.kind])],
    }


def _budget(workload: Workload, created: float, healthy: int) -> KubeObject:
    labels = workload.labels(workload.pods[0])
    key = next(name for name in ("training.kubeflow.org/job-name", "job-name") if name in labels)
    width = len(workload.nodes)
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {
            "name": f"{workload.name}-gang",
            "namespace": workload.namespace,
            "uid": stable_uuid(workload.seed, "pdb", workload.namespace, workload.name),
            "creationTimestamp": rfc3339(created),
        },
        "spec": {"minAvailable": width, "selector": {"matchLabels": {key: labels[key]}}},
        "status": {
            "currentHealthy": healthy,
            "desiredHealthy": width,
            "disruptionsAllowed": max(0, healthy - width),
            "expectedPods": width,
            "observedGeneration": 1,
        },
    }
