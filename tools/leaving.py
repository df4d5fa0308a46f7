"""Which pods of a node must leave when it is drained, which stay and why, and in what order they go. Pure.

Two kinds of pods stay. What belongs to the node (DaemonSets, static pods, system-critical ones), what has ended, and
what the operator protects is simply spared. What should leave but would be lost, because nothing makes it anew or
because its data lies in an emptyDir on the node's disk, is left for a person: kubectl asks for `--force` and
`--delete-emptydir-data` there, and we never answer for the owner. An owner can: by the annotations that the cluster
autoscaler reads, see https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md .
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from gcm_sentinel.clients.kubernetes import KubeObject
from gcm_sentinel.clients.kubernetes.objects import mapping, objects, spec, text
from gcm_sentinel.clients.kubernetes.workloads import workload_of
from gcm_sentinel.domain.acting_policy import ActingPolicy
from gcm_sentinel.tools import pods

SYSTEM_CRITICAL = 2_000_000_000
"""Least priority of `system-cluster-critical`; users cannot have it
(https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/)."""
_SYSTEM_CLASSES = frozenset({"system-cluster-critical", "system-node-critical"})
_MIRROR = "kubernetes.io/config.mirror"
_SAFE = "cluster-autoscaler.kubernetes.io/safe-to-evict"
_SAFE_VOLUMES = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
_OWN_LABELS = ("app", "app.kubernetes.io/name")
_OWN_NAME = "gcm-sentinel"


@dataclass(frozen=True, slots=True)
class Stay:
    """Why a pod stays."""

    reason: str
    spared: bool = True
    """Whether that is as it should be; else a person has to see to the pod."""


def stay_of(pod: KubeObject, policy: ActingPolicy) -> Stay | None:
    """Why `pod` stays on a node that is drained; None where it has to leave."""
    return next((stay for rule in _RULES if (stay := rule(pod, policy)) is not None), None)


def in_order(leaving: Iterable[KubeObject]) -> list[KubeObject]:
    """The pods in the order they go: those with GPUs first, the least important first, a workload's pods together.

    A pod of ours goes last of all, so that what carries the drain out is there to the end.
    """
    together = groupby(sorted(leaving, key=_workload), key=_workload)
    bands = [sorted(members, key=_rank) for _, members in together]
    return [pod for band in sorted(bands, key=lambda band: _rank(band[0])) for pod in band]


def is_own(pod: KubeObject) -> bool:
    """Whether it is an agent of ours."""
    return any(pods.labels(pod).get(label) == _OWN_NAME for label in _OWN_LABELS)


def _rank(pod: KubeObject) -> tuple[bool, bool, int, str]:
    return is_own(pod), not pods.holds_gpu(pod), pods.priority(pod), pods.full_name(pod)


def _workload(pod: KubeObject) -> tuple[bool, str, str]:
    found = workload_of(pod)
    return is_own(pod), found.namespace if found else "", found.title if found else pods.full_name(pod)


_Rule: TypeAlias = Callable[[KubeObject, ActingPolicy], Stay | None]


def _static(pod: KubeObject, _policy: ActingPolicy) -> Stay | None:
    is_static = _MIRROR in pods.notes(pod) or pods.owned_by(pod, "Node") is not None
    return Stay("a static pod of the node's own") if is_static else None


def _daemon(pod: KubeObject, _policy: ActingPolicy) -> Stay | None:
    owner = pods.owned_by(pod, "DaemonSet")
    return Stay(f"DaemonSet/{text(owner.get('name'))} would put it back at once") if owner else None


def _ended(pod: KubeObject, _policy: ActingPolicy) -> Stay | None:
    return Stay("it has ended, and its logs stay readable") if pods.finished(pod) else None


def _critical(pod: KubeObject, _policy: ActingPolicy) -> Stay | None:
    named = text(spec(pod).get("priorityClassName"))
    if named not in _SYSTEM_CLASSES and pods.priority(pod) < SYSTEM_CRITICAL:
        return None
    return Stay(f"it is critical to the system ({named or pods.priority(pod)})")


def _protected(pod: KubeObject, policy: ActingPolicy) -> Stay | None:
    reason = policy.protects_namespace(pods.full_name(pod).partition("/")[0])
    return Stay(reason) if reason else None


def _bare(pod: KubeObject, _policy: ActingPolicy) -> Stay | None:
    return None if pods.has_controller(pod) else Stay("nothing would make it anew: it has no controller", spared=False)


def _held_back(pod: KubeObject, _policy: ActingPolicy) -> Stay | None:
    said = pods.notes(pod).get(_SAFE) == "false"
    return Stay(f"its owner says so ({_SAFE}=false)", spared=False) if said else None


def _local_data(pod: KubeObject, _policy: ActingPolicy) -> Stay | None:
    notes = pods.notes(pod)
    given_up = {name.strip() for name in notes.get(_SAFE_VOLUMES, "").split(",")}
    lost = [name for name in _on_disk(pod) if name not in given_up]
    if not lost or notes.get(_SAFE) == "true":
        return None
    return Stay(f"it would lose what lies in its emptyDir {', '.join(lost)}", spared=False)


def _on_disk(pod: KubeObject) -> list[str]:
    """Its emptyDir volumes on the node's disk; one in memory is lost with the process that filled it."""
    volumes = [entry for entry in objects(spec(pod).get("volumes")) if isinstance(entry.get("emptyDir"), dict)]
    return [text(entry.get("name")) for entry in volumes if mapping(entry["emptyDir"]).get("medium") != "Memory"]


_RULES: tuple[_Rule, ...] = (_static, _daemon, _ended, _critical, _protected, _bare, _held_back, _local_data)
