"""Reading pods for the tools that move them: who a pod is, what it holds, whether it is leaving. Pure but `on_node`."""

from __future__ import annotations

from gcm_sentinel.clients.kubernetes import KubeObject, conditions, metadata
from gcm_sentinel.clients.kubernetes.client import Objects
from gcm_sentinel.clients.kubernetes.objects import mapping, number, objects, spec, status, strings, text
from gcm_sentinel.domain.order import ApiCall
from gcm_sentinel.tools.context import ClusterReader

_GPU_VENDORS = ("nvidia.com", "amd.com", "intel.com")
_GPU_NAMES = ("gpu", "mig-", "shared-gpu")
_FINISHED = frozenset({"Succeeded", "Failed"})


async def on_node(cluster: ClusterReader, node: str) -> Objects:
    """Every pod bound to a node, ended ones included.

    Raises:
        SentinelError: they could not be listed.
    """
    pods, _ = await cluster.list("/api/v1/pods", {"fieldSelector": f"spec.nodeName={node}"})
    return pods


def full_name(pod: KubeObject) -> str:
    """``namespace/name``."""
    return f"{text(metadata(pod).get('namespace'))}/{text(metadata(pod).get('name'))}"


def uid(pod: KubeObject) -> str:
    """The pod's UID."""
    return text(metadata(pod).get("uid"))


def node_of(pod: KubeObject) -> str:
    """The node it is bound to; empty where it waits for one."""
    return text(spec(pod).get("nodeName"))


def labels(pod: KubeObject) -> dict[str, str]:
    """The pod's labels."""
    return strings(metadata(pod).get("labels"))


def notes(pod: KubeObject) -> dict[str, str]:
    """The pod's annotations."""
    return strings(metadata(pod).get("annotations"))


def has_controller(pod: KubeObject) -> bool:
    """Whether something would make it anew."""
    return any(owner.get("controller") is True for owner in objects(metadata(pod).get("ownerReferences")))


def owned_by(pod: KubeObject, kind: str) -> KubeObject | None:
    """The reference to an owner of that kind."""
    owners = objects(metadata(pod).get("ownerReferences"))
    return next((owner for owner in owners if owner.get("kind") == kind), None)


def gpus(pod: KubeObject) -> int:
    """GPUs and GPU slices that its containers ask for; those of claims (DRA) are not numbers and do not count."""
    side_by_side = sum(_gpus(container) for container in objects(spec(pod).get("containers")))
    return max(side_by_side, max(map(_gpus, objects(spec(pod).get("initContainers"))), default=0))


def holds_gpu(pod: KubeObject) -> bool:
    """Whether it runs on GPUs, by its requests or by a claim for devices."""
    return not finished(pod) and (gpus(pod) > 0 or bool(objects(spec(pod).get("resourceClaims"))))


def priority(pod: KubeObject) -> int:
    """Its scheduling priority; 0 where it has none."""
    return number(spec(pod).get("priority"))


def finished(pod: KubeObject) -> bool:
    """Whether it has ended for good."""
    return text(status(pod).get("phase")) in _FINISHED


def terminating(pod: KubeObject) -> bool:
    """Whether it was told to end."""
    return bool(metadata(pod).get("deletionTimestamp"))


def ready(pod: KubeObject) -> bool:
    """Whether it is Ready, and not about to end."""
    found = any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions(pod))
    return found and not terminating(pod)


def eviction(pod: KubeObject) -> ApiCall:
    """The request that evicts exactly this pod: by its UID, with the grace period of its own."""
    namespace, name = text(metadata(pod).get("namespace")), text(metadata(pod).get("name"))
    return ApiCall(
        "POST",
        f"/api/v1/namespaces/{namespace}/pods/{name}/eviction",
        {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
            "deleteOptions": {"preconditions": {"uid": uid(pod)}},
        },
    )


def evicts(call: ApiCall) -> str:
    """The UID of the pod that a call evicts; empty for any other call."""
    body = call.body if isinstance(call.body, dict) else {}
    return text(mapping(mapping(body.get("deleteOptions")).get("preconditions")).get("uid"))


def _gpus(container: KubeObject) -> int:
    resources = mapping(container.get("resources"))
    wanted = {**mapping(resources.get("requests")), **mapping(resources.get("limits"))}
    return sum(int(str(count)) for name, count in wanted.items() if _is_gpu(name) and str(count).isdigit())


def _is_gpu(resource: str) -> bool:
    vendor, _, name = resource.partition("/")
    return vendor.endswith(_GPU_VENDORS) and name.startswith(_GPU_NAMES)
