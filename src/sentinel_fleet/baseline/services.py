"""The journals of a healthy node's units: what kubelet, containerd and the NVIDIA services say on an ordinary day."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

BASE_UNITS = ("kubelet", "containerd", "nvidia-fabricmanager", "nvidia-persistenced", "chronyd", "systemd")

_CALM: dict[str, tuple[str, ...]] = {
    "kubelet": (
        'I{stamp} {pid} kubelet.go:2511] "SyncLoop ADD" source="api" pods=["kube-system/cilium-operator"]',
        'I{stamp} {pid} image_gc_manager.go:222] "Image garbage collection succeeded"',
        'I{stamp} {pid} kubelet_getters.go:219] "Pod status updated" pod="kube-system/kube-proxy" status="Running"',
        'I{stamp} {pid} prober.go:111] "Probe succeeded after retry" probeType="Readiness" pod="kube-system/cilium"',
        'I{stamp} {pid} certificate_manager.go:356] "Certificate expiration is in range" name="kubelet-client"',
    ),
    "containerd": (
        'level=info msg="RemoveContainer for \\"{hex}\\" returns successfully"',
        'level=info msg="StopPodSandbox for \\"{hex}\\" returns successfully"',
        'level=info msg="ImageUpdate event name:\\"registry.k8s.io/pause:3.10\\" labels:{{}}"',
    ),
    "nvidia-fabricmanager": ("Periodic check of NVSwitch devices completed",),
    "nvidia-persistenced": ("Persistence mode is on for all devices",),
    "chronyd": (
        "Selected source 10.0.0.11 (time1.corp.example)",
        "Selected source 10.0.0.12 (time2.corp.example)",
    ),
    "systemd": ("Finished logrotate.service - Rotate log files.", "Started fstrim.service - Discard unused blocks."),
}
_AT_BOOT: dict[str, tuple[str, ...]] = {
    "kubelet": (
        'I{stamp} {pid} server.go:486] "Kubelet version" kubeletVersion="v1.32.9"',
        'I{stamp} {pid} kubelet_node_status.go:76] "Successfully registered node" node="{node}"',
    ),
    "containerd": ('level=info msg="containerd successfully booted in 0.211304s"',),
    "nvidia-fabricmanager": (
        "Fabric Manager version is : {driver}",
        "Connected to 1 node.",
        "Successfully configured all the available NVSwitches to route GPU NVLink traffic.",
    ),
    "nvidia-persistenced": ("Started (version {driver})",),
    "chronyd": ("chronyd version 4.5 starting", "System clock was stepped by 0.000412 seconds"),
    "systemd": ("Startup finished in 14.812s (kernel) + 41.207s (userspace) = 56.019s.",),
}
PER_DAY: dict[str, float] = {"kubelet": 30.0, "containerd": 20.0, "chronyd": 3.0, "systemd": 2.0}
"""Calm lines a day; units not listed say one thing a day."""


def at_boot(unit: str) -> tuple[str, ...]:
    """What a unit says when it starts; templates with {node}, {driver}, {pid}, {stamp}, {hex}."""
    return _AT_BOOT.get(unit, ("Started.",))


def calm_lines(unit: str, random: Random) -> Iterator[str]:
    """An endless course of ordinary lines; templates."""
    lines = _CALM.get(unit, ("Reloaded configuration, nothing changed.",))
    while True:
        yield random.choice(lines)
