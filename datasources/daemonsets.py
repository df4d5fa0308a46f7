"""DaemonSets as `DaemonSetSummary`: how far a rollout is, what its pods wait for, and who changed it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from gcm_sentinel.clients.kubernetes import KubeObject, metadata
from gcm_sentinel.clients.kubernetes.managers import writer_of
from gcm_sentinel.clients.kubernetes.objects import mapping, number, objects, spec, status, strings, text
from gcm_sentinel.datasources import pods as pod_facts
from gcm_sentinel.datasources.cluster_reads import iso
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.summaries import DaemonSetSummary

SYSTEM_NAMESPACES = frozenset(
    {"kube-system", "kube-public", "kube-node-lease", "monitoring", "gpu-operator", "nvidia-gpu-operator", "nvsentinel"}
)
_GPU_WORDS = (
    "nvidia",
    "dcgm",
    "gpu",
    "mig",
    "fabric",
    "device-plugin",
    "node-exporter",
    "node-problem",
    "gcm",
    "npd",
    "ib-",
)


def is_system_namespace(namespace: str) -> bool:
    """Whether the cluster's own and the GPU stack's pods live there, rather than somebody's workload."""
    words = ("-system", "-operator", "monitoring", "observability")
    return namespace in SYSTEM_NAMESPACES or namespace.startswith("kube-") or namespace.endswith(words)


def is_gpu_stack(name: str) -> bool:
    """Whether a pod or DaemonSet is part of the GPU stack or its monitoring, by its name."""
    return any(word in name for word in _GPU_WORDS)


def relevant(daemonset: KubeObject) -> bool:
    """Whether an investigator of GPU nodes would want to see the DaemonSet."""
    meta = metadata(daemonset)
    return is_system_namespace(text(meta.get("namespace"))) or is_gpu_stack(text(meta.get("name")))


def unhealthy(daemonset: KubeObject) -> bool:
    """Whether it is not ready everywhere it should be, or a rollout is not through."""
    state = status(daemonset)
    desired = number(state.get("desiredNumberScheduled"))
    return number(state.get("numberReady")) < desired or number(state.get("updatedNumberScheduled")) < desired


def selector(daemonset: KubeObject) -> str:
    """Label selector of its pods; expressions beyond equality are left out (they only narrow)."""
    labels = strings(mapping(spec(daemonset).get("selector")).get("matchLabels"))
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def owns(daemonset: KubeObject, pod: KubeObject) -> bool:
    """Whether the pod belongs to the DaemonSet."""
    meta = metadata(daemonset)
    if pod_facts.namespace(pod) != text(meta.get("namespace")):
        return False
    references = objects(metadata(pod).get("ownerReferences"))
    return any(entry.get("kind") == "DaemonSet" and entry.get("name") == meta.get("name") for entry in references)


def waiting_reasons(pods: Iterable[KubeObject]) -> dict[str, int]:
    """Why containers do not run -> on how many pods."""
    reasons: Counter[str] = Counter()
    for pod in pods:
        waits = {
            text(mapping(mapping(entry.get("state")).get("waiting")).get("reason"))
            for entry in pod_facts.container_states(pod)
        }
        reasons.update(reason for reason in waits if reason and reason not in ("ContainerCreating", "PodInitializing"))
    return dict(reasons.most_common())


def entity(daemonset: KubeObject) -> Entity:
    """The DaemonSet as an entity, by its name."""
    return Entity(EntityKind.DAEMONSET, text(metadata(daemonset).get("name")))


def summary(daemonset: KubeObject, pod_on_node: KubeObject | None, waiting: dict[str, int]) -> DaemonSetSummary:
    """The DaemonSet with its pod on the node."""
    state, meta = status(daemonset), metadata(daemonset)
    desired, ready = number(state.get("desiredNumberScheduled")), number(state.get("numberReady"))
    template = mapping(mapping(spec(daemonset).get("template")).get("spec"))
    images = [text(container.get("image")) for container in objects(template.get("containers"))]
    found = DaemonSetSummary(
        namespace=text(meta.get("namespace")),
        name=text(meta.get("name")),
        desired=desired,
        ready=ready,
        unavailable=number(state.get("numberUnavailable")),
        updated=number(state.get("updatedNumberScheduled")),
        image=", ".join(images),
        pod_on_node=pod_facts.pod_summary(pod_on_node, f"DaemonSet/{text(meta.get('name'))}") if pod_on_node else None,
        waiting_reasons=waiting,
    )
    writer = writer_of(daemonset, "spec", "template")
    if writer is not None:
        found["template_changed_by"] = writer.manager
        found["template_changed_at"] = iso(writer.at)
    return found
