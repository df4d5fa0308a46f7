"""Reading the Events of a node and of its pods, for `get_node_events`.

The API cannot ask for "events of the pods of this node" at once, so the namespaces of the node's pods are read and
filtered here, exactly by name; the kubelet's word (`source.host`) brings in pods that are gone.
"""

from __future__ import annotations

from gcm_sentinel.clients.kubernetes import KubeObject, KubernetesClient
from gcm_sentinel.clients.kubernetes.objects import mapping, text
from gcm_sentinel.datasources import node_events, tool_calls
from gcm_sentinel.datasources import pods as pod_facts
from gcm_sentinel.datasources.cluster_reads import absent, as_evidence, compact, pods_on_node, refused, some_pages
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult

_EVENTS = "/api/v1/events"
_PAGES_PER_NAMESPACE = 4
_POD_EVENTS = {"fieldSelector": "involvedObject.kind=Pod"}
_NOTHING = "the API server keeps no Event of this node and its pods; it drops them after about an hour"


async def read(client: KubernetesClient, node: str) -> ToolResult:
    """The result of `get_node_events`."""
    selector = f"involvedObject.kind=Node,involvedObject.name={node}"
    query = f"GET {_EVENTS}?fieldSelector={selector} (and events of the node's pods)"
    try:
        own, _ = await client.list(_EVENTS, {"fieldSelector": selector})
    except SentinelError as error:
        return refused(query, error, grant="list on events in all namespaces")
    theirs, notes = await _of_pods(client, node)
    events = [event for event in (*own, *theirs) if not node_events.is_ours(event)]
    if not events:
        missing = await absent(client, node, query)
        if missing is not None:
            return missing
        notes.append(_NOTHING)
    pods = sorted({"/".join(name) for kind, *name in map(node_events.about, events) if kind == "Pod"})
    return ToolResult(
        ResultStatus.OK if events else ResultStatus.NO_DATA,
        query,
        summary=tool_calls.as_json(node_events.summarise(node, events)),
        raw=compact([as_evidence(event) for event in events]),
        entities=(node_entity(node), *(Entity(EntityKind.POD, pod, node=node) for pod in pods)),
        note=". ".join(notes),
    )


async def _of_pods(client: KubernetesClient, node: str) -> tuple[list[KubeObject], list[str]]:
    """Events of pods that are, or by the kubelet's word were, on the node; and what was left out."""
    try:
        pods = await pods_on_node(client, node)
    except SentinelError as error:
        return [], [f"events of the node's pods are missing: {error}"]
    names = {(pod_facts.namespace(pod), pod_facts.name(pod)) for pod in pods}
    found: list[KubeObject] = []
    notes: list[str] = []
    for namespace in sorted({namespace for namespace, _ in names}):
        path = f"/api/v1/namespaces/{namespace}/events"
        try:
            events, whole = await some_pages(client, path, _POD_EVENTS, _PAGES_PER_NAMESPACE)
        except SentinelError as error:
            notes.append(f"pod events of {namespace} are missing: {error}")
            continue
        notes += [] if whole else [f"not all pod events of {namespace} were read"]
        found += [event for event in events if _concerns(event, names, node)]
    return found, notes


def _concerns(event: KubeObject, names: set[tuple[str, str]], node: str) -> bool:
    _, namespace, name = node_events.about(event)
    return (namespace, name) in names or text(mapping(event.get("source")).get("host")) == node
