"""The two agents that act, from the first look at their nodes until everything that was asked for is done.

The model is a server that has its mind made up (advisor.py); NVSentinel's janitor is played here: it answers a request
once it is there, and the condition has gone then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx2
from tests.cluster.agent.advisor import Advisor, Mind, serving
from tests.cluster.agent.agents import Running, sick_node
from tests.cluster.agent.world import XID, exporter, install_exporter, install_janitor, install_workloads, uuid_of
from tests.cluster.audit import Request
from tests.cluster.cluster import Cluster
from tests.cluster.servers import until
from tests.cluster.things import condition, deployment

from gcm_sentinel.domain.operations import JANITOR

Object = dict[str, Any]
Start = Callable[..., AbstractContextManager[Running]]
TOKEN = "a-token-of-ada-with-enough-characters"
APPROVERS = f"{hashlib.sha256(TOKEN.encode()).hexdigest()} Ada Lovelace"
_WITHIN_S = 60
STATE = "gcm-sentinel/action-state"
NODES = tuple(f"execute-{what}" for what in ("cordon", "taint", "drain", "pod", "reset", "reboot"))
MAINTAINED = {"gpuresets": ("execute-reset", "execute-gone-1"), "rebootnodes": ("execute-reboot", "execute-gone-2")}
"""The nodes that each kind of request is about: one is carried out, of the other the node goes first."""
DEPARTING = ("execute-gone-1", "execute-gone-2")
TAINT = {"key": "gcm-sentinel/unfit", "value": "xid-79", "effect": "NoSchedule"}
GONE = condition(XID["type"], "False", "NoXid", since="2026-11-20T21:00:00Z")


@dataclass(frozen=True, slots=True)
class Approving:
    """An agent whose question a person has answered."""

    agent: Running
    question: Object
    """As it was shown."""
    before: list[Request]
    """What it had asked the API server for when the question was shown."""


@dataclass(frozen=True, slots=True)
class Executing:
    """An agent that did one thing about each of its nodes."""

    agent: Running
    pods: Mapping[str, str]
    """The exporter's pod on each node, before anything was done."""
    trained: tuple[str, ...]
    """The pods that had to leave the drained node."""


@contextmanager
def approving_site(cluster: Cluster, start: Start) -> Iterator[Approving]:
    """In the namespace and with the node that are there."""
    node = "approve-1"
    minds = {node: Mind("cordon_node", "cordon", {"node_name": node}, {"kind": "node", "name": node})}
    secrets = ("create", "secret", "generic", "--namespace=approve")
    cluster.kubectl(*secrets, "approvers", f"--from-literal=approvers={APPROVERS}")
    people = _set("approvers.existingSecret=approvers")
    with serving(Advisor(minds).app()) as model, start("approve", *_model(model), *people) as agent:
        agent.until(lambda: _waiting(agent), "a person is asked")
        agent.until(lambda: agent.events(node), "the verdict is published")
        agent.until(lambda: "waiting" in _state(cluster, node), "the node is told to wait for a person")
        (question,) = _waiting(agent)
        before = agent.requests()
        said = {"approve": True, "digest": question["digest"], "reason": "seen"}
        _as_ada(agent, "POST", f"/v1/approvals/{question['id']}/decision", said)
        agent.until(lambda: "done" in _state(cluster, node), "the node is told to be cordoned")
        yield Approving(agent.ended(), question, before)


@contextmanager
def executing_site(cluster: Cluster, start: Start) -> Iterator[Executing]:
    """In the namespace that is there."""
    with ExitStack() as stack:
        for node in (*NODES, *DEPARTING):
            cluster.admin.create(sick_node(cluster, node))
            stack.callback(cluster.admin.delete, f"/api/v1/nodes/{node}")
        equipped = {"127.0.0.2": "execute-pod", "127.0.0.3": "execute-reset", "127.0.0.4": "execute-gone-1"}
        port = stack.enter_context(serving(exporter(equipped), tuple(equipped)))
        pods = install_exporter(cluster, "execute", port, equipped)
        trained = _prepare(cluster)
        model = stack.enter_context(serving(Advisor(_minds(pods)).app()))
        limits = _set("sentinel.maxActionsPerHour=20,sentinel.settings.max_out_of_service=1,rbac.kubeletLogs=true")
        agent = stack.enter_context(start("execute", *_model(model), *limits))
        for node in (*NODES, *DEPARTING):  # only now, so that nothing of it is an old story
            cluster.admin.patch(f"/api/v1/nodes/{node}/status", {"status": {"conditions": [XID]}})
        for plural, (answered, departed) in MAINTAINED.items():
            agent.until(lambda: len(_requests(cluster, plural)) == 2, f"two of the {plural} are asked for")  # noqa: B023
            _answer(cluster, plural, answered)
            cluster.admin.delete(f"/api/v1/nodes/{departed}")
        for node in NODES:
            agent.until(lambda: "done" in _state(cluster, node), f"what was to be done to {node} is done")  # noqa: B023
        for plural in MAINTAINED:
            agent.until(lambda: len(_requests(cluster, plural)) == 1, "the other is taken back")  # noqa: B023
        yield Executing(agent.ended(), pods, trained)


