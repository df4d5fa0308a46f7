"""A Pod object as `PodSummary`: containers with their present and last state, GPUs, times. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from gcm_sentinel.clients.kubernetes import KubeObject, conditions, metadata, parse_time
from gcm_sentinel.clients.kubernetes.objects import mapping, number, objects, spec, status, text
from gcm_sentinel.datasources.cluster_reads import iso
from gcm_sentinel.datasources.node_facts import count, is_gpu_resource
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.summaries import ContainerSummary, PodSummary

FINISHED = ("Succeeded", "Failed")
_MESSAGE_MAX = 600


def namespace(pod: KubeObject) -> str:
    """The pod's namespace."""
    return text(metadata(pod).get("namespace"))


def name(pod: KubeObject) -> str:
    """The pod's name."""
    return text(metadata(pod).get("name"))


def full_name(pod: KubeObject) -> str:
    """``namespace/name``."""
    return f"{namespace(pod)}/{name(pod)}"


def node_of(pod: KubeObject) -> str | None:
    """The node the pod is bound to."""
    return text(spec(pod).get("nodeName")) or None


def phase(pod: KubeObject) -> str:
    """The pod's phase."""
    return text(status(pod).get("phase"))


def gpus(pod: KubeObject) -> int:
    """GPUs and GPU slices the pod asks for: what runs side by side summed, init containers at their largest."""
    side_by_side = sum(_gpus(container) for container in objects(spec(pod).get("containers")))
    first = max((_gpus(container) for container in objects(spec(pod).get("initContainers"))), default=0)
    return max(side_by_side, first)


def entity(pod: KubeObject) -> Entity:
    """The pod as an entity."""
    return Entity(EntityKind.POD, full_name(pod), node=node_of(pod))


def daemonset_of(pod: KubeObject) -> str | None:
    """Name of the DaemonSet that owns the pod."""
    owners = objects(metadata(pod).get("ownerReferences"))
    return next((text(owner.get("name")) for owner in owners if owner.get("kind") == "DaemonSet"), None)


def container_names(pod: KubeObject) -> list[str]:
    """Its containers, init containers first."""
    listed = [*objects(spec(pod).get("initContainers")), *objects(spec(pod).get("containers"))]
    return [text(container.get("name")) for container in listed]


def container_states(pod: KubeObject) -> list[KubeObject]:
    """Container statuses; of init containers only those that did not simply finish well."""
    initial = [entry for entry in objects(status(pod).get("initContainerStatuses")) if not _done(entry)]
    return [*initial, *objects(status(pod).get("containerStatuses"))]


def crashed_before(container: KubeObject) -> bool:
    """Whether a container status tells of an earlier instance, whose log may still be kept."""
    return number(container.get("restartCount")) > 0 or bool(mapping(container.get("lastState")).get("terminated"))


def pod_summary(pod: KubeObject, owner: str | None) -> PodSummary:
    """The pod; `owner` is its top-level owner as ``Kind/name``, which takes other objects to find."""
    containers = [_container(pod, entry) for entry in container_states(pod)]
    scheduled = next((entry for entry in conditions(pod) if entry.get("type") == "PodScheduled"), {})
    waits = phase(pod) == "Pending" and scheduled.get("status") == "False"
    return PodSummary(
        namespace=namespace(pod),
        name=name(pod),
        node=node_of(pod),
        phase=phase(pod),
        reason=text(status(pod).get("reason")) or (text(scheduled.get("reason")) if waits else ""),
        message=(text(status(pod).get("message")) or (text(scheduled.get("message")) if waits else ""))[:_MESSAGE_MAX],
        owner=owner,
        gpus=gpus(pod),
        created_at=iso(parse_time(metadata(pod).get("creationTimestamp"))),
        started_at=iso(parse_time(status(pod).get("startTime"))),
        finished_at=iso(finished_at(pod)),
        containers=containers or _not_started(pod),
    )


def _gpus(container: KubeObject) -> int:
    resources = mapping(container.get("resources"))
    wanted = {**mapping(resources.get("requests")), **mapping(resources.get("limits"))}
    return sum(count(quantity) for resource, quantity in wanted.items() if is_gpu_resource(resource))


def _done(container: KubeObject) -> bool:
    ended = mapping(mapping(container.get("state")).get("terminated"))
    return bool(ended) and number(ended.get("exitCode")) == 0


def _container(pod: KubeObject, entry: KubeObject) -> ContainerSummary:
    state, ended = _state(mapping(entry.get("state")))
    _, last = _state(mapping(entry.get("lastState")))
    return ContainerSummary(
        name=text(entry.get("name")),
        image=text(entry.get("image")) or _image(pod, text(entry.get("name"))),
        ready=entry.get("ready") is True,
        restarts=number(entry.get("restartCount")),
        state=state,
        reason=text(ended.get("reason")),
        exit_code=_exit_code(ended),
        last_reason=text(last.get("reason")),
        last_exit_code=_exit_code(last),
        last_finished_at=iso(parse_time(last.get("finishedAt"))),
    )


def _state(state: KubeObject) -> tuple[str, KubeObject]:
    for kind in ("running", "waiting", "terminated"):
        if kind in state:
            return kind, mapping(state[kind])
    return "", {}


def _exit_code(state: KubeObject) -> int | None:
    code = state.get("exitCode")
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _image(pod: KubeObject, container: str) -> str:
    listed: Iterable[KubeObject] = objects(spec(pod).get("containers"))
    return next((text(entry.get("image")) for entry in listed if entry.get("name") == container), "")


def _not_started(pod: KubeObject) -> list[ContainerSummary]:
    """Containers of a pod whose kubelet has not reported any yet."""
    return [
        _container(pod, {"name": entry.get("name"), "image": entry.get("image"), "state": {"waiting": {}}})
        for entry in objects(spec(pod).get("containers"))
    ]


def finished_at(pod: KubeObject) -> datetime | None:
    """When the last container of a finished pod ended; None for a pod that is not finished, or does not tell."""
    if phase(pod) not in FINISHED:
        return None
    ended = [mapping(mapping(entry.get("state")).get("terminated")) for entry in container_states(pod)]
    moments = [parse_time(state.get("finishedAt")) for state in ended]
    return max((moment for moment in moments if moment), default=None)
