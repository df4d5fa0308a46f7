"""One scene per operation: what the cluster looks like before, what a model asks for, and how the outside answers it.

Whoever is asked (a janitor, a site's controller, a DaemonSet's, the owner of a budget) answers only once the agent has
recorded its request: what a second request would do before that is what these tests are about.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from tests.durability.conftest import Stage
from tests.durability.world_outside import VERDICT, Calls, Outside
from tests.sentinel_gateway.driving import GPU as GATEWAY_GPU

from sentinel_fleet.kube import JANITOR

KubeObject: TypeAlias = dict[str, Any]
CONDITION, REQUEST = "GpuXid", "gcm-sentinel/maintenance-request"
BUDGET, HELD = "db", "default/db-1"


class Advisor(Outside):
    """A provider whose model looks, asks for one action, and advises it."""

    def __init__(self) -> None:
        super().__init__(self._next)
        self.turns_played: tuple[Calls, ...] = ()

    def plays(self, stage: Stage, scene: Scene) -> None:
        """From now on, about the sick node of `stage`."""
        node = stage.fleet.world.trigger.node
        looks: Calls = [(tool, {"node_name": node}) for tool in ("get_node_info", *scene.looks)]
        ask: Calls = [(scene.operation, {**scene.arguments(stage), "reason": "unfit for work"})]
        self.turns_played = (looks, ask, [("submit_assessment", _verdict(scene.advice, scene.target(stage)))])

    def _next(self, messages: int) -> Calls:
        return self.turns_played[messages // 2]


def _verdict(advice: str, target: KubeObject) -> KubeObject:
    cites = [{"evidence": "E1", "quote": CONDITION}]
    claim = {"text": "the condition is there", "cites": cites, "absence": False}
    sure = {"severity": "critical", "fault_class": "gpu_off_bus", "confidence": 0.95, "claims": [claim]}
    return {**VERDICT, **sure, "actions": [{"action": advice, "target": target, "reason": "unfit"}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One operation on a small fleet."""

    operation: str
    advice: str
    steps: tuple[str, ...]
    """Recorded on the way, in order; left out is what may come more often (pauses, what is looked at after them)."""
    looks: tuple[str, ...] = ()
    """Tools that show the target, besides the node's."""
    arguments: Callable[[Stage], KubeObject]
    target: Callable[[Stage], KubeObject]
    prepare: Callable[[Stage], None] = lambda _stage: None
    answer: Callable[[Stage], None] = lambda _stage: None
    """What others do about it; asked again and again once the request is recorded."""
    gateway: bool = False


def node_of(stage: Stage) -> str:
    """The sick node's name."""
    return stage.fleet.world.trigger.node


def the_node(stage: Stage) -> KubeObject:
    """The sick node."""
    found = stage.fleet.store.get("nodes", node_of(stage))
    assert found is not None
    return found


def pods_on(stage: Stage, node: str) -> list[KubeObject]:
    """The pods of one node."""
    return list(stage.fleet.store.list("pods", fields=f"spec.nodeName={node}"))


def pods_there(stage: Stage) -> list[KubeObject]:
    """The sick node's."""
    return pods_on(stage, node_of(stage))


def full_name(pod: KubeObject) -> str:
    """``namespace/name``."""
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def _owner(pod: KubeObject) -> KubeObject:
    return dict((pod["metadata"].get("ownerReferences") or [{"kind": ""}])[0])


def _about_node(stage: Stage) -> KubeObject:
    return {"node_name": node_of(stage)}


def _node_entity(stage: Stage) -> KubeObject:
    return {"kind": "node", "name": node_of(stage)}


def _gpu(stage: Stage) -> str:
    return next(iter(stage.fleet.world.fleet.gpus(node_of(stage)))).uuid


def _gpu_entity(uuid: str, node: str) -> KubeObject:
    return {"kind": "gpu", "name": uuid, "uuid": uuid, "node": node}


