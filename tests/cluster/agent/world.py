"""What stands in the cluster beside an agent: NVSentinel's kinds, a GPU operator's DaemonSet and its exporter."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from aiohttp import web
from tests.cluster.api import path_of
from tests.cluster.cluster import Cluster
from tests.cluster.servers import until
from tests.cluster.things import IMAGE, condition

from gcm_sentinel.domain.operations import JANITOR

Object = dict[str, Any]
CONDITION = "GcmXidErrorsProblem"
XID = condition(CONDITION, "True", "XidError", "Xid 79 on GPU 2: fallen off the bus")
DAEMONSET = "nvidia-dcgm-exporter"
_WITHIN_S = 60


def install_janitor(cluster: Cluster) -> None:
    """The kinds of NVSentinel's janitor; nobody carries them out."""
    _define(cluster, JANITOR, "v1alpha1", "Cluster", {"gpuresets": "GPUReset", "rebootnodes": "RebootNode"})


def install_workloads(cluster: Cluster, namespace: str, node: str) -> None:
    """On one node, with a GPU each: pods of a Deployment, a StatefulSet, a JobSet's Job and a RayCluster."""
    _define(cluster, "jobset.x-k8s.io", "v1alpha2", "Namespaced", {"jobsets": "JobSet"})
    _define(cluster, "ray.io", "v1", "Namespaced", {"rayclusters": "RayCluster"})
    admin, where = cluster.admin, {"namespace": namespace}
    pre, serve = {"metadata": {"name": "pre", **where}}, {"metadata": {"name": "serve", **where}}
    jobset = admin.create({"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", **pre})
    ray = admin.create({"apiVersion": "ray.io/v1", "kind": "RayCluster", **serve})
    container = {"name": "main", "image": IMAGE, "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    pod = {"nodeName": node, "containers": [container], "restartPolicy": "Always", "terminationGracePeriodSeconds": 0}
    metadata = {"labels": {"app": "tune"}}
    chosen = {"selector": {"matchLabels": metadata["labels"]}, "template": {"metadata": metadata, "spec": pod}}
    named = {"metadata": {"name": "tune", **where}}
    admin.create({"apiVersion": "apps/v1", "kind": "Deployment", **named, "spec": {"replicas": 1, **chosen}})
    admin.create({"apiVersion": "apps/v1", "kind": "StatefulSet", **named, "spec": {"serviceName": "tune", **chosen}})
    job = {"template": {"spec": {**pod, "restartPolicy": "Never"}}}
    owned = {"name": "pre-0", **where, "ownerReferences": [_controller(jobset)]}
    admin.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": owned, "spec": job})
    worker = {"name": "serve-worker", **where, "ownerReferences": [_controller(ray)]}
    admin.create({"apiVersion": "v1", "kind": "Pod", "metadata": worker, "spec": pod})
    path = f"/api/v1/namespaces/{namespace}/pods"

    def run() -> bool:
        pods = admin.items(path, fieldSelector=f"spec.nodeName={node}")
        return [pod["status"]["phase"] for pod in pods] == ["Running"] * 4

    until(run, _WITHIN_S, "all four run")


def _controller(owner: Object) -> Object:
    return {
        **{key: owner[key] for key in ("apiVersion", "kind")},
        **{key: owner["metadata"][key] for key in ("name", "uid")},
        "controller": True,
    }


def _define(cluster: Cluster, group: str, version: str, scope: str, kinds: dict[str, str]) -> None:
    """Kinds that take anything, by their plural; they are served afterwards."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {"served": True, "storage": True, "subresources": {"status": {}}}
    for plural, kind in kinds.items():
        names = {"plural": plural, "kind": kind, "singular": kind.lower()}
        versions = [{"name": version, **served, "schema": {"openAPIV3Schema": anything}}]
        spec = {"group": group, "scope": scope, "names": names, "versions": versions}
        definition = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": spec}
        cluster.admin.create({**definition, "metadata": {"name": f"{plural}.{group}"}})
        served_at = partial(cluster.admin.ask, "GET", f"/apis/{group}/{version}/{plural}")
        until(lambda ask=served_at: ask().status_code == 200, _WITHIN_S, f"{plural} are served")  # type: ignore[misc]


def install_exporter(cluster: Cluster, namespace: str, port: int, nodes: Mapping[str, str]) -> dict[str, str]:
    """The exporter's DaemonSet on nodes, by the address of its pod there; gives each node's pod."""
    labels = {"app": DAEMONSET}
    among = {"key": "kubernetes.io/hostname", "operator": "In", "values": [*nodes.values()]}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [among]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    ports = [{"name": "metrics", "containerPort": port}]
    pod = {"affinity": affinity, "containers": [{"name": "exporter", "image": IMAGE, "ports": ports}]}
    template = {"metadata": {"labels": labels}, "spec": {**pod, "terminationGracePeriodSeconds": 0}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    metadata = {"name": DAEMONSET, "namespace": namespace}
    cluster.admin.create({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": spec})
    until(lambda: len(_exporters(cluster, namespace)) == len(nodes), _WITHIN_S, "every node has an exporter")
    found = _exporters(cluster, namespace)
    for address, node in nodes.items():
        status = {"podIP": address, "podIPs": [{"ip": address}]}
        cluster.admin.patch(f"{path_of(found[node])}/status", {"status": status})
    return {node: one["metadata"]["name"] for node, one in found.items()}


def _exporters(cluster: Cluster, namespace: str) -> dict[str, Object]:
    pods = cluster.admin.items(f"/api/v1/namespaces/{namespace}/pods", labelSelector=f"app={DAEMONSET}")
    kind = {"apiVersion": "v1", "kind": "Pod"}
    return {pod["spec"]["nodeName"]: {**kind, **pod} for pod in pods if pod["status"]["phase"] == "Running"}


def uuid_of(node: str) -> str:
    """Of the one GPU that the exporter of a node shows."""
    return f"GPU-{uuid5(NAMESPACE_DNS, node)}"


def exporter(nodes: Mapping[str, str]) -> web.Application:
    """What dcgm-exporter says of the one GPU of each node; which one is asked, the address says."""

    async def metrics(request: web.Request) -> web.Response:
        node = nodes[str(request.url.host)]
        labels = f'gpu="2",UUID="{uuid_of(node)}",device="nvidia2",modelName="NVIDIA H100",Hostname="{node}"'
        return web.Response(text=f"# TYPE DCGM_FI_DEV_GPU_TEMP gauge\nDCGM_FI_DEV_GPU_TEMP{{{labels}}} 41\n")

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    return app
