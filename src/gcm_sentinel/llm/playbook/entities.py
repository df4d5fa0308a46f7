"""Who is at fault and what an action aims at, as entities that this investigation has really observed.

Names come from the entities that sources attached to their results, so that a pod, workload or DaemonSet is spelled as
everywhere else; what was never observed is left out rather than guessed.
"""

from __future__ import annotations

from collections.abc import Iterable

from gcm_sentinel.domain.entity import Entity, EntityKind, normal_pci
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.observed import Observed
from gcm_sentinel.domain.summaries import PodSummary
from gcm_sentinel.llm.playbook.beliefs import Belief
from gcm_sentinel.llm.playbook.findings import evaluate
from gcm_sentinel.llm.playbook.findings.host import sick_ports
from gcm_sentinel.llm.playbook.findings.kernel_view import near
from gcm_sentinel.llm.playbook.findings.kubernetes import pod_trouble
from gcm_sentinel.llm.playbook.findings.ledger import hidden
from gcm_sentinel.llm.playbook.findings.logs import patterns
from gcm_sentinel.llm.playbook.findings.moved import places
from gcm_sentinel.llm.playbook.findings.workloads import failed_pods, follows_workload, running_pods
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.malformed import safely
from gcm_sentinel.llm.playbook.observations import Observations

_LOG_KINDS = (
    "cuda_illegal_access", "cuda_oom", "host_oom", "xid_text", "nvml_unknown_error", "nccl_timeout", "cuda_ecc",
    "cuda_launch_failure",
)  # fmt: skip
"""What a culprit workload writes, the most telling first."""


_ELSEWHERE = frozenset({"none", "moved"})
"""Culprits that the node itself never stands in for."""


def observed(obs: Observations) -> Observed:
    """The register of entities that the claim checker will use."""
    return Observed.of(obs.incident, obs.all)


def gpu_entity(ref: GpuRef) -> Entity:
    """A GPU with its full identity."""
    return ref.entity


def workloads(obs: Observations, gpu: GpuRef | None) -> tuple[Entity, ...]:
    """The workload that is affected or at fault.

    What a log says comes first, then the gang whose nodes share the trouble, the holder of the GPU that complained, the
    pods that failed, and at last whatever runs.
    """
    if obs.workloads is None:
        return ()
    group = _shared_group(obs)
    pods = _telling_pods(obs) or _holders(obs) or [pod for _, pod in failed_pods(obs, gpu)]
    names = [group] if group and not _telling_pods(obs) else []
    names += [(pod["namespace"], pod["owner"] or f"Pod/{pod['name']}") for pod in pods]
    names = names or [(pod["namespace"], pod["owner"] or f"Pod/{pod['name']}") for _, pod in running_pods(obs, gpu)]
    found = [_observed_workload(obs, namespace, owner) for namespace, owner in dict.fromkeys(names)]
    return tuple(item for item in found if item is not None)


def _shared_group(obs: Observations) -> tuple[str, str] | None:
    if obs.workloads is None or not follows_workload.check(obs, None, ()).holds:
        return None
    widest = max(obs.workloads.data["groups"], key=lambda group: len(group["nodes"]))
    return widest["namespace"], widest["owner"]


def _holders(obs: Observations) -> list[PodSummary]:
    """Pods on the GPUs that logged an Xid near the trigger."""
    if obs.workloads is None or obs.metrics is None:
        return []
    sick = [ref.index for ref in obs.gpus if near(obs, ref)]
    named = {item.get("pod") for item in obs.metrics.data["gpus"] if item["index"] in sick}
    return [pod for pod in obs.workloads.data["pods"] if f"{pod['namespace']}/{pod['name']}" in named]


def _telling_pods(obs: Observations) -> list[PodSummary]:
    if obs.workloads is None:
        return []
    for kind in _LOG_KINDS:
        named = {pod for _, pod, _ in patterns(obs, kind)}
        pods = [
            pod
            for pod in obs.workloads.data["pods"]
            if f"{pod['namespace']}/{pod['name']}" in named or pod["name"] in named
        ]
        if pods:
            return pods
    return []


def _observed_workload(obs: Observations, namespace: str, owner: str) -> Entity | None:
    bare = owner.rsplit("/", 1)[-1]
    spellings = (f"{namespace}/{bare}", owner, bare)
    told = _told(obs, EntityKind.WORKLOAD)
    named = next((entity for spelling in spellings for entity in told if entity.name == spelling), None)
    return named or next((pod for pod in _told(obs, EntityKind.POD) if pod.name == f"{namespace}/{bare}"), None)


def pods(obs: Observations, gpu: GpuRef | None) -> tuple[Entity, ...]:
    """The pods that failed here."""
    names = {f"{pod['namespace']}/{pod['name']}" for pod in (item for _, item in failed_pods(obs, gpu))}
    names = names or {f"{pod['namespace']}/{pod['name']}" for pod in _telling_pods(obs)}
    return tuple(entity for entity in _told(obs, EntityKind.POD) if entity.name in names)