def put_pod(stage: Stage, name: str, node: str, **labels: str) -> None:
    """A running pod of a ReplicaSet in `default`."""
    owner = {"kind": "ReplicaSet", "name": "web", "uid": "uid-web", "controller": True}
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}", "ownerReferences": [owner]}
    spec = {"nodeName": node, "containers": [{"name": "main", "image": "web"}]}
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, "labels": labels}, "spec": spec}
    stage.fleet.store.put({**pod, "status": status})


def empty(stage: Stage, node: str) -> None:
    """Nothing but what belongs to the node is left on it."""
    for pod in pods_on(stage, node):
        if _owner(pod)["kind"] != "DaemonSet":
            stage.fleet.store.delete("pods", pod["metadata"]["name"], pod["metadata"]["namespace"])


def _with_three_pods(stage: Stage) -> None:
    """Three pods that must leave, one of them held by a budget."""
    empty(stage, node_of(stage))
    for name in ("web-1", "web-2"):
        put_pod(stage, name, node_of(stage))
    put_pod(stage, "db-1", node_of(stage), app=BUDGET)
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": BUDGET}}}
    metadata = {"name": BUDGET, "namespace": "default"}
    budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec}
    stage.fleet.store.put(budget)


def _give_way(stage: Stage) -> None:
    """The budget's owner gives way, once an eviction was refused for it."""
    if any(asked.status == 429 and "dryRun" not in asked.query for asked in stage.fleet.requests):
        stage.fleet.store.delete("poddisruptionbudgets", BUDGET, "default")


def _drained(stage: Stage) -> None:
    """As an earlier drain of ours has left it."""
    empty(stage, node_of(stage))
    node = the_node(stage)
    stage.fleet.store.put({**node, "spec": {**node["spec"], "unschedulable": True}}, manager="gcm-sentinel")


def _drained_with_janitor(stage: Stage) -> None:
    stage.fleet.store.install(JANITOR)
    _drained(stage)


def _well_again(stage: Stage, boot: str = "") -> None:
    """The node's condition has gone; it has booted where `boot` says so."""
    node = the_node(stage)
    conditions = [one for one in node["status"]["conditions"] if one["type"] != CONDITION]
    info = {**node["status"]["nodeInfo"], **({"bootID": boot} if boot else {})}
    stage.fleet.store.put({**node, "status": {**node["status"], "conditions": conditions, "nodeInfo": info}})


def _janitor(stage: Stage, plural: str, boot: str, *states: str) -> None:
    for request in list(stage.fleet.store.list(plural)):
        if "status" not in request:
            _well_again(stage, boot)
            status = {"conditions": [{"type": kind, "status": "True"} for kind in states]}
            stage.fleet.store.put({**request, "status": status}, manager="janitor")


def _site_controller(stage: Stage) -> None:
    """Resets what the annotation asks for, and takes it away."""
    notes = the_node(stage)["metadata"]["annotations"]
    if REQUEST in notes and json.loads(notes[REQUEST])["action"] == "reset-gpu":
        _well_again(stage)
        node = the_node(stage)
        left = {key: value for key, value in notes.items() if key != REQUEST}
        stage.fleet.store.put({**node, "metadata": {**node["metadata"], "annotations": left}}, manager="site")


def _plugin(stage: Stage) -> KubeObject:
    """The device plugin's pod on the node."""
    found = [pod for pod in pods_there(stage) if _owner(pod).get("name") == "nvidia-device-plugin-daemonset"]
    return found[0]


def _daemonset_controller(stage: Stage, gone: KubeObject) -> None:
    """Puts a new pod where one has gone."""
    if all(_owner(pod).get("uid") != _owner(gone)["uid"] for pod in pods_there(stage)):
        named = {"name": f"{_owner(gone)['name']}-again", "uid": "uid-again"}
        kept = {key: gone["metadata"][key] for key in ("namespace", "labels", "ownerReferences")}
        conditions = [{"type": "Ready", "status": "True"}]
        status = {"phase": "Running", "conditions": conditions}
        stage.fleet.store.put({**gone, "metadata": {**kept, **named}, "status": status})


