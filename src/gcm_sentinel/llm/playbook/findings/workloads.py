"""Findings over the workloads of the node: who runs, who failed, how far a gang reaches, who waits for a GPU."""

from __future__ import annotations

from gcm_sentinel.domain.summaries import ContainerSummary, PodSummary
from gcm_sentinel.llm.playbook.finding import UNKNOWN, Finding, no, predicate, yes
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.observations import Observations, moment
from gcm_sentinel.llm.playbook.timeline import SAME_DAY, anchor

_PODS = "workloads"


def failed_pods(obs: Observations, gpu: GpuRef | None = None) -> list[tuple[str, PodSummary]]:
    """GPU pods of the node that failed around the trigger, with their paths; by GPU where the devices are known."""
    found = []
    for place, pod in enumerate(obs.workloads.data["pods"] if obs.workloads else []):
        if (pod["phase"] == "Failed" or _crashed(pod)) and _lately(obs, pod) and _holds(pod, gpu):
            found.append((f"pods[{place}]", pod))
    return found


def running_pods(obs: Observations, gpu: GpuRef | None = None) -> list[tuple[str, PodSummary]]:
    """GPU pods that run on the node (on the GPU, where the devices are known)."""
    listed = enumerate(obs.workloads.data["pods"] if obs.workloads else [])
    return [(f"pods[{place}]", pod) for place, pod in listed if pod["phase"] == "Running" and _holds(pod, gpu)]


def _crashed(pod: PodSummary) -> bool:
    return any(
        item["last_reason"] in ("Error", "OOMKilled") or item["reason"] == "CrashLoopBackOff"
        for item in pod["containers"]
    )


def _lately(obs: Observations, pod: PodSummary) -> bool:
    ends = [moment(pod["finished_at"]), *(moment(item["last_finished_at"]) for item in pod["containers"])]
    known = [end for end in ends if end is not None]
    return not known or any(anchor(obs) - end < SAME_DAY for end in known)


def _holds(pod: PodSummary, gpu: GpuRef | None) -> bool:
    devices = pod.get("gpu_devices")
    if gpu is None or not devices:
        return True
    return gpu.uuid in devices or str(gpu.index) in devices


