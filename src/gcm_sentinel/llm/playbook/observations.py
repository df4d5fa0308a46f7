"""Typed access over the evidence of one transcript: what the findings read.

The newest usable evidence of each kind is picked once (`observe`), whatever order it was gathered in, so that a turn
depends on what is known and not on how it came. Evidence of status `error` or `unavailable` is never read as a fact:
it is listed in `failures`, so that findings over it stay unknown and the verdict can say what could not be checked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

from gcm_sentinel.domain.assessment import Citation
from gcm_sentinel.domain.entity import EntityKind
from gcm_sentinel.domain.evidence import DESK, Evidence, ResultStatus
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.summaries import (
    AlertsSummary,
    AuditProofSummary,
    AuditQuerySummary,
    AuditVerificationSummary,
    DaemonSetsSummary,
    ExporterSummary,
    GcmHealthSummary,
    GpuMetricsSummary,
    HistorySummary,
    KernelLogSummary,
    NodeEventsSummary,
    NodeInfoSummary,
    PodLogsSummary,
    ProbeGpuSummary,
    PrometheusSummary,
    SentinelComparisonSummary,
    SentinelGpuHealthSummary,
    SentinelHistorySummary,
    SentinelTrustSummary,
    ServiceLogSummary,
    TopologySummary,
    WorkloadInfoSummary,
)
from gcm_sentinel.domain.trigger import Incident, Trigger
from gcm_sentinel.llm.playbook.identity import GpuRef, from_labels, join
from gcm_sentinel.llm.playbook.malformed import safely

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """One piece of evidence with its summary typed."""

    evidence: Evidence
    data: T

    @property
    def id(self) -> str:
        """Evidence id."""
        return self.evidence.id

    @property
    def empty(self) -> bool:
        """The source answered and had nothing."""
        return self.evidence.result.status is ResultStatus.NO_DATA

    def figure(self, path: str) -> Citation:
        """A citation ``path = value`` of the summary; the value is read from it, so it cannot be wrong."""
        return Citation(self.id, f"{path} = {_written(self.evidence.result.summary, path)}")

    def words(self, text: str) -> Citation:
        """A citation of words that stand in the evidence."""
        return Citation(self.id, text)

    def whole(self) -> Citation:
        """A citation without a quote: for statements that something was looked for and is not there."""
        return Citation(self.id, "")


@dataclass(frozen=True, slots=True)
class Failure:
    """A question that was asked and not answered."""

    tool: str
    arguments: Mapping[str, Json]
    status: str
    note: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Observations:
    """Everything known about one incident, picked and typed."""

    incident: Incident
    now: datetime
    """When the newest evidence was observed; the incident's opening before there is any."""
    info: Seen[NodeInfoSummary] | None = None
    events: Seen[NodeEventsSummary] | None = None
    workloads: Seen[WorkloadInfoSummary] | None = None
    daemonsets: Seen[DaemonSetsSummary] | None = None
    topology: Seen[TopologySummary] | None = None
    alerts: Seen[AlertsSummary] | None = None
    health: Seen[GcmHealthSummary] | None = None
    metrics: Seen[GpuMetricsSummary] | None = None
    dcgm: Seen[ExporterSummary] | None = None
    node_exporter: Seen[ExporterSummary] | None = None
    infiniband: Seen[ExporterSummary] | None = None
    kernel: Seen[KernelLogSummary] | None = None
    peers: tuple[Seen[KernelLogSummary], ...] = ()
    """Kernel logs of other nodes, read to compare."""
    services: tuple[Seen[ServiceLogSummary], ...] = ()
    logs: tuple[Seen[PodLogsSummary], ...] = ()
    queries: tuple[Seen[PrometheusSummary], ...] = ()
    history: tuple[Seen[HistorySummary], ...] = ()
    """Earlier incidents of the node and of its GPUs; the newest answer first."""
    sdc: Seen[SentinelGpuHealthSummary] | None = None
    sdc_fleet: Seen[SentinelComparisonSummary] | None = None
    sdc_trust: Seen[SentinelTrustSummary] | None = None
    sdc_past: tuple[Seen[SentinelHistorySummary], ...] = ()
    """Histories of single GPUs, the newest answer first."""
    ledger: tuple[Seen[AuditQuerySummary], ...] = ()
    """Answers of the audit ledger, each about other entries."""
    ledger_check: Seen[AuditVerificationSummary] | None = None
    ledger_proofs: tuple[Seen[AuditProofSummary], ...] = ()
    probed: tuple[Seen[ProbeGpuSummary], ...] = ()
    """Probes that nodes were asked for, the newest answer first."""
    failures: tuple[Failure, ...] = ()
    gpus: tuple[GpuRef, ...] = ()
    """Every GPU of the node that labels or kernel records name, joined."""
    all: tuple[Evidence, ...] = ()
    memo: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What several findings read of the summaries, worked out once; a changed copy begins with none."""

    @property
    def node(self) -> str:
        """The node under investigation."""
        return self.incident.node

    @property
    def trigger(self) -> Trigger:
        """The trigger that opened the incident."""
        return self.incident.lead

    def service(self, unit: str) -> Seen[ServiceLogSummary] | None:
        """The log of one systemd unit, if it was read."""
        return next((seen for seen in self.services if seen.data["unit"].removesuffix(".service") == unit), None)

    def query(self, name: str) -> Seen[PrometheusSummary] | None:
        """The answer to the Prometheus question whose expression holds `name`, if it was asked."""
        return next((seen for seen in self.queries if name in _text(seen.evidence.arguments.get("query"))), None)


_BY_TOOL = {
    "get_node_info": "info",
    "get_node_events": "events",
    "get_workload_info": "workloads",
    "get_daemonsets": "daemonsets",
    "get_topology": "topology",
    "query_alertmanager": "alerts",
    "get_gcm_health": "health",
    "compare_gpu_metrics": "metrics",
    "query_dcgm_direct": "dcgm",
    "query_node_exporter_direct": "node_exporter",
    "query_infiniband_direct": "infiniband",
    "read_kernel_log": "kernel",
    "get_sentinel_gpu_health": "sdc",
    "compare_sentinel_gpus": "sdc_fleet",
    "get_sentinel_trust_graph": "sdc_trust",
    "verify_audit_ledger": "ledger_check",
}
_MANY = {
    "read_service_log": "services",
    "get_pod_logs": "logs",
    "get_workload_logs": "logs",
    "query_prometheus": "queries",
    "get_incident_history": "history",
    "get_sentinel_history": "sdc_past",
    "query_audit_ledger": "ledger",
    "prove_audit_entry": "ledger_proofs",
    "probe_gpu": "probed",
}


def observe(incident: Incident, evidence: tuple[Evidence, ...]) -> Observations:
    """What `evidence` shows, the same for every order it comes in."""
    observed = (item for item in evidence if item.source != DESK)
    ordered = sorted(observed, key=lambda item: (item.observed_at, _number(item.id)))
    now = max((item.observed_at for item in ordered), default=incident.opened_at)
    single: dict[str, Any] = {}
    many: dict[str, list[Any]] = {name: [] for name in (*_MANY.values(), "peers")}
    for item in ordered:
        if not item.result.status.observed or not item.result.summary:
            continue
        seen_item: Seen[Any] = Seen(item, cast(Any, item.result.summary))
        if not _about(item, incident.node):
            many["peers"].extend([seen_item] if item.tool == "read_kernel_log" else [])
        elif item.tool in _BY_TOOL:
            single[_BY_TOOL[item.tool]] = seen_item
        elif item.tool in _MANY:
            many[_MANY[item.tool]].append(seen_item)
    failures = tuple(_failure(item) for item in ordered if not item.result.status.observed)
    fixed: dict[str, Any] = {name: tuple(reversed(found)) for name, found in many.items()}
    seen = Observations(incident, now, failures=failures, all=tuple(ordered), **single, **fixed)
    return replace(seen, gpus=safely(lambda: _gpus(seen), (), "gpus"))


_GPU_RECORDS = frozenset({"off_bus_banner", "rm_init_failed", "gsp_rate_limit", "recovery_action"})


def _gpus(seen: Observations) -> tuple[GpuRef, ...]:
    """Labels first (metrics, then the exporter read directly), then addresses that only the kernel names."""
    known = from_labels(seen.node, seen.metrics.data["gpus"]) if seen.metrics else ()
    for ref in from_labels(seen.node, seen.dcgm.data.get("gpus", [])) if seen.dcgm else ():
        known = known if any(ref.index == other.index for other in known) else (*known, ref)
    known = _with_probed(seen, known)
    if not seen.kernel:
        return known
    records = [item["device"] for item in seen.kernel.data["records"] if item["kind"] in _GPU_RECORDS]
    addresses = [*(item["pci"] for item in seen.kernel.data["xids"]), *records]
    joined = join(known, addresses, seen.kernel.evidence.result.raw, gpu_count(seen))
    return tuple(_named(replace(ref, node=seen.node), seen) for ref in joined)


def _with_probed(seen: Observations, known: tuple[GpuRef, ...]) -> tuple[GpuRef, ...]:
    """`known` and the GPUs of the node that only SENTINEL names: a probe agent needs no exporter."""
    told = [item for item in (seen.sdc.data["gpus"] if seen.sdc else []) if item["node"] == seen.node]
    places, uuids = {ref.index for ref in known}, {ref.uuid for ref in known}
    strangers = [item for item in told if item["uuid"] not in uuids and item["index"] not in places - {None}]
    return (*known, *(GpuRef(seen.node, item["index"], item["uuid"]) for item in strangers))


def _named(ref: GpuRef, seen: Observations) -> GpuRef:
    """`ref` with the UUID and serial that some source told for its address (the driver prints them at boot)."""
    if not ref.pci or (ref.uuid and ref.serial):
        return ref
    told = [entity for item in seen.all for entity in item.result.entities if entity.kind is EntityKind.GPU]
    here = [entity for entity in told if entity.pci and ref.at(entity.pci) and entity.node == seen.node]
    uuid = ref.uuid or next((entity.uuid for entity in here if entity.uuid), None)
    same = [entity for entity in here if entity.serial and (uuid is None or entity.uuid in (None, uuid))]
    return replace(ref, uuid=uuid, serial=ref.serial or (same[0].serial if same else None))


def gpu_count(seen: Observations) -> int | None:
    """How many GPUs the node should have: its capacity, else its own label."""
    if not seen.info:
        return None
    capacity = [item["capacity"] for item in seen.info.data["gpus"] if item["resource"].endswith("/gpu")]
    label = seen.info.data["labels"].get("nvidia.com/gpu.count", "")
    return max([*capacity, int(label) if label.isdigit() else 0], default=0) or None


def _about(item: Evidence, node: str) -> bool:
    """Whether the evidence speaks of the investigated node (exactly, never by prefix) or of no node in particular."""
    named = item.result.summary.get("node", item.result.summary.get("name"))
    return named is None or item.tool in ("query_prometheus",) or named == node


def _failure(item: Evidence) -> Failure:
    return Failure(item.tool, item.arguments, str(item.result.status), item.result.note, item.id)


def _number(evidence_id: str) -> int:
    digits = evidence_id.lstrip("E")
    return int(digits) if digits.isdigit() else 0


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _written(summary: Json, path: str) -> str:
    value: Any = summary
    for step in path.replace("]", "").replace("[", ".").split("."):
        value = value[int(step)] if isinstance(value, list | tuple) else value[step]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@lru_cache(maxsize=4096)
def moment(text: str | None) -> datetime | None:
    """An ISO-8601 time of a summary as a value; None for an absent or unreadable one."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