class _Restart:
    """Knows which pod it was."""

    def __init__(self) -> None:
        self.pod: KubeObject = {}

    def prepare(self, stage: Stage) -> None:
        self.pod = _plugin(stage)

    def answer(self, stage: Stage) -> None:
        _daemonset_controller(stage, self.pod)


def restart_scene() -> Scene:
    """`restart_pod` of the device plugin."""
    one = _Restart()
    return Scene(
        operation="restart_pod",
        advice="restart-pod",
        steps=("rule", "begin", "look:pod", "send:POST", "carried", "check", "ended"),
        looks=("get_daemonsets",),
        arguments=lambda _stage: {"pod_name": full_name(one.pod)},
        target=lambda stage: {"kind": "pod", "name": full_name(one.pod), "node": node_of(stage)},
        prepare=one.prepare,
        answer=one.answer,
    )


def _reset_scene(prepare: Callable[[Stage], None], answer: Callable[[Stage], None], method: str) -> Scene:
    return Scene(
        operation="reset_gpu",
        advice="reset-gpu",
        steps=("rule", "begin", f"send:{method}", "carried", "check", "ended"),
        looks=("query_dcgm_direct",),
        arguments=lambda stage: {"gpu_uuid": _gpu(stage), "node_name": node_of(stage)},
        target=lambda stage: _gpu_entity(_gpu(stage), node_of(stage)),
        prepare=prepare,
        answer=answer,
    )


_SENT_PATCH = ("rule", "begin", "send:PATCH", "carried", "check", "ended")
_TAINT = {"key": "gcm-sentinel/unfit", "value": "xid-79", "effect": "NoSchedule"}
_REBOOTED = ("SignalSent", "NodeReady")

SCENES: dict[str, Callable[[], Scene]] = {
    "cordon": lambda: Scene(
        operation="cordon_node", advice="cordon", steps=_SENT_PATCH, arguments=_about_node, target=_node_entity
    ),
    "taint": lambda: Scene(
        operation="taint_node",
        advice="taint",
        steps=_SENT_PATCH,
        arguments=lambda stage: {**_about_node(stage), **_TAINT},
        target=_node_entity,
    ),
    "drain": lambda: Scene(
        operation="drain_node",
        advice="drain",
        steps=(
            "rule",
            "begin",
            "send:PATCH",
            "send:POST",
            "send:POST",
            "send:POST",
            "send:POST",
            "carried",
            "check",
            "ended",
        ),
        arguments=_about_node,
        target=_node_entity,
        prepare=_with_three_pods,
        answer=_give_way,
    ),
    "restart": restart_scene,
    "reset by the janitor": lambda: _reset_scene(
        _drained_with_janitor, lambda stage: _janitor(stage, "gpuresets", "", "Complete"), "POST"
    ),
    "reset by an annotation": lambda: _reset_scene(_drained, _site_controller, "PATCH"),
    "reboot": lambda: Scene(
        operation="reboot_node",
        advice="reboot",
        steps=("capture", "rule", "begin", "send:POST", "carried", "check", "ended"),
        arguments=_about_node,
        target=_node_entity,
        prepare=_drained_with_janitor,
        answer=lambda stage: _janitor(stage, "rebootnodes", "another", *_REBOOTED),
    ),
    "quarantine": lambda: Scene(
        operation="quarantine_gpu",
        advice="quarantine-gpu",
        steps=("rule", "begin", "now", "send:CALL", "carried", "check", "ended"),
        looks=("get_sentinel_gpu_health",),
        arguments=lambda stage: {"gpu_uuid": GATEWAY_GPU, "node_name": node_of(stage)},
        target=lambda stage: _gpu_entity(GATEWAY_GPU, node_of(stage)),
        gateway=True,
    ),
}
"""By name; each call makes a new one."""
