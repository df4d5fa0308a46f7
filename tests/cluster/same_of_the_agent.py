"""Requests such as the agent's clients, sources, tools and notices send. The list is made by hand.

What a kubelet would answer is left out, for the real server's nodes have none: of logs the refusals before it is asked.
"""

from __future__ import annotations

from typing import Any

from tests.cluster.asked import EVENTS, KINDS, NODE, POD, Asked, access, event, patch

_NODES, _PODS = "/api/v1/nodes", "/api/v1/pods"
_JANITOR = "/apis/janitor.dgxc.nvidia.com/v1alpha1"
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_MARKS = {"gcm-sentinel/order": "a", "gcm-sentinel/action": "cordon_node"}
_TOLD: dict[str, Any] = {
    "firstTimestamp": "2026-11-20T20:00:00Z",
    "lastTimestamp": "2026-11-20T20:00:01Z",
    "count": 1,
    "reportingComponent": "gcm-sentinel",
    "reportingInstance": "gcm-sentinel-0",
    "action": "Investigated",
}


def _listed(name: str, path: str, **query: str) -> Asked:
    return Asked(name, "GET", path, query={"limit": "500", **query})


_READ = [
    _listed("all nodes", _NODES),
    _listed("nodes as they were lately", _NODES, resourceVersion="0"),
    Asked("whether nodes may be read", "GET", _NODES, query={"limit": "1"}),
    _listed("pods of a node", _PODS, fieldSelector="spec.nodeName=same"),
    _listed("pods of a node of one app", _PODS, fieldSelector="spec.nodeName=same", labelSelector="app=same"),
    _listed("pods of a node that is not there", _PODS, fieldSelector="spec.nodeName=none"),
    _listed("pods of another app", _PODS, labelSelector="app=other"),
    Asked("a page with more to come", "GET", _PODS, query={"limit": "1", "labelSelector": "app=same"}),
    _listed("nodes of that name", _NODES, fieldSelector="metadata.name=same"),
    _listed("nodes of another name", _NODES, fieldSelector="metadata.name=none"),
    _listed("nodes with a label", _NODES, labelSelector="rack=z"),
    _listed("nodes without that label", _NODES, labelSelector="!rack"),
    _listed("pending pods", _PODS, fieldSelector="status.phase=Pending"),
    _listed("pods of a job", "/api/v1/namespaces/default/pods", labelSelector="job-name=none"),
    _listed("pods of some apps", _PODS, labelSelector="app in (same,other),!gone"),
    _listed("events of a node", "/api/v1/events", fieldSelector="involvedObject.kind=Node,involvedObject.name=same"),
    _listed("events of pods", EVENTS, fieldSelector="involvedObject.kind=Pod"),
    _listed("daemonsets", "/apis/apps/v1/daemonsets"),
    Asked("a job that is not there", "GET", "/apis/batch/v1/namespaces/default/jobs/none"),
    Asked("an owner whose kind is not there", "GET", "/apis/jobset.x-k8s.io/v1alpha2/namespaces/default/jobsets/none"),
    Asked("a maintenance group that is not there", "GET", _JANITOR),
    Asked("a maintenance request, and its kind is not there", "GET", f"{_JANITOR}/gpuresets/none"),
    Asked(
        "another maintenance request, and its kind is not there", "POST", f"{_JANITOR}/rebootnodes", {"metadata": {}}
    ),
    Asked("kernel logs of a node that is not there", "GET", "/api/v1/nodes/none/proxy/logs/"),
]
_LOGS = [
    Asked(f"a log: {name}", "GET", f"{path}/log", query=query)
    for name, path, query in (
        ("of nobody", "/api/v1/namespaces/default/pods/none", {"container": "main", "tailLines": "10"}),
        ("of a container that is not there", POD, {"container": "other", "timestamps": "True", "tailLines": "10"}),
        ("previous, of a container that is not there", POD, {"container": "other", "previous": "True"}),
        ("fewer lines than none", POD, {"container": "main", "tailLines": "-1"}),
        ("lines that are no number", POD, {"container": "main", "tailLines": "many"}),
        ("since no time", POD, {"container": "main", "sinceSeconds": "0"}),
        ("since a time that is none", POD, {"container": "main", "sinceTime": "yesterday"}),
        ("since two times", POD, {"sinceSeconds": "5", "sinceTime": "2026-11-20T20:00:00Z"}),
        ("no bytes", POD, {"container": "main", "limitBytes": "0"}),
    )
]
_WRITTEN = [
    Asked("the agent's event", "POST", EVENTS, event(**_TOLD)),
    Asked("the agent's event again, not there", "PATCH", f"{EVENTS}/none", {"count": 2}, KINDS["merge"]),
    patch("the agent's cordon", "merge", {"metadata": {"annotations": _MARKS}, "spec": {"unschedulable": True}}),
    patch(
        "the agent's cordon, dry",
        "merge",
        {"metadata": {"annotations": _MARKS}, "spec": {"unschedulable": True}},
        dryRun="All",
    ),
    patch(
        "the agent's uncordon",
        "merge",
        {"metadata": {"annotations": dict.fromkeys(_MARKS)}, "spec": {"unschedulable": None}},
    ),
    patch("a taint of ours removed that is not there", "json", [{"op": "test", "path": "/spec/taints/1", "value": {}}]),
    *(
        Asked(f"what may I: {verb} {resource}", "POST", _REVIEWS, access(verb, resource))
        for verb, resource in (("list", "nodes"), ("get", "pods"), ("create", "events"))
    ),
    Asked("what may I: a misspelt review", "POST", _REVIEWS, {"kind": "SelfSubjectAccessReview", "spec": []}),
    Asked("a node of nobody patched", "PATCH", f"{NODE}-none", {"metadata": {}}, KINDS["merge"]),
]
AGENTS = [*_READ, *_LOGS, *_WRITTEN]
