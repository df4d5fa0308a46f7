"""The DaemonSets every GPU fleet of this kind runs: the GPU operator's, monitoring, the node's own plumbing."""

from __future__ import annotations

from dataclasses import dataclass

from sentinel_fleet.stable import stable_uuid, suffix


@dataclass(frozen=True, slots=True)
class DaemonSetSpec:
    """One DaemonSet."""

    name: str
    namespace: str
    container: str
    image: str
    labels: dict[str, str]
    """Of its pods."""
    metrics: str = ""
    """Which exporter port it declares: dcgm, node_exporter or none."""
    gpu_only: bool = True
    """Selects nodes with nvidia.com/gpu.present."""

    def pod_name(self, seed: str, node: str) -> str:
        """The name of its pod on a node."""
        return f"{self.name}-{suffix(5, seed, self.namespace, self.name, node)}"

    def uid(self, seed: str) -> str:
        """The DaemonSet's uid."""
        return stable_uuid(seed, "daemonset", self.namespace, self.name)


def _operator(name: str, container: str, image: str, app: str = "") -> DaemonSetSpec:
    labels = {"app": name, "app.kubernetes.io/component": name, "app.kubernetes.io/managed-by": "gpu-operator"}
    if app:
        labels["app.kubernetes.io/name"] = app
    return DaemonSetSpec(name, "gpu-operator", container, image, labels, "dcgm" if app == "dcgm-exporter" else "")


def daemonsets(driver: str) -> tuple[DaemonSetSpec, ...]:
    """All of them, for a fleet with this driver version."""
    return (
        _operator("nvidia-driver-daemonset", "nvidia-driver-ctr", f"nvcr.io/nvidia/driver:{driver}-ubuntu24.04"),
        _operator(
            "nvidia-container-toolkit-daemonset",
            "nvidia-container-toolkit-ctr",
            "nvcr.io/nvidia/k8s/container-toolkit:v1.18.1",
        ),
        _operator("nvidia-device-plugin-daemonset", "nvidia-device-plugin", "nvcr.io/nvidia/k8s-device-plugin:v0.18.1"),
        _operator(
            "nvidia-dcgm-exporter",
            "nvidia-dcgm-exporter",
            "nvcr.io/nvidia/k8s/dcgm-exporter:4.5.2-4.8.1-distroless",
            "dcgm-exporter",
        ),
        _operator("gpu-feature-discovery", "gpu-feature-discovery", "nvcr.io/nvidia/k8s-device-plugin:v0.18.1"),
        _operator("nvidia-operator-validator", "nvidia-operator-validator", "nvcr.io/nvidia/gpu-operator:v25.10.1"),
        _operator("nvidia-mig-manager", "nvidia-mig-manager", "nvcr.io/nvidia/cloud-native/k8s-mig-manager:v0.13.1"),
        DaemonSetSpec(
            "node-exporter",
            "monitoring",
            "node-exporter",
            "quay.io/prometheus/node-exporter:v1.10.2",
            {"app.kubernetes.io/name": "node-exporter", "app.kubernetes.io/component": "exporter"},
            "node_exporter",
            gpu_only=False,
        ),
        DaemonSetSpec(
            "node-problem-detector",
            "monitoring",
            "node-problem-detector",
            "registry.k8s.io/node-problem-detector/node-problem-detector:v1.34.0",
            {"app.kubernetes.io/name": "node-problem-detector"},
            gpu_only=False,
        ),
        DaemonSetSpec(
            "kube-proxy",
            "kube-system",
            "kube-proxy",
            "registry.k8s.io/kube-proxy:v1.32.9",
            {"k8s-app": "kube-proxy"},
            gpu_only=False,
        ),
        DaemonSetSpec(
            "cilium",
            "kube-system",
            "cilium-agent",
            "quay.io/cilium/cilium:v1.18.4",
            {"k8s-app": "cilium", "app.kubernetes.io/name": "cilium-agent"},
            gpu_only=False,
        ),
    )