@predicate(_PODS)
def work_running(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """GPU pods run on the node."""
    if obs.workloads is None:
        return UNKNOWN
    if obs.workloads.data["running"] > 0:
        return yes(f"GPU pods running on the node: {obs.workloads.data['running']}", obs.workloads.figure("running"))
    return no("no GPU pod runs on the node", obs.workloads.figure("running"), absence=False)


@predicate(_PODS)
def pod_failed(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A GPU pod of the node failed around the trigger."""
    if obs.workloads is None:
        return UNKNOWN
    found = failed_pods(obs, gpu)
    if not found:
        return no("no GPU pod of the node failed", obs.workloads.whole())
    path, pod = found[0]
    detail = f"pod {pod['namespace']}/{pod['name']} failed{f' ({_why(pod)})' if _why(pod) else ''}"
    return yes(detail, obs.workloads.figure(f"{path}.name"), obs.workloads.figure(f"{path}.phase"))


def _why(pod: PodSummary) -> str:
    for item in pod["containers"]:
        code = item["exit_code"] if item["exit_code"] is not None else item["last_exit_code"]
        if code:
            return f"{item['reason'] or item['last_reason'] or 'exit'}, exit code {code}"
    return pod["reason"]


@predicate(_PODS)
def others_run_on(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Some pods failed while other workloads of the node go on."""
    if obs.workloads is None:
        return UNKNOWN
    failed, alive = failed_pods(obs), running_pods(obs)
    if not failed or not alive:
        return no()
    detail = f"GPU pods that failed: {len(failed)}; that go on: {len(alive)}"
    return yes(detail, obs.workloads.figure("running"), obs.workloads.figure("failed"))


@predicate(_PODS)
def several_owners_failed(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Pods of several different workloads failed on this GPU or node: who repeats is not the job."""
    if obs.workloads is None:
        return UNKNOWN
    owners = {f"{pod['namespace']}/{pod['owner'] or pod['name']}" for _, pod in failed_pods(obs, gpu)}
    if len(owners) < 2:
        return no()
    paths = [path for path, _ in failed_pods(obs, gpu)][:3]
    cites = [obs.workloads.figure(f"{path}.name") for path in paths]
    return yes(f"pods of {len(owners)} different workloads failed here: {', '.join(sorted(owners)[:4])}", *cites)


@predicate(_PODS)
def one_owner_failed(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """All pods that failed belong to a single workload."""
    found = failed_pods(obs, gpu)
    if obs.workloads is None:
        return UNKNOWN
    owners = {pod["owner"] or pod["name"] for _, pod in found}
    if len(owners) != 1:
        return no()
    return yes(f"only pods of {owners.pop()} failed", obs.workloads.figure(f"{found[0][0]}.name"))


def _container(obs: Observations, test: str) -> tuple[str, PodSummary, ContainerSummary] | None:
    for place, pod in enumerate(obs.workloads.data["pods"] if obs.workloads else []):
        if not _lately(obs, pod):
            continue
        for number, item in enumerate(pod["containers"]):
            if test in (item["reason"], item["last_reason"]):
                return f"pods[{place}].containers[{number}]", pod, item
    return None


@predicate(_PODS)
def oom_killed(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A container was killed for exceeding its memory limit."""
    if obs.workloads is None:
        return UNKNOWN
    found = _container(obs, "OOMKilled")
    if found is None:
        return no()
    path, pod, item = found
    field = "reason" if item["reason"] == "OOMKilled" else "last_reason"
    return yes(
        f"a container of {pod['namespace']}/{pod['name']} was OOMKilled", obs.workloads.figure(f"{path}.{field}")
    )


@predicate(_PODS)
def evicted(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A pod was evicted."""
    for place, pod in enumerate(obs.workloads.data["pods"] if obs.workloads else []):
        if pod["reason"] == "Evicted" and obs.workloads:
            detail = f"pod {pod['namespace']}/{pod['name']} was evicted: {pod['message'][:120]}"
            return yes(detail, obs.workloads.figure(f"pods[{place}].reason"))
    return UNKNOWN if obs.workloads is None else no()


@predicate(_PODS)
def crash_looping(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A GPU pod restarts over and over."""
    for place, pod in enumerate(obs.workloads.data["pods"] if obs.workloads else []):
        for number, item in enumerate(pod["containers"]):
            if (item["restarts"] >= 4 or item["reason"] == "CrashLoopBackOff") and obs.workloads:
                detail = f"pod {pod['namespace']}/{pod['name']} restarted {item['restarts']} times"
                return yes(detail, obs.workloads.figure(f"pods[{place}].containers[{number}].restarts"))
    return UNKNOWN if obs.workloads is None else no()


@predicate(_PODS)
def pods_wait_for_gpus(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Pods of the cluster wait for a GPU."""
    if obs.workloads is None:
        return UNKNOWN
    waiting = obs.workloads.data["pending_gpu_pods"]
    if not waiting:
        return no()
    detail = f"{len(waiting)} pods wait for a GPU: {waiting[0]['message'][:140]}"
    return yes(detail, obs.workloads.figure("pending_gpu_pods[0].name"))


@predicate(_PODS)
def admission_failed(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A pod was refused on the node because a GPU it was promised is not there."""
    for place, pod in enumerate(obs.workloads.data["pods"] if obs.workloads else []):
        if pod["reason"] == "UnexpectedAdmissionError" and obs.workloads:
            return yes("a pod was refused: devices unavailable", obs.workloads.figure(f"pods[{place}].reason"))
    return UNKNOWN if obs.workloads is None else no()


@predicate(_PODS, "topology")
def follows_workload(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """One workload of this node also has pods on the other nodes that show the same condition: it follows the job."""
    if obs.workloads is None or obs.topology is None:
        return UNKNOWN
    sick = _nodes_with_trigger(obs)
    for place, group in enumerate(obs.workloads.data["groups"]):
        shared = (sick & set(group["nodes"])) - {obs.node}
        if len(shared) >= 1 and len(shared) * 2 >= len(sick - {obs.node}):
            detail = (
                f"{len(shared) + 1} of the nodes with this condition run pods of {group['namespace']}/{group['owner']}"
            )
            return yes(detail, obs.workloads.figure(f"groups[{place}].nodes"), strength=1.0 if len(shared) > 1 else 0.6)
    return no()


def _nodes_with_trigger(obs: Observations) -> set[str]:
    if obs.topology is None:
        return set()
    named = [set(item["nodes"]) for item in obs.topology.data["by_condition"] if item["type"] == obs.trigger.kind]
    if named:
        return named[0]
    return {peer["node"] for group in obs.topology.data["groups"] for peer in group["with_problems"]}


@predicate(_PODS)
def gang(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A workload of this node spans several nodes."""
    for place, group in enumerate(obs.workloads.data["groups"] if obs.workloads else []):
        if len(group["nodes"]) > 1 and obs.workloads:
            detail = f"{group['namespace']}/{group['owner']} spans {len(group['nodes'])} nodes"
            return yes(detail, obs.workloads.figure(f"groups[{place}].pods_total"))
    return UNKNOWN if obs.workloads is None else no()