def daemonset(obs: Observations, belief: Belief) -> tuple[Entity, ...]:
    """The DaemonSet whose pod does not run here; else the one the hypothesis speaks of."""
    if obs.daemonsets is None:
        return ()
    told = {entity.name: entity for entity in _told(obs, EntityKind.DAEMONSET)}
    items = obs.daemonsets.data["daemonsets"]
    broken = [item["name"] for item in items if pod_trouble(item) or item["waiting_reasons"]]
    keys = " ".join(weighed.finding.key for weighed in belief.speaking_for)
    meant = [
        name for name in broken if any(word in keys for word in ("device-plugin", "dcgm", "driver") if word in name)
    ]
    exporter = [item["name"] for item in items if "dcgm-exporter" in item["name"]]
    names = meant or broken or ([] if "unknown_to_sentinel" in keys else exporter)
    return tuple(told[name] for name in names[:1] if name in told)


def switch(obs: Observations) -> tuple[Entity, ...]:
    """The leaf switch all affected nodes share."""
    for group in obs.topology.data["groups"] if obs.topology else []:
        if group["key"] == "leaf_switch":
            return tuple(entity for entity in _told(obs, EntityKind.SWITCH) if entity.name == group["value"])
    return ()


def server(obs: Observations) -> tuple[Entity, ...]:
    """The file server that does not answer, where a source names it as an entity."""
    named = (
        [item["device"] for item in obs.kernel.data["records"] if item["kind"] == "nfs_not_responding"]
        if obs.kernel
        else []
    )
    return tuple(entity for entity in _told(obs, EntityKind.SERVICE) if entity.name in named)


def nic(obs: Observations) -> tuple[Entity, ...]:
    """The port that went down, where a source names it as an entity."""
    kinds = ("mlx5_link_down", "link_down", "mlx5_cable")
    named = {item["device"] for item in obs.kernel.data["records"] if item["kind"] in kinds} if obs.kernel else set()
    named |= sick_ports(obs)
    named |= {
        word for word in (obs.trigger.message + " " + obs.trigger.reason).replace(",", " ").split() if "mlx5_" in word
    }
    return tuple(entity for entity in _told(obs, EntityKind.NIC) if entity.name in named and entity.node == obs.node)


def held(obs: Observations) -> tuple[Entity, ...]:
    """The GPU whose quarantine a broken ledger hides, as SENTINEL named it."""
    found = hidden(obs)
    if found is None:
        return ()
    return tuple(entity for entity in _told(obs, EntityKind.GPU) if entity.uuid == found["uuid"])[:1]


def culprits(obs: Observations, belief: Belief) -> tuple[Entity, ...]:
    """The culprits of a hypothesis: the thing itself, and the node it stands on where the fault is the node's own."""
    here = node_entity(obs.node)
    nobody: tuple[Entity, ...] = (here,)
    found = safely(lambda: _culprits(obs, belief), nobody, "culprits")
    return known(obs, found) or (known(obs, (here,)) if belief.hypothesis.culprit not in _ELSEWHERE else ())


def part(obs: Observations, belief: Belief) -> GpuRef | None:
    """The one GPU of the node to which the findings of `part_when` point; None where that is none or several."""
    keys = belief.hypothesis.part_when
    told = [ref for ref in obs.gpus if keys and all(evaluate(obs, key, ref).holds for key in keys)]
    return told[0] if len(told) == 1 else None


def _culprits(obs: Observations, belief: Belief) -> tuple[Entity, ...]:
    single = part(obs, belief)
    here = single.entity if single else node_entity(obs.node)
    refs = tuple(ref for ref in (belief.subject, *belief.others) if ref is not None)
    found: dict[str, tuple[Entity, ...]] = {
        "gpu": tuple(ref.entity for ref in refs) or (here,),
        "node": (here,),
        "workload": (*workloads(obs, belief.subject)[:3], *pods(obs, belief.subject)) or (here,),
        "pods": (*pods(obs, belief.subject), here),
        "daemonset": (*daemonset(obs, belief), here),
        "switch": (*switch(obs), here),
        "server": (*server(obs), here),
        "nic": (*nic(obs), here),
        "ledger": held(obs) or (here,),
        "moved": tuple(dict.fromkeys(ref.entity for ref, _ in places(obs)))[:1],
        "none": (),
    }
    return found[belief.hypothesis.culprit]


def known(obs: Observations, entities: Iterable[Entity]) -> tuple[Entity, ...]:
    """Those that were observed, each once."""
    register = observed(obs)
    kept: list[Entity] = []
    for entity in entities:
        if register.has(entity) and not any(entity.same_as(other) for other in kept):
            kept.append(entity)
    return tuple(kept)


def _told(obs: Observations, kind: EntityKind) -> list[Entity]:
    return [entity for item in obs.all for entity in item.result.entities if entity.kind is kind]


def as_argument(entity: Entity) -> dict[str, str | int | None]:
    """An entity in the form `submit_assessment` takes."""
    pci = normal_pci(entity.pci) if entity.pci else None
    return {
        "kind": str(entity.kind),
        "name": entity.name,
        "node": entity.node,
        "index": entity.index,
        "uuid": entity.uuid,
        "pci": pci,
    }
