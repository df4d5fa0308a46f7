"""Hand-written evidence for the playbook: a healthy eight-GPU node, and words to make it sick."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gcm_sentinel.domain.assessment import Draft
from gcm_sentinel.domain.entity import Entity, EntityKind, gpu
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.evidence import Evidence, ResultStatus, ToolResult, digest
from gcm_sentinel.domain.observed import Observed
from gcm_sentinel.domain.transcript import SUBMIT_TOOL, ModelTurn, ToolReplies, ToolReply, ToolSpec, Transcript
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from gcm_sentinel.engine.claims import Checked, check
from gcm_sentinel.engine.submission import parse
from gcm_sentinel.llm.playbook.hypotheses import shipped
from gcm_sentinel.llm.playbook.model import PlaybookModel
from gcm_sentinel.llm.playbook.observations import Observations, observe

T0 = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BUSES = ("17", "3b", "5d", "7e", "9b", "bb", "cd", "e4")
METRICS: Mapping[str, float] = {
    "DCGM_FI_DEV_GPU_TEMP": 66, "DCGM_FI_DEV_MEMORY_TEMP": 78, "DCGM_FI_DEV_POWER_USAGE": 640,
    "DCGM_FI_DEV_GPU_UTIL": 96, "DCGM_FI_DEV_SM_CLOCK": 1755, "DCGM_FI_DEV_XID_ERRORS": 0,
    "DCGM_FI_DEV_PCIE_REPLAY_COUNTER": 0, "DCGM_FI_DEV_ROW_REMAP_FAILURE": 0, "DCGM_FI_DEV_ROW_REMAP_PENDING": 0,
    "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS": 0, "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS": 0,
    "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": 0, "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL": 0, "DCGM_FI_DEV_PCIE_LINK_GEN": 5,
    "DCGM_FI_DEV_PCIE_LINK_WIDTH": 16, "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS": 0,
    "DCGM_FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN_NS": 0, "DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL": 0,
    "DCGM_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN_NS": 0,
}  # fmt: skip
KINDS = {
    13: "application", 31: "application", 43: "application", 45: "follower", 48: "memory", 61: "hardware",
    62: "hardware", 63: "memory", 64: "memory", 74: "nvlink", 79: "bus", 92: "memory", 94: "memory", 95: "memory",
    106: "test", 107: "test", 14: "test", 109: "application", 119: "driver", 120: "driver", 140: "memory",
    154: "informational", 54: "bus",
}  # fmt: skip


def at(ago: timedelta | float) -> str:
    """A moment so many seconds before the trigger, as summaries write it."""
    gap = ago if isinstance(ago, timedelta) else timedelta(seconds=ago)
    return (T0 - gap).isoformat().replace("+00:00", "Z")


def series(value: float, **changes: Any) -> dict[str, Any]:
    """A series that stays near a value; `changes` override its figures."""
    lively = value not in (0, 1, 5, 8, 16)
    stats = {
        "points": 120, "first": value, "last": value, "minimum": value, "maximum": value, "mean": value, "delta": 0.0,
        "resets": 0, "constant": not lively, "first_at": at(3600), "last_at": at(10), "ended_s_ago": 10.0,
        "changed_at": at(30) if lively else None, "rate_per_min": 0.0, "recent_rate_per_min": 0.0,
    }  # fmt: skip
    return {**stats, **changes}


@dataclass
class Sick:
    """Evidence about one node, tool by tool."""

    node: str = "gpu-r03-n05"
    kind: str = "GpuXid"
    message: str = "something is wrong"
    reason: str = "Bad"
    transition: datetime | None = T0
    answers: dict[str, ToolResult] = field(default_factory=dict)
    gpu_count: int = 8

    def pci(self, index: int) -> str:
        return f"0000:{BUSES[index]}:00"

    def uuid(self, index: int) -> str:
        return f"GPU-{index:08x}-1111-2222-3333-{index:012x}"

    def put(self, tool: str, summary: Mapping[str, Any], raw: str = "", entities: Sequence[Entity] = ()) -> Sick:
        found = (node_entity(self.node), *entities)
        self.answers[tool] = ToolResult(ResultStatus.OK, tool, summary, raw, entities=tuple(found))
        return self

    def fails(self, *tools: str, note: str = "connection refused") -> Sick:
        for tool in tools:
            self.answers[tool] = ToolResult(ResultStatus.UNAVAILABLE, tool, note=note)
        return self

    def kernel(self, *lines: dict[str, Any], boots: Sequence[dict[str, Any]] = (), covers: float = 86400) -> Sick:
        """Records: ``{"xid": 79, "gpu": 1}`` or ``{"kind": "mce", "ago": 40}``; the first of a burst leads."""
        given = [line for line in lines if "xid" in line]
        xids = [self._xid(line, given) for line in given]
        records = [self._record(line) for line in lines if "kind" in line and "xid" not in line]
        raw = "\n".join(item["example"] for item in (*xids, *records))
        return self.put(
            "read_kernel_log",
            {
                "node": self.node, "transport": "kubelet:kern.log", "lines_total": 400, "lines_matched": len(lines),
                "covers_from": at(covers), "covers_to": at(0),
                "boots": list(boots) or [{"number": 0, "started_at": at(covers), "ended_at": None, "clean": None}],
                "xids": xids, "bursts": self._bursts(given), "records": records, "recovery_action": None,
            },
            raw,
            [gpu(self.node, pci=item["pci"]) for item in xids],
        )  # fmt: skip

    def _xid(self, line: dict[str, Any], given: Sequence[dict[str, Any]]) -> dict[str, Any]:
        code, ago = line["xid"], line.get("ago", 60)
        pci = line.get("pci") or self.pci(line.get("gpu", 0))
        pids = line.get("pids", [4242])
        lead = line.get("lead", not any(_leads(other, line) for other in given))
        text = line.get("text", "something happened")
        return {
            "xid": code, "name": f"XID_{code}", "kind": KINDS.get(code, "hardware"), "pci": pci,
            "boot": line.get("boot", 0), "count": line.get("count", 1), "first_at": at(line.get("first", ago)),
            "last_at": at(ago), "burst": 1, "lead": lead and code not in (45, 154), "pids": pids,
            "processes": line.get("processes", ["python3"]), "places": line.get("places", []),
            "example": f"kernel: NVRM: Xid (PCI:{pci}): {code}, pid={pids[0]}, name=python3, {text}",
        }  # fmt: skip

    def _bursts(self, given: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        moments = sorted({m for line in given for m in line.get("bursts", [line.get("ago", 60)])}, reverse=True)
        found = []
        for number, moment in enumerate(moments, 1):
            mine = [line for line in given if moment in line.get("bursts", [line.get("ago", 60)])]
            found.append({
                "number": number, "boot": 0, "started_at": at(moment), "ended_at": at(moment),
                "lead_xid": mine[0]["xid"], "lead_pci": self.pci(mine[0].get("gpu", 0)),
                "xids": [line["xid"] for line in mine], "pcis": [self.pci(line.get("gpu", 0)) for line in mine],
            })  # fmt: skip
        return found

    def _record(self, line: dict[str, Any]) -> dict[str, Any]:
        ago = line.get("ago", 60)
        device = line.get("device") or (self.pci(line["gpu"]) if "gpu" in line else "")
        return {
            "kind": line["kind"], "device": device, "code": line.get("code", ""), "boot": line.get("boot", 0),
            "count": line.get("count", 1), "first_at": at(ago), "last_at": at(ago),
            "example": line.get("text", f"kernel: {line['kind']} {device} {line.get('code', '')} was seen"),
        }  # fmt: skip

    def metrics(
        self, changes: Mapping[str, Mapping[int, dict[str, Any]]] | None = None, *, present: Sequence[int] = range(8),
        up: bool | None = True, absent: Sequence[str] = (),
    ) -> Sick:  # fmt: skip
        """All GPUs healthy but for `changes`: metric -> GPU (or -1 for all) -> figures."""
        rows = []
        for name, value in METRICS.items():
            mine = (changes or {}).get(name.split("_", 3)[-1], {})
            by_gpu = {str(i): series(value, **{**mine.get(-1, {}), **mine.get(i, {})}) for i in present}
            shown = {} if name in absent else by_gpu
            rows.append({
                "metric": name, "present": bool(shown), "unit": "", "by_gpu": shown, "outliers": [], "missing": [],
                "ended": [int(i) for i, stats in shown.items() if stats["ended_s_ago"] > 180],
            })  # fmt: skip
        identities = [
            {"index": i, "uuid": self.uuid(i), "pci": f"0000{self.pci(i).upper()}.0", "model": "NVIDIA H200"}
            for i in present
        ]
        summary = {
            "node": self.node, "window_s": 3600.0, "gpus": identities, "metrics": rows, "exporter_up": up,
            "exporter_down_since": None if up else at(7200),
        }  # fmt: skip
        return self.put(
            "compare_gpu_metrics",
            summary,
            entities=[gpu(self.node, index=i, uuid=self.uuid(i), pci=self.pci(i)) for i in present],
        )

    def gone(self, *indices: int, ago: float = 40) -> Sick:
        """The series of these GPUs ended."""
        ended = {"ended_s_ago": max(ago, 400.0), "last_at": at(ago)}
        return self.metrics({name.split("_", 3)[-1]: dict.fromkeys(indices, ended) for name in METRICS})

    def info(self, *, state: str = "problem", ready: str = "True", allocatable: int = 8, **more: Any) -> Sick:
        parsed = {
            "text": self.message,
            "truncated": False,
            "contradicts": False,
            "check_failed_to_run": False,
            "xids": [],
        }
        condition = {
            "type": self.kind, "status": "True", "state": state, "reason": self.reason, "message": self.message,
            "parsed": {**parsed, **more.pop("parsed", {})}, "last_transition_at": at(0), "age_s": 0.0,
            "heartbeat_age_s": 10.0, "before_boot": more.pop("before_boot", False),
        }  # fmt: skip
        summary = {
            "name": self.node, "uid": "u-1", "created_at": None, "ready": ready, "unschedulable": False,
            "cordoned_by": None, "cordoned_at": None, "conditions": [condition, *more.pop("conditions", [])],
            "taints": [], "gpus": [{"resource": "nvidia.com/gpu", "capacity": 8, "allocatable": allocatable}],
            "labels": {"nvidia.com/gpu.count": "8"}, "annotations": {}, "annotation_owners": {}, "owner": None,
            "maintenance": [], "kernel": "6.8", "kubelet": "1.32", "os_image": "Ubuntu", "boot_id": "b",
            "driver_version": "580.159.03", "pods_total": 12, "changes": [], **more,
        }  # fmt: skip
        return self.put("get_node_info", summary)

    def work(self, *pods: dict[str, Any], groups: Sequence[dict[str, Any]] = (), pending: int = 0) -> Sick:
        made = [self._pod(pod) for pod in pods]
        named = [Entity(EntityKind.POD, f"{pod['namespace']}/{pod['name']}", node=self.node) for pod in made]
        owners = [Entity(EntityKind.WORKLOAD, f"{pod['namespace']}/{pod['owner'].split('/')[-1]}") for pod in made]
        summary = {
            "node": self.node, "pods": made, "groups": list(groups), "gpus_requested": 8,
            "running": sum(pod["phase"] == "Running" for pod in made),
            "failed": sum(pod["phase"] == "Failed" for pod in made),
            "pending_gpu_pods": [
                {**self._pod({"owner": "waiting"}), "phase": "Pending", "message": "insufficient nvidia.com/gpu"}
            ] * pending,
        }  # fmt: skip
        return self.put("get_workload_info", summary, entities=[*named, *owners])

    def _pod(self, pod: dict[str, Any]) -> dict[str, Any]:
        owner, phase = pod.get("owner", "train"), pod.get("phase", "Running")
        container = {
            "name": "main", "image": "img", "ready": phase == "Running", "restarts": pod.get("restarts", 0),
            "state": "running" if phase == "Running" else "terminated", "reason": pod.get("why", ""),
            "exit_code": pod.get("exit"), "last_reason": "", "last_exit_code": None, "last_finished_at": None,
        }  # fmt: skip
        return {
            "namespace": pod.get("namespace", "team-a"), "name": f"{owner}-0", "node": self.node, "phase": phase,
            "reason": pod.get("reason", ""), "message": "", "owner": f"Job/{owner}", "gpus": pod.get("gpus", 8),
            "created_at": at(36000), "started_at": at(35000), "finished_at": at(30) if phase == "Failed" else None,
            "containers": [container],
        }  # fmt: skip

    def log(self, kind: str, text: str, *, owner: str = "train", namespace: str = "team-a") -> Sick:
        pattern = {"kind": kind, "count": 1, "first_at": None, "last_at": None, "example": text}
        log = {
            "pod": f"{namespace}/{owner}-0", "container": "main", "previous": False, "status": "ok", "note": "",
            "lines": 10, "patterns": [pattern], "tail": [text],
        }  # fmt: skip
        summary = {"node": self.node, "logs": [log], "pods_matched": 1, "pods_shown": 1}
        return self.put("get_workload_logs", summary, text)

    def neighbours(self, *, sick: int = 1, group: str = "", size: int = 8, nodes: Sequence[str] = ()) -> Sick:
        names = list(nodes) or [self.node, *(f"gpu-r09-n{number:02}" for number in range(1, sick))]
        peers = [{"node": name, "conditions": [self.kind], "since": at(0)} for name in names]
        groups = [{"key": group, "value": f"{group}-1", "size": size, "with_problems": peers}] if group else []
        switch = [Entity(EntityKind.SWITCH, f"{group}-1")] if group == "leaf_switch" else []
        count = {"type": self.kind, "count": len(names), "nodes": names, "first_at": at(1), "last_at": at(0)}
        summary = {
            "node": self.node, "labels": {}, "groups": groups, "fleet_nodes": 64, "fleet_unschedulable": 0,
            "nodes_with_problems": len(names), "by_condition": [count],
        }  # fmt: skip
        return self.put("get_topology", summary, entities=[*(node_entity(name) for name in names), *switch])

    def daemonset(self, name: str, *, waiting: str = "", widely: int = 0) -> Sick:
        pod = self._pod({"owner": name, "namespace": "gpu-operator"})
        if waiting:
            pod["containers"][0].update(state="waiting", ready=False, reason=waiting)
        item = {
            "namespace": "gpu-operator", "name": name, "desired": 64, "ready": 64 - max(widely, bool(waiting)),
            "unavailable": widely, "updated": 64, "image": "nvcr.io/x:1", "pod_on_node": pod,
            "waiting_reasons": {waiting: widely} if widely else {},
        }  # fmt: skip
        return self.put(
            "get_daemonsets", {"node": self.node, "daemonsets": [item]}, entities=[Entity(EntityKind.DAEMONSET, name)]
        )

    def service(self, kind: str, text: str, unit: str) -> Sick:
        pattern = {"kind": kind, "count": 1, "first_at": None, "last_at": None, "example": text}
        summary = {
            "node": self.node, "unit": unit, "lines_total": 1, "patterns": [pattern], "tail": [text],
            "covers_from": at(3600), "covers_to": at(0),
        }  # fmt: skip
        return self.put(f"read_service_log:{unit}", summary, text)

    def exporter(self, tool: str, *samples: tuple[str, Mapping[str, str], float]) -> Sick:
        made = [{"name": name, "labels": dict(labels), "value": value} for name, labels, value in samples]
        return self.put(tool, {"node": self.node, "endpoint": "http://x", "samples": made, "samples_total": len(made)})

    def query(self, name: str, **stats: Any) -> Sick:
        row = {"labels": {"__name__": name, "node": self.node}, "value": None, "at": None, "stats": series(1, **stats)}
        summary = {"result_type": "matrix", "series": [row], "series_total": 1, "warnings": []}
        return self.put(f"query_prometheus:{name}", summary)

    def past(self, *incidents: dict[str, Any], kept: float = 60, asked: Sequence[str] = ()) -> Sick:
        """Earlier incidents: ``{"fault": "gsp_hang", "days": 5, "gpu": 1}``, newest first; `asked`: of which GPUs."""
        rows = [self._past(number, item) for number, item in enumerate(incidents)]
        summary: dict[str, Any] = {
            "node": self.node, "gpu": list(asked) or [self.uuid(index) for index in range(8)], "fault_class": None,
            "since": at(timedelta(days=90)), "kept_since": at(timedelta(days=kept)) if kept else None,
            "incidents_total": len(rows), "by_fault_class": {}, "by_part": [], "incidents": rows,
        }  # fmt: skip
        return self.put("get_incident_history", summary)

    def _past(self, number: int, item: dict[str, Any]) -> dict[str, Any]:
        index, node = item.get("gpu", 0), item.get("node", self.node)
        known = {"node": node, "index": index, "uuid": self.uuid(index), "pci": self.pci(index), "serial": None}
        part = {"kind": "gpu", "name": self.uuid(index), **known, **item.get("part", {})}
        taken = [f"{action} {at(timedelta(days=item['days']))} verified" for action in item.get("taken", ["reset-gpu"])]
        return {
            "id": f"inc-{number}", "node": node, "opened_at": at(timedelta(days=item["days"])),
            "age_s": item["days"] * 86400.0, "fault_class": item["fault"], "severity": "critical", "confidence": 0.9,
            "closed_at": at(item.get("closed_s", item["days"] * 86400 - 3600)) if item.get("over", True) else None,
            "kinds": [self.kind], "xids": item.get("xids", []), "parts": [part], "summary": "it failed",
            "recommended": "drain", "taken": taken, "closed_as": "nothing was wrong for 300 s",
            "mended": item.get("mended", True),
        }  # fmt: skip

    @property
    def incident(self) -> Incident:
        trigger = Trigger(
            "kubernetes", self.node, self.kind, TriggerStatus.PROBLEM, self.reason, self.message, T0, self.transition
        )
        return Incident("i-1", (trigger,), T0)

    def evidence(self) -> tuple[Evidence, ...]:
        """Everything at once, numbered in the order it was put."""
        return tuple(
            _evidence(f"E{number}", tool.split(":")[0], {}, result)
            for number, (tool, result) in enumerate(self.answers.items(), 1)
        )

    def observed(self) -> Observations:
        return observe(self.incident, self.evidence())

    def answer(self, tool: str, arguments: Mapping[str, Any]) -> ToolResult:
        special = [key for key in self.answers if ":" in key and key.split(":")[0] == tool]
        for key in special:
            wanted = key.split(":", 1)[1]
            if wanted in str(arguments.get("query", "")):
                return self.answers[key]
            if wanted in (arguments.get("service"), arguments.get("entry_type")):
                return self.answers[key]
        if special or tool not in self.answers:
            return ToolResult(ResultStatus.NO_DATA, tool)
        return self.answers[tool]


def _leads(other: dict[str, Any], line: dict[str, Any]) -> bool:
    """Whether `other` is an earlier hardware record of the same burst."""
    hardware = KINDS.get(other["xid"], "hardware") not in ("application", "follower", "informational", "test")
    near = abs(other.get("ago", 60) - line.get("ago", 60)) < 180
    return other is not line and hardware and near and other.get("ago", 60) > line.get("ago", 60)


def _evidence(number: str, tool: str, arguments: Mapping[str, Any], result: ToolResult) -> Evidence:
    return Evidence(number, "test", tool, arguments, result, T0, digest("test", tool, arguments, result))


@pytest.fixture(scope="session")
def sick() -> Callable[..., Sick]:
    """Make a node: ``sick(kind="GpuCount", message="7/8")``, healthy in every source until told otherwise."""

    def make(**words: Any) -> Sick:
        made = Sick(**words)
        return made.kernel().metrics().info().work({"owner": "train"}).neighbours()

    return make


PARAMETERS = ("node_name", "query", "service", "since", "pod_name_pattern", "gpu", "entry_type", "entry_id")
TOOLS = tuple(
    ToolSpec(
        name,
        "",
        {
            "type": "object",
            "properties": {key: {} for key in PARAMETERS},
        },
    )
    for name in sorted({question.tool for question in shipped().questions})
)


@dataclass(frozen=True)
class Outcome:
    """What came of an investigation."""

    draft: Draft
    checked: Checked
    transcript: Transcript
    asked: tuple[str, ...]

    @property
    def actions(self) -> set[str]:
        return {str(item.action) for item in self.draft.actions}


def play(case: Sick, tools: tuple[ToolSpec, ...] = TOOLS) -> Outcome:
    """Run the playbook against a node's evidence until it submits."""
    model, transcript = PlaybookModel(), Transcript("", case.incident, "")
    asked: list[str] = []
    for _ in range(12):
        turn = asyncio.run(model.turn(transcript, tools))
        if turn.tool_calls[0].name == SUBMIT_TOOL:
            draft = parse(turn.tool_calls[0].arguments)
            seen = transcript.evidence
            checked = check(draft, seen, Observed.of(case.incident, seen))
            return Outcome(draft, checked, transcript.append(turn), tuple(asked))
        asked += [call.name for call in turn.tool_calls]
        transcript = _replied(case, transcript, turn)
    raise AssertionError("it never submitted")


def _replied(case: Sick, transcript: Transcript, turn: ModelTurn) -> Transcript:
    first = len(transcript.evidence) + 1
    replies = []
    for number, call in enumerate(turn.tool_calls, first):
        result = case.answer(call.name, call.arguments)
        replies.append(ToolReply(call, "", _evidence(f"E{number}", call.name, call.arguments, result)))
    return transcript.append(turn).append(ToolReplies(tuple(replies)))


@pytest.fixture(scope="session")
def investigate() -> Callable[..., Outcome]:
    """Run the playbook against a node until it submits."""
    return play
