"""The cells of `kubectl get`: one function per kind, in the order of its columns in `table`.

Statuses are derived as k8s.io/kubernetes/pkg/printers does, so that a crash-looping or terminating pod reads the same.
"""

from __future__ import annotations

from typing import Any

from sentinel_fleet.kube.instants import age, human_duration, parse_instant
from sentinel_fleet.kube.jsontypes import JsonObject, condition, dig, objects

Cells = list[Any]

_NONE = "<none>"
_ROLE = "node-role.kubernetes.io/"


def created(obj: JsonObject, now: float) -> str:
    """The age of an object."""
    return age(obj["metadata"].get("creationTimestamp"), now)


def node_cells(node: JsonObject, now: float) -> Cells:
    """A node's row."""
    ready = condition(node, "Ready")
    status = "Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"
    if dig(node, "spec", "unschedulable"):
        status += ",SchedulingDisabled"
    labels = node["metadata"].get("labels") or {}
    roles = sorted(key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE) and key != _ROLE)
    info = dig(node, "status", "nodeInfo") or {}
    addresses = {a.get("type"): a.get("address") for a in objects(dig(node, "status", "addresses"))}
    return [
        node["metadata"]["name"],
        status,
        ",".join(roles) or _NONE,
        created(node, now),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", _NONE),
        addresses.get("ExternalIP", _NONE),
        info.get("osImage", "<unknown>"),
        info.get("kernelVersion", "<unknown>"),
        info.get("containerRuntimeVersion", "<unknown>"),
    ]


def pod_cells(pod: JsonObject, now: float) -> Cells:
    """A pod's row."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    containers = list(objects(status.get("containerStatuses")))
    ready = sum(1 for c in containers if c.get("ready") and dig(c, "state", "running") is not None)
    gates = spec.get("readinessGates")
    return [
        pod["metadata"]["name"],
        f"{ready}/{len(spec.get('containers') or ())}",
        _pod_reason(pod, containers),
        _restarts(containers, now),
        created(pod, now),
        status.get("podIP") or _NONE,
        spec.get("nodeName") or _NONE,
        status.get("nominatedNodeName") or _NONE,
        f"0/{len(gates)}" if gates else _NONE,
    ]


def _pod_reason(pod: JsonObject, containers: list[JsonObject]) -> str:
    phase = str(dig(pod, "status", "phase") or "")
    reason = str(dig(pod, "status", "reason") or phase)
    initializing = _init_reason(pod)
    if initializing:
        reason = initializing
    else:
        for container in reversed(containers):
            reason = _state_reason(container.get("state") or {}) or reason
        running = any(c.get("ready") and dig(c, "state", "running") is not None for c in containers)
        if reason == "Completed" and running:
            is_ready = (condition(pod, "Ready") or {}).get("status") == "True"
            reason = "Running" if is_ready else "NotReady"
    if pod["metadata"].get("deletionTimestamp") and phase not in ("Succeeded", "Failed"):
        return "Unknown" if dig(pod, "status", "reason") == "NodeLost" else "Terminating"
    return reason


def _init_reason(pod: JsonObject) -> str:
    """`Init:...` while an init container keeps the pod from starting; empty otherwise."""
    statuses = list(objects(dig(pod, "status", "initContainerStatuses")))
    sidecars = {
        c.get("name") for c in objects(dig(pod, "spec", "initContainers")) if c.get("restartPolicy") == "Always"
    }
    for at, container in enumerate(statuses):
        state = container.get("state") or {}
        if dig(state, "terminated", "exitCode") == 0 or (
            container.get("name") in sidecars and container.get("started")
        ):
            continue
        reason = _state_reason(state)
        if reason and reason != "PodInitializing":
            return f"Init:{reason}"
        return f"Init:{at}/{len(statuses)}"
    return ""


def _state_reason(state: JsonObject) -> str:
    terminated = state.get("terminated")
    if isinstance(terminated, dict):
        if terminated.get("reason"):
            return str(terminated["reason"])
        signal = terminated.get("signal")
        return f"Signal:{signal}" if signal else f"ExitCode:{terminated.get('exitCode')}"
    return str(dig(state, "waiting", "reason") or "")


def _restarts(containers: list[JsonObject], now: float) -> str:
    count = sum(int(c.get("restartCount") or 0) for c in containers)
    ends = (parse_instant(dig(c, "lastState", "terminated", "finishedAt")) for c in containers)
    last = max((end for end in ends if end is not None), default=None)
    return f"{count} ({human_duration(now - last)} ago)" if count and last is not None else str(count)


def event_cells(event: JsonObject, now: float) -> Cells:
    """An event's row."""
    first = event.get("firstTimestamp") or event.get("eventTime")
    last = dig(event, "series", "lastObservedTime") or event.get("lastTimestamp") or first
    count = dig(event, "series", "count") or event.get("count") or 1
    about = event.get("involvedObject") or {}
    kind, name = str(about.get("kind", "")).lower(), about.get("name")
    source = event.get("source") or {}
    component = source.get("component") or event.get("reportingComponent") or ""
    host = source.get("host") or event.get("reportingInstance")
    return [
        age(last, now),
        event.get("type", ""),
        event.get("reason", ""),
        f"{kind}/{name}" if name else kind,
        about.get("fieldPath", ""),
        f"{component}, {host}" if host else component,
        str(event.get("message") or "").strip(),
        age(first, now),
        count,
        event["metadata"]["name"],
    ]


def _template_cells(obj: JsonObject, *path: str) -> Cells:
    containers = list(objects(dig(obj, *path, "spec", "containers")))
    names = ",".join(str(c.get("name", "")) for c in containers)
    return [names, ",".join(str(c.get("image", "")) for c in containers)]


