"""Reading an exporter on a node itself: which pod it is, where it listens, what it serves at this moment.

The pod is found by its labels, never by a part of its name (a host engine or another job may be called alike), on
exactly this node. Used by the `dcgm` and `node_exporter` sources.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gcm_sentinel.clients.http import HttpClient
from gcm_sentinel.clients.kubernetes import KubeObject, KubernetesClient
from gcm_sentinel.datasources.exposition import Exposition, Sample, parse_exposition
from gcm_sentinel.datasources.tool_calls import failed, of_error, within
from gcm_sentinel.domain.errors import Forbidden, SentinelError
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.protocols import Availability
from gcm_sentinel.domain.summaries import ExporterMetric

ENABLE_PODS = "It needs RBAC: get and list on pods"


@dataclass(frozen=True, slots=True)
class Exporter:
    """One kind of exporter."""

    what: str
    """As people call it, for messages."""
    selectors: tuple[str, ...]
    """Label selectors, the first that yields a pod wins."""
    port: int
    """Where it listens when its pod does not say."""


@dataclass(frozen=True, slots=True)
class Scrape:
    """What an exporter served."""

    endpoint: str
    page: Exposition
    text: str


async def scrape(
    kubernetes: KubernetesClient, http: HttpClient, exporter: Exporter, node: str, seconds: float
) -> Scrape | ToolResult:
    """The exporter's page, or the result that tells why there is none."""
    query = f"{exporter.what} on {node}"
    try:
        async with within(seconds, f"looking for {exporter.what}"):
            pods = await _pods(kubernetes, exporter, node)
    except SentinelError as error:
        return of_error(query, error, enable=ENABLE_PODS if isinstance(error, Forbidden) else "")
    running = [pod for pod in pods if _runs(pod)]
    if not running:
        return ToolResult(ResultStatus.UNAVAILABLE, query, note=_why_not(exporter, node, pods))
    endpoint = endpoint_of(max(running, key=_standing), exporter.port)
    try:
        async with within(seconds, f"GET {endpoint}"):
            answer = await http.get(endpoint)
    except SentinelError as error:
        return failed(f"GET {endpoint}", f"{exporter.what} of {node} runs but did not answer: {error}")
    return Scrape(endpoint, parse_exposition(answer.text), answer.text)


async def availability(kubernetes: KubernetesClient) -> Availability:
    """Whether pods can be listed, without which no exporter is found."""
    try:
        async with within(4, "listing pods"):
            await kubernetes.get("/api/v1/pods", {"limit": 1})
    except SentinelError as error:
        return Availability(usable=False, reason=str(error), how_to_enable=ENABLE_PODS)
    return Availability(usable=True)


async def _pods(kubernetes: KubernetesClient, exporter: Exporter, node: str) -> list[KubeObject]:
    for selector in exporter.selectors:
        params = {"fieldSelector": f"spec.nodeName={node}", "labelSelector": selector}
        pods, _ = await kubernetes.list("/api/v1/pods", params)
        if pods:
            return pods
    return []


def endpoint_of(pod: KubeObject, port: int) -> str:
    """The metrics address of an exporter pod: its containerPort named ``metrics``, else the usual one."""
    named = {
        str(entry.get("name")): entry.get("containerPort")
        for container in _mapping(pod.get("spec")).get("containers") or ()
        for entry in container.get("ports") or ()
    }
    chosen = next((named[name] for name in ("metrics", "http-metrics") if named.get(name)), port)
    address = str(_status(pod)["podIP"])
    return f"http://{f'[{address}]' if ':' in address else address}:{chosen}/metrics"


def _why_not(exporter: Exporter, node: str, pods: Sequence[KubeObject]) -> str:
    if not pods:
        labels = " or ".join(exporter.selectors)
        return f"no {exporter.what} pod on {node} has the label {labels}: deploy it there, or ask Prometheus instead"
    told = ", ".join(f"{_mapping(pod.get('metadata')).get('name')} is {_state(pod)}" for pod in pods[:3])
    return f"the {exporter.what} pod on {node} does not run: {told}"


def _runs(pod: KubeObject) -> bool:
    status = _status(pod)
    return status.get("phase") == "Running" and bool(status.get("podIP")) and not _waiting(pod)


def _waiting(pod: KubeObject) -> list[str]:
    """Why its containers wait: CrashLoopBackOff, ImagePullBackOff ..."""
    states = [_mapping(entry.get("state")) for entry in _status(pod).get("containerStatuses") or ()]
    return [str(_mapping(state["waiting"]).get("reason") or "waiting") for state in states if state.get("waiting")]


def _state(pod: KubeObject) -> str:
    return ", ".join([str(_status(pod).get("phase") or "of unknown phase"), *_waiting(pod)])


def _standing(pod: KubeObject) -> tuple[bool, bool, bool]:
    """Anybody may give a pod an exporter's labels: one of a DaemonSet, staying, ready, is believed before others."""
    meta = _mapping(pod.get("metadata"))
    kinds = {str(owner.get("kind")) for owner in meta.get("ownerReferences") or ()}
    return "DaemonSet" in kinds, not meta.get("deletionTimestamp"), _is_ready(pod)


def _is_ready(pod: KubeObject) -> bool:
    conditions = _status(pod).get("conditions") or ()
    return any(entry.get("type") == "Ready" and entry.get("status") == "True" for entry in conditions)


def _status(pod: KubeObject) -> Mapping[str, Any]:
    return _mapping(pod.get("status"))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def shown(samples: Sequence[Sample], common: frozenset[str], limit: int) -> list[ExporterMetric]:
    """The first samples for the summary, without the labels that are told once beside them."""
    return [
        ExporterMetric(
            name=sample.name,
            labels={name: value for name, value in sample.labels.items() if name not in common},
            value=sample.value,
        )
        for sample in samples[:limit]
    ]


def holding(samples: Sequence[Sample], word: str) -> list[Sample]:
    """The samples whose name or labels hold `word`, whatever its case."""
    wanted = word.lower()
    return [
        sample
        for sample in samples
        if wanted in sample.name.lower() or any(wanted in f'{k}="{v}"'.lower() for k, v in sample.labels.items())
    ]