def _prepare(cluster: Cluster) -> tuple[str, ...]:
    """Workloads; and nodes as earlier drains of ours have left them, in a known boot.

    Gives the pods on the node that is to be drained.
    """
    install_janitor(cluster)
    install_workloads(cluster, "execute", "execute-cordon")
    cluster.admin.create(deployment("train", "execute", 2, node="execute-drain", gpus=4))
    for node in (node for nodes in MAINTAINED.values() for node in nodes):
        path = f"/api/v1/nodes/{node}"
        cluster.admin.patch(path, {"spec": {"unschedulable": True}}, manager="gcm-sentinel")
        cluster.admin.patch(f"{path}/status", {"status": {"nodeInfo": {"bootID": "boot-1"}}})
    trained = partial(_pods_on, cluster, "execute-drain")
    until(lambda: len(trained()) == 2, _WITHIN_S, "two pods run on the node to drain")
    return trained()


def _pods_on(cluster: Cluster, node: str) -> tuple[str, ...]:
    pods = cluster.admin.items("/api/v1/namespaces/execute/pods", fieldSelector=f"spec.nodeName={node}")
    return tuple(pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] == "Running")


def _minds(pods: Mapping[str, str]) -> dict[str, Mind]:
    """What the model wants done about each node."""

    def on(what: str, operation: str, advice: str, *looks: str, **arguments: str) -> tuple[str, Mind]:
        node = f"execute-{what}"
        given, seen = {"node_name": node, **arguments}, tuple((tool, {"node_name": node}) for tool in looks)
        return node, Mind(operation, advice, given, {"kind": "node", "name": node}, seen)

    def resets(node: str) -> tuple[str, Mind]:
        gpu = uuid_of(node)
        target = {"kind": "gpu", "name": gpu, "uuid": gpu, "node": node}
        looks = (("query_dcgm_direct", {"node_name": node}),)
        return node, Mind("reset_gpu", "reset-gpu", {"gpu_uuid": gpu, "node_name": node}, target, looks)

    pod = f"execute/{pods['execute-pod']}"
    restarted = {"kind": "pod", "name": pod, "node": "execute-pod"}
    looks = tuple((tool, {"node_name": "execute-pod"}) for tool in ("get_daemonsets", "get_pod_logs"))
    return dict(
        [
            on("cordon", "cordon_node", "cordon", "get_workload_info", "get_node_events"),
            on("taint", "taint_node", "taint", **TAINT),
            on("drain", "drain_node", "drain"),
            ("execute-pod", Mind("restart_pod", "restart-pod", {"pod_name": pod}, restarted, looks)),
            *(resets(node) for node in MAINTAINED["gpuresets"]),
            on("reboot", "reboot_node", "reboot"),
            on("gone-2", "reboot_node", "reboot"),
        ]
    )


def _answer(cluster: Cluster, plural: str, node: str) -> None:
    """As NVSentinel's janitor does, and what it was for has gone."""
    (asked,) = (one for one in _requests(cluster, plural) if one["spec"]["nodeName"] == node)
    told = [{"type": kind, "status": "True"} for kind in ("SignalSent", "Complete", "NodeReady")]
    name = asked["metadata"]["name"]
    boot = {"nodeInfo": {"bootID": "boot-2"}} if plural == "rebootnodes" else {}
    cluster.admin.patch(f"/api/v1/nodes/{node}/status", {"status": {"conditions": [GONE], **boot}})
    path = f"/apis/{JANITOR}/v1alpha1/{plural}/{name}/status"
    cluster.admin.patch(path, {"status": {"conditions": told}}, kind="merge", manager="janitor")


def _requests(cluster: Cluster, plural: str) -> list[Object]:
    return cluster.admin.items(f"/apis/{JANITOR}/v1alpha1/{plural}")


def _state(cluster: Cluster, node: str) -> str:
    """What the node's annotation says of the action."""
    return str(cluster.admin.get(f"/api/v1/nodes/{node}")["metadata"]["annotations"].get(STATE, ""))


def _set(values: str) -> tuple[str, str]:
    return "--set", values


def _model(port: int) -> tuple[str, str]:
    url = f"http://127.0.0.1:{port}"
    return _set(f"llm.api=anthropic,llm.apiKey=key-of-a-test,llm.baseUrl={url},sentinel.settings.max_concurrent=4")


def _waiting(agent: Running) -> list[Object]:
    """What waits for a person."""
    found: list[Object] = _as_ada(agent, "GET", "/v1/approvals")["approvals"]
    return found


def _as_ada(agent: Running, method: str, path: str, said: Object | None = None) -> Object:
    url = f"http://127.0.0.1:{agent.pod.port('http')}{path}"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = httpx2.request(method, url, headers=headers, json=said, timeout=30, trust_env=False)
    assert answer.status_code == 200, answer.text
    found: Object = answer.json()
    return found