def _selector(obj: JsonObject) -> str:
    labels = dig(obj, "spec", "selector", "matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items())) or _NONE


def daemonset_cells(obj: JsonObject, now: float) -> Cells:
    """A DaemonSet's row."""
    status = obj.get("status") or {}
    counts = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled")
    chosen = dig(obj, "spec", "template", "spec", "nodeSelector") or {}
    return [
        obj["metadata"]["name"],
        *(status.get(name, 0) for name in counts),
        status.get("numberAvailable", 0),
        ",".join(f"{key}={value}" for key, value in sorted(chosen.items())) or _NONE,
        created(obj, now),
        *_template_cells(obj, "spec", "template"),
        _selector(obj),
    ]


def job_cells(job: JsonObject, now: float) -> Cells:
    """A Job's row."""
    status = job.get("status") or {}
    wanted, parallel = dig(job, "spec", "completions"), dig(job, "spec", "parallelism") or 0
    of = str(wanted) if wanted is not None else f"1 of {parallel}" if parallel > 1 else "1"
    start = parse_instant(status.get("startTime"))
    end = parse_instant(status.get("completionTime")) or now
    return [
        job["metadata"]["name"],
        _job_status(job),
        f"{status.get('succeeded', 0)}/{of}",
        "" if start is None else human_duration(end - start),
        created(job, now),
        *_template_cells(job, "spec", "template"),
        _selector(job),
    ]


def _job_status(job: JsonObject) -> str:
    states = {c.get("type") for c in objects(dig(job, "status", "conditions")) if c.get("status") == "True"}
    for state in ("Complete", "Failed"):
        if state in states:
            return state
    if job["metadata"].get("deletionTimestamp"):
        return "Terminating"
    return next((s for s in ("Suspended", "FailureTarget", "SuccessCriteriaMet") if s in states), "Running")


def deployment_cells(obj: JsonObject, now: float) -> Cells:
    """A Deployment's row."""
    status = obj.get("status") or {}
    wanted = dig(obj, "spec", "replicas")
    return [
        obj["metadata"]["name"],
        f"{status.get('readyReplicas', 0)}/{1 if wanted is None else wanted}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        created(obj, now),
        *_template_cells(obj, "spec", "template"),
        _selector(obj),
    ]


def replicaset_cells(obj: JsonObject, now: float) -> Cells:
    """A ReplicaSet's row."""
    status = obj.get("status") or {}
    return [
        obj["metadata"]["name"],
        dig(obj, "spec", "replicas") or 0,
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        created(obj, now),
        *_template_cells(obj, "spec", "template"),
        _selector(obj),
    ]


def statefulset_cells(obj: JsonObject, now: float) -> Cells:
    """A StatefulSet's row."""
    wanted = dig(obj, "spec", "replicas")
    ready = f"{dig(obj, 'status', 'readyReplicas') or 0}/{1 if wanted is None else wanted}"
    return [obj["metadata"]["name"], ready, created(obj, now), *_template_cells(obj, "spec", "template")]


def cronjob_cells(obj: JsonObject, now: float) -> Cells:
    """A CronJob's row."""
    spec, last = obj.get("spec") or {}, dig(obj, "status", "lastScheduleTime")
    return [
        obj["metadata"]["name"],
        spec.get("schedule", ""),
        spec.get("timeZone") or _NONE,
        bool(spec.get("suspend")),
        len(dig(obj, "status", "active") or ()),
        age(last, now) if last else _NONE,
        created(obj, now),
        *_template_cells(obj, "spec", "jobTemplate", "spec", "template"),
        _NONE,
    ]


def service_cells(obj: JsonObject, now: float) -> Cells:
    """A Service's row."""
    spec = obj.get("spec") or {}
    ports = ",".join(f"{p.get('port')}/{p.get('protocol', 'TCP')}" for p in objects(spec.get("ports")))
    chosen = ",".join(f"{key}={value}" for key, value in sorted((spec.get("selector") or {}).items()))
    return [
        obj["metadata"]["name"],
        spec.get("type", "ClusterIP"),
        spec.get("clusterIP") or _NONE,
        ",".join(spec.get("externalIPs") or ()) or _NONE,
        ports or _NONE,
        created(obj, now),
        chosen or _NONE,
    ]


def budget_cells(obj: JsonObject, now: float) -> Cells:
    """A PodDisruptionBudget's row."""
    spec = obj.get("spec") or {}
    return [
        obj["metadata"]["name"],
        str(spec.get("minAvailable", "N/A")),
        str(spec.get("maxUnavailable", "N/A")),
        dig(obj, "status", "disruptionsAllowed") or 0,
        created(obj, now),
    ]


def namespace_cells(obj: JsonObject, now: float) -> Cells:
    """A Namespace's row."""
    return [obj["metadata"]["name"], dig(obj, "status", "phase") or "", created(obj, now)]


def configmap_cells(obj: JsonObject, now: float) -> Cells:
    """A ConfigMap's row."""
    return [obj["metadata"]["name"], len(obj.get("data") or {}) + len(obj.get("binaryData") or {}), created(obj, now)]


def lease_cells(obj: JsonObject, now: float) -> Cells:
    """A Lease's row."""
    return [obj["metadata"]["name"], dig(obj, "spec", "holderIdentity") or "", created(obj, now)]


def pytorchjob_cells(obj: JsonObject, now: float) -> Cells:
    """The row of a kubeflow job: its newest true condition is its state."""
    states = [c.get("type", "") for c in objects(dig(obj, "status", "conditions")) if c.get("status") == "True"]
    return [obj["metadata"]["name"], states[-1] if states else "", created(obj, now)]


def plain_cells(obj: JsonObject, now: float) -> Cells:
    """The row of a kind without columns of its own."""
    return [obj["metadata"]["name"], created(obj, now)]
