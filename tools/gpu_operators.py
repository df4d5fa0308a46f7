"""The DaemonSets whose pods may be restarted: those that make GPUs usable or watch them. A closed table. Pure.

A pod counts by its labels and by being a DaemonSet's; what is not here is not restarted, whatever a model calls it. The
labels are those of the projects' own manifests:
https://github.com/NVIDIA/gpu-operator/tree/main/assets (state-*/ *_daemonset.yaml), the Helm charts of
https://github.com/NVIDIA/k8s-device-plugin and https://github.com/NVIDIA/dcgm-exporter ,
https://github.com/kubernetes/node-problem-detector/tree/master/deployment , and charts/gcm of
https://github.com/facebookresearch/gcm .
"""

from __future__ import annotations

from dataclasses import dataclass

from gcm_sentinel.clients.kubernetes import KubeObject
from gcm_sentinel.clients.kubernetes.objects import objects, spec, text
from gcm_sentinel.tools import pods


@dataclass(frozen=True, slots=True)
class Operator:
    """One kind of DaemonSet."""

    what: str
    """As people call it."""
    labels: tuple[tuple[str, str], ...]
    """Any one of them marks its pods."""
    container: str = ""
    """Name of a container its pods have too, where the label alone is too common."""
    empty_node_only: bool = False
    """Whether its pod is restarted only where nothing uses a GPU, and nothing can begin to."""


_NAME = "app.kubernetes.io/name"
_COMPONENT = "app.kubernetes.io/component"

OPERATORS: tuple[Operator, ...] = (
    Operator(
        "NVIDIA device plugin",
        (
            ("app", "nvidia-device-plugin-daemonset"),
            (_NAME, "nvidia-device-plugin"),
            ("name", "nvidia-device-plugin-ds"),
        ),
    ),
    Operator("DCGM exporter", (("app", "nvidia-dcgm-exporter"), (_NAME, "dcgm-exporter"))),
    Operator("GPU feature discovery", (("app", "gpu-feature-discovery"), (_NAME, "gpu-feature-discovery"))),
    Operator("GPU operator validator", (("app", "nvidia-operator-validator"),)),
    Operator("node problem detector", (("app", "node-problem-detector"), (_NAME, "node-problem-detector"))),
    Operator("GCM health checks", ((_COMPONENT, "health-checks"),), container="node-problem-detector"),
    # Its init container k8s-driver-manager runs `uninstall_driver` and evicts whatever uses a GPU before it reloads.
    Operator(
        "NVIDIA driver",
        (("app", "nvidia-driver-daemonset"), (_COMPONENT, "nvidia-driver")),
        empty_node_only=True,
    ),
)


def operator_of(pod: KubeObject) -> Operator | None:
    """The operator whose pod this is; None for any other pod."""
    containers = {text(entry.get("name")) for entry in objects(spec(pod).get("containers"))}
    labels = pods.labels(pod).items()
    return next(
        (found for found in OPERATORS if set(found.labels) & labels and found.container in ("", *containers)), None
    )


def known() -> str:
    """All of them, for a message."""
    return ", ".join(found.what for found in OPERATORS)
