"""Three publications as the engine makes them: a GPU off the bus, a stale condition, and one full of hostile text."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import (
    Assessment,
    CausalStep,
    Citation,
    Claim,
    Draft,
    Outcome,
    RecommendedAction,
    RuledOut,
    Severity,
    Spend,
    StruckClaim,
)
from gcm_sentinel.domain.entity import Entity, EntityKind, gpu, node
from gcm_sentinel.domain.evidence import Evidence, ResultStatus, TimeRange, ToolResult, digest
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus

NODE = "gpu-r03-n05"
UUIDS = [f"GPU-5ad3c{index:03x}-77b2-41aa-9c10-8d2f6b1e{index:04x}" for index in range(8)]
OPENED = datetime(2026, 11, 20, 3, 12, 44, tzinfo=UTC)
XID_AT = OPENED - timedelta(seconds=196)
PCI = "0000:17:00"
MESSAGE = (
    '[{"node": "gpu-r03-n05", "health_check": "xid errors", "result": 2, "_msg": "XID error: 79, XID causes: Bus Err'
)

SAMPLES = Path(__file__).parent / "samples"
KERNEL = (SAMPLES / "kernel.txt").read_text()


def iso(at: datetime) -> str:
    return at.isoformat()


class Findings:
    """Numbers evidence as the engine does."""

    def __init__(self) -> None:
        self.items: list[Evidence] = []

    def add(self, source: str, tool: str, result: ToolResult, **arguments: Any) -> None:
        number = len(self.items) + 1
        self.items.append(
            Evidence(
                id=f"E{number}",
                source=source,
                tool=tool,
                arguments=arguments,
                result=result,
                observed_at=OPENED + timedelta(seconds=number),
                digest=digest(source, tool, arguments, result),
            )
        )


def matrix(values: Callable[[int, float], float | None], metric: str, *, minutes: int = 60) -> dict[str, Any]:
    """A Prometheus matrix with one series per GPU; None ends a series."""
    start = OPENED - timedelta(minutes=minutes)
    result = []
    for index in range(8):
        points = []
        for step in range(minutes * 2 + 1):
            at = start + timedelta(seconds=30 * step)
            value = values(index, (at - XID_AT).total_seconds())
            if value is not None:
                points.append([at.timestamp(), f"{value:g}"])
        labels = {"__name__": metric, "Hostname": NODE, "gpu": str(index), "UUID": UUIDS[index]}
        result.append({"metric": labels, "values": points})
    return {"resultType": "matrix", "result": result}


def _replays(index: int, since_s: float) -> float | None:
    if index != 1:
        return 3.0
    return None if since_s > 0 else round(2 + 2898 * max(0.0, 1 + since_s / 360) ** 2)


def _until_lost(level: float, swing: float) -> Callable[[int, float], float | None]:
    def value(index: int, since_s: float) -> float | None:
        if index == 1 and since_s > 0:
            return None
        return round(level + index * 0.7 + swing * math.sin(since_s / 140 + index), 1)

    return value


def gpu_metrics() -> tuple[dict[str, Any], dict[str, Any]]:
    """Raw text and typed summary of `compare_gpu_metrics`."""
    kinds: dict[str, tuple[str, Callable[[int, float], float | None]]] = {
        "DCGM_FI_DEV_PCIE_REPLAY_COUNTER": ("count", _replays),
        "DCGM_FI_DEV_POWER_USAGE": ("W", _until_lost(640, 45)),
        "DCGM_FI_DEV_GPU_TEMP": ("°C", _until_lost(66, 2)),
        "DCGM_FI_DEV_ROW_REMAP_FAILURE": ("count", lambda index, since_s: 0.0),
        "DCGM_FI_DEV_SM_CLOCK": ("MHz", lambda index, since_s: 1755.0 + index),
        "DCGM_FI_DEV_FB_USED": ("MiB", lambda index, since_s: 132000.0 + 40 * index + 20 * math.sin(since_s / 60)),
    }
    raw = {name: matrix(values, name) for name, (_, values) in kinds.items()}
    lost = {"last_at": iso(XID_AT - timedelta(seconds=14))}
    summary = [
        {
            "metric": name,
            "present": True,
            "unit": unit,
            "by_gpu": {"1": lost},
            "outliers": [{"index": 1, "value": 2900, "peers_median": 3, "deviation": 900.0}]
            if "REPLAY" in name
            else [],
            "missing": [],
            "ended": [1] if kinds[name][1](1, 60.0) is None else [],
        }
        for name, (unit, _) in kinds.items()
    ]
    return raw, {"node": NODE, "window_s": 3600, "metrics": summary, "exporter_up": True, "exporter_down_since": None}


def kernel_summary() -> dict[str, Any]:
    return json.loads((SAMPLES / "kernel_summary.json").read_text())  # type: ignore[no-any-return]


def conditions() -> list[dict[str, Any]]:
    return [
        {
            "type": "GcmXidErrorsProblem",
            "status": "True",
            "state": "problem",
            "reason": "GcmXidErrorsCheckFailed",
            "last_transition_at": iso(OPENED - timedelta(seconds=2)),
        },
        {
            "type": "GcmProcZombieProblem",
            "status": "True",
            "state": "problem",
            "reason": "GcmProcZombieCheckFailed",
            "last_transition_at": iso(OPENED - timedelta(days=11)),
        },
        {"type": "Ready", "status": "True", "state": "ok", "last_transition_at": iso(OPENED - timedelta(days=19))},
    ]


def off_bus_evidence() -> list[Evidence]:
    found = Findings()
    hour = TimeRange(OPENED - timedelta(hours=1), OPENED)
    at = XID_AT
    info: dict[str, Any] = {"name": NODE, "unschedulable": False, "conditions": conditions(), "maintenance": []}
    found.add(
        "kubernetes",
        "get_node_info",
        ToolResult(ResultStatus.OK, f"GET /api/v1/nodes/{NODE}", info, json.dumps(info), entities=(node(NODE),)),
        node_name=NODE,
    )
    found.add(
        "kernel_log",
        "read_kernel_log",
        ToolResult(ResultStatus.OK, f"GET /api/v1/nodes/{NODE}/proxy/logs/kern.log", kernel_summary(), KERNEL, hour),
        node_name=NODE,
        since="1h",
    )
    raw, summary = gpu_metrics()
    found.add(
        "prometheus",
        "compare_gpu_metrics",
        ToolResult(
            ResultStatus.OK, f'{{__name__=~"DCGM_FI_DEV_.*", Hostname="{NODE}"}}[1h]', summary, json.dumps(raw), hour
        ),
        node_name=NODE,
    )
    log = [
        {
            "kind": "cuda_launch_failure",
            "count": 2,
            "first_at": iso(at + timedelta(seconds=2)),
            "example": "CUDA error",
        },
        {"kind": "nccl_timeout", "count": 6, "first_at": iso(at + timedelta(seconds=95))},
    ]
    text = "[rank1]: RuntimeError: CUDA error: unspecified launch failure\n[rank0]: Watchdog caught collective timeout"
    logs: dict[str, Any] = {
        "node": NODE,
        "logs": [{"pod": "llm-pretrain-7-worker-0", "container": "train", "patterns": log}],
    }
    found.add(
        "workloads",
        "get_workload_logs",
        ToolResult(ResultStatus.OK, "GET …/pods/llm-pretrain-7-worker-0/log", logs, text),
    )
    query = f'rate(node_pcie_aer_total{{node="{NODE}"}}[5m])'
    found.add(
        "prometheus",
        "query_prometheus",
        ToolResult(ResultStatus.NO_DATA, query, {"result_type": "matrix", "series": [], "series_total": 0}, "", hour),
        query=query,
    )
    alerts: list[dict[str, Any]] = [
        {
            "name": "GpuCountMismatch",
            "state": "active",
            "severity": "page",
            "starts_at": iso(at + timedelta(seconds=75)),
        }
    ]
    found.add(
        "alertmanager",
        "query_alertmanager",
        ToolResult(ResultStatus.OK, "GET /api/v2/alerts", {"node": NODE, "alerts": alerts}, json.dumps(alerts)),
        node_name=NODE,
    )
    found.add(
        "node_exporter",
        "query_infiniband_direct",
        ToolResult(ResultStatus.UNAVAILABLE, "", note="no node-exporter pod on this node; set sources.node_exporter"),
    )
    found.add(
        "gcm_health",
        "get_gcm_health",
        ToolResult(
            ResultStatus.ERROR, f"GET http://10.4.1.9:20257/metrics ({NODE})", note="no whole answer within 10 s"
        ),
    )
    return found.items


def trigger(kind: str, message: str) -> Trigger:
    return Trigger(
        source="kubernetes",
        node=NODE,
        kind=kind,
        status=TriggerStatus.PROBLEM,
        reason=f"{kind.removesuffix('Problem')}CheckFailed",
        message=message,
        observed_at=OPENED,
        transition_at=OPENED - timedelta(seconds=2),
        node_uid="66cedd99-0823-46bf-a36d-5db3fa6f28cd",
    )


def publication_of(draft: Draft, evidence: list[Evidence], **assessed: Any) -> Publication:
    incident = Incident(
        assessed.pop("incident_id", "inc-20261120-0007"), (trigger("GcmXidErrorsProblem", MESSAGE),), OPENED
    )
    known: dict[str, Any] = {
        "outcome": Outcome.CONCLUDED,
        "struck": (),
        "engine": "playbook",
        "model": "playbook",
        "created_at": OPENED + timedelta(seconds=41),
        **assessed,
    }
    assessment = Assessment(incident_id=incident.id, node=NODE, condition="GcmXidErrorsProblem", draft=draft, **known)
    return Publication(incident, assessment, tuple(evidence))


@pytest.fixture
def off_bus() -> Publication:
    """GPU 1 fell off the bus: many sources, some of them silent, one claim struck."""
    culprit = gpu(NODE, index=1, pci=PCI)
    home = node(NODE)
    xid = Citation("E2", "NVRM: Xid (PCI:0000:17:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.")
    draft = Draft(
        severity=Severity.CRITICAL,
        fault_class=FaultClass.GPU_OFF_BUS,
        summary="GPU 1 no longer answers on PCIe after 40 seconds of link errors; the other seven GPUs are well.",
        root_cause="The PCIe path of GPU 1 (slot, riser, board) failed: corrected errors, a fatal one, then Xid 79.",
        confidence=0.92,
        entities=(culprit,),
        causal_chain=(
            CausalStep("The PCIe link of GPU 1 degrades: 40 corrected errors in 40 seconds", ("E2", "E3")),
            CausalStep("A fatal uncorrected error takes the link down; the GPU falls off the bus (Xid 79)", ("E2",)),
            CausalStep(
                "The job on it fails with a CUDA error, its gang waits in NCCL until the watchdog ends it", ("E4",)
            ),
        ),
        actions=(
            RecommendedAction(Action.CAPTURE_EVIDENCE, home, "a power cycle wipes the kernel log and the AER counters"),
            RecommendedAction(Action.CORDON, home, "no new pods while one GPU is missing"),
            RecommendedAction(Action.DRAIN, home, "seven GPUs still run work; let its PodDisruptionBudgets decide"),
            RecommendedAction(Action.POWER_CYCLE, home, "a reboot does not reset the bus, a lost GPU cannot be reset"),
            RecommendedAction(Action.PROBE_DEEP, culprit, "before it returns to service; RMA if it falls off again"),
        ),
        claims=(
            Claim(
                "Xid 79 on 0000:17:00 is the first Xid of the burst", (xid, Citation("E2", "bursts[0].lead_xid = 79"))
            ),
            Claim(
                "A fatal AER error preceded it by one second",
                (Citation("E2", "AER: Uncorrected (Fatal) error received"),),
            ),
            Claim(
                "GPU 1's replay counter rose to 2900, its peers' did not",
                (Citation("E3", "metrics[0].outliers[0].value = 2900"),),
            ),
            Claim(
                "No throughput problem of the PCIe exporter was recorded",
                (Citation("E5", "series_total = 0"),),
                absence=True,
            ),
        ),
        ruled_out=(
            RuledOut(FaultClass.GSP_HANG, "no Xid 119 or 120 anywhere in the boot"),
            RuledOut(FaultClass.POWER_SUPPLY, "one GPU only; no Xid 54, no power brake on the siblings"),
        ),
        not_checked=("BMC event log: no source for it, so a slot power fault cannot be told from a link fault.",),
    )
    struck = StruckClaim(
        Claim("GPU 3 shows the same errors", (Citation("E2", "Xid (PCI:0000:3b:00): 79"),)),
        "the quote does not stand in E2",
    )
    spend = Spend(
        rounds=6,
        tool_calls=8,
        input_tokens=31840,
        cached_tokens=25100,
        output_tokens=2210,
        wall_s=38.4,
        cost_usd=0.0714,
    )
    return publication_of(
        draft,
        off_bus_evidence(),
        struck=(struck,),
        engine="anthropic",
        model="claude-sonnet-5-5",
        spend=spend,
        notes=("One claim was struck; confidence lowered from 0.95 to 0.92.",),
    )


@pytest.fixture
def stale() -> Publication:
    """Nothing is wrong any more; found without a model and at no cost."""
    found = Findings()
    info: dict[str, Any] = {"name": NODE, "conditions": conditions()}
    found.add(
        "kubernetes", "get_node_info", ToolResult(ResultStatus.OK, f"GET /api/v1/nodes/{NODE}", info, json.dumps(info))
    )
    draft = Draft(
        severity=Severity.INFO,
        fault_class=FaultClass.STALE_CONDITION,
        summary="The condition still shows a fault of the boot before this one.",
        root_cause="GcmXidErrorsProblem does not clear itself while the kernel log holds the old line.",
        confidence=0.81,
        actions=(RecommendedAction(Action.CLEAR_CONDITION, node(NODE), "it is older than the present boot"),),
        claims=(Claim("The condition is old", (Citation("E1", '"last_transition_at": '),)),),
    )
    return publication_of(draft, found.items, incident_id="inc-stale", spend=Spend(rounds=3, tool_calls=1, wall_s=0.4))


ATTACK = """"><script>alert('x')</script><img src=x onerror=alert(1)>'"{{ 7*7 }}{% raw %}</style></details>"""
TRICK = "\x1b[2J\x00safe \u202egnihtyreve\u202c \u200b]]>"


@pytest.fixture
def hostile() -> Publication:
    """Every text field an attacker or a confused model could fill is filled with markup and control characters."""
    bad = ATTACK + TRICK
    found = Findings()
    series = {
        "metric": {"gpu": bad, "node": bad, bad: bad},
        "values": [[OPENED.timestamp() - 60, "1"], [OPENED.timestamp(), "2"]],
    }
    summary: dict[str, Any] = {
        "events": [{"reason": bad, "message": bad, "first_at": iso(OPENED), "count": 3}],
        "alerts": [{"name": bad, "severity": bad, "starts_at": iso(OPENED)}],
        bad: bad,
    }
    raw = json.dumps({"resultType": "matrix", "result": [series]})
    found.add(bad, bad, ToolResult(ResultStatus.OK, bad, summary, raw, note=bad), **{bad: bad})
    found.add("logs", "get_pod_logs", ToolResult(ResultStatus.OK, bad, {}, f"line one\n{bad}\nline three"))
    entity = Entity(EntityKind.POD, bad, node=bad)
    draft = Draft(
        severity=Severity.WARNING,
        fault_class=FaultClass.INCONCLUSIVE,
        summary=bad,
        root_cause=bad,
        confidence=0.31,
        entities=(entity,),
        causal_chain=(CausalStep(bad, (bad, "E2")),),
        actions=(RecommendedAction(Action.ESCALATE, entity, bad),),
        claims=(Claim(bad, (Citation("E2", bad), Citation(bad, bad))),),
        ruled_out=(RuledOut(FaultClass.HEALTHY, bad),),
        not_checked=(bad,),
    )
    return publication_of(
        draft,
        found.items,
        incident_id=bad,
        outcome=Outcome.INCONCLUSIVE,
        struck=(StruckClaim(Claim(bad, (Citation("E1", bad),)), bad),),
        engine=bad,
        model=bad,
        notes=(bad,),
        spend=Spend(cost_usd=None),
    )
