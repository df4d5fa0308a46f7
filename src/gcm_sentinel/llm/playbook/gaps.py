"""What could not be checked, and why it matters: the honest end of every assessment."""

from __future__ import annotations

from collections.abc import Sequence

from gcm_sentinel.domain.summaries import PodLogsSummary, ProbeGpuSummary, ProbeKindSummary, ProbeSideSummary
from gcm_sentinel.domain.transcript import ToolSpec
from gcm_sentinel.llm.playbook.beliefs import Belief
from gcm_sentinel.llm.playbook.hypotheses import Playbook, Question
from gcm_sentinel.llm.playbook.observations import Failure, Observations, Seen
from gcm_sentinel.llm.playbook.timeline import kernel_covers

_LABELS = {
    "read_kernel_log": "kernel log",
    "compare_gpu_metrics": "GPU metrics (Prometheus, dcgm-exporter)",
    "get_node_info": "node object (Kubernetes)",
    "get_workload_info": "workloads",
    "get_topology": "topology",
    "query_alertmanager": "alerts (Alertmanager)",
    "get_workload_logs": "workload logs",
    "query_node_exporter_direct": "node exporter",
    "query_prometheus": "Prometheus",
    "query_dcgm_direct": "GPU exporter (dcgm) on the node",
    "get_pod_logs": "pod logs",
    "get_incident_history": "earlier incidents",
    "get_sentinel_gpu_health": "exact probes (SENTINEL)",
    "compare_sentinel_gpus": "exact probes of the fleet (SENTINEL)",
    "get_sentinel_history": "the GPU's past (SENTINEL)",
    "get_sentinel_trust_graph": "canaries (SENTINEL)",
    "query_audit_ledger": "audit ledger",
    "verify_audit_ledger": "verification of the audit ledger",
    "prove_audit_entry": "proof of a ledger entry",
    "probe_gpu": "probes on the node",
}
_RIGHT = ("passes", "passes_in_part", "only_sibling_fails")
_EXPORTED = {
    "ecc": ("ECC counters", ("ECC_DBE_VOL_TOTAL", "ECC_SBE_VOL_TOTAL")),
    "thermal": ("clock event reasons", ("CLOCK_THROTTLE_REASONS", "CLOCKS_EVENT_REASONS")),
}


def missing(playbook: Playbook, obs: Observations, tools: Sequence[ToolSpec]) -> tuple[Question, ...]:
    """Questions that were asked in vain, or whose tool is not offered at all."""
    offered = {tool.name for tool in tools}
    vain = ({failure.tool for failure in obs.failures} - _answered(obs)) | {seen.evidence.tool for seen in _unread(obs)}
    return tuple(question for question in playbook.questions if question.tool in vain or question.tool not in offered)


def _unread(obs: Observations) -> list[Seen[PodLogsSummary]]:
    """Answers about logs in which not a single log could be read though there were some."""
    return [
        seen for seen in obs.logs if seen.data["logs"] and all(log["status"] == "error" for log in seen.data["logs"])
    ]


def _answered(obs: Observations) -> set[str]:
    return {item.tool for item in obs.all if item.result.status.observed}


def gaps(
    playbook: Playbook, obs: Observations, tools: Sequence[ToolSpec], beliefs: Sequence[Belief]
) -> tuple[str, ...]:
    """Sentences about what stayed open, the failed sources first."""
    lines = [_failed(playbook, failure) for failure in obs.failures]
    lines += _not_offered(playbook, obs, tools)
    lines += [
        f"{_LABELS[seen.evidence.tool]}: none of {len(seen.data['logs'])} logs could be read "
        f"({seen.data['logs'][0]['note'] or 'no reason given'}), so what the workloads wrote is not known"
        for seen in _unread(obs)
    ]
    lines += [line for seen in obs.probed for line in _unprobed(seen.data)]
    lines += _short_log(obs)
    lines += _not_exported(obs)
    lines += [text for belief in beliefs for text in belief.hypothesis.not_checked]
    return tuple(dict.fromkeys(line[:1500] for line in lines if line))


def _failed(playbook: Playbook, failure: Failure) -> str:
    shows = next((item.shows for item in playbook.questions if item.tool == failure.tool), "")
    label = _LABELS.get(failure.tool, failure.tool)
    return f"{label}: {failure.tool} was {failure.status} ({failure.note or 'no reason given'}). Not known: {shows}."


def _not_offered(playbook: Playbook, obs: Observations, tools: Sequence[ToolSpec]) -> list[str]:
    offered = {tool.name for tool in tools} | {item.tool for item in obs.all}
    return [
        f"{_LABELS.get(item.tool, item.tool)}: no tool {item.tool} is offered. Not known: {item.shows}."
        for item in playbook.questions
        if item.triage and item.tool not in offered
    ]


def _unprobed(told: ProbeGpuSummary) -> list[str]:
    """What probes asked for now leave open: kinds without an answer, and what a pass does not exclude."""
    open_kinds = [f"{kind['kind']} ({_outcomes(kind['suspect'])})" for kind in told["kinds"] if not _whole(kind)]
    open_kinds += [f"{kind} (not run)" for kind in told["not_asked"]]
    label = f"{_LABELS['probe_gpu']}, {told['gpu']}"
    lines = [f"{label}: no whole answer of {', '.join(open_kinds)}: no evidence either way"] if open_kinds else []
    passed = sum(kind["suspect"]["counts"].get("pass", 0) for kind in told["kinds"])
    if passed and told["comparison"] in _RIGHT:
        lines.append(
            f"{label}: {passed} {told['depth']} probes of all its SMs together passed, which bounds the failure rate by"
            f" 3/{passed} of such probes (95 %): what is rarer, or needs other operands, heat or time, stays open"
        )
    return lines


def _whole(kind: ProbeKindSummary) -> bool:
    return kind["comparison"] not in ("no_answer", "passes_in_part")


def _outcomes(side: ProbeSideSummary) -> str:
    return ", ".join(f"{outcome} {count}" for outcome, count in side["counts"].items()) or "no run"


def _short_log(obs: Observations) -> list[str]:
    if obs.kernel is None or kernel_covers(obs):
        return []
    since = obs.kernel.data["covers_from"] or "nowhere"
    return [f"the kernel log reaches back only to {since}: its silence about earlier times proves nothing"]


def _not_exported(obs: Observations) -> list[str]:
    if obs.metrics is None:
        return []
    if obs.metrics.data["exporter_up"] is False:
        return ["GPU metrics: the exporter is down, so GPU health is unknown for the gap"]
    absent = [item["metric"] for item in obs.metrics.data["metrics"] if not item["present"]]
    hidden = [label for label, names in _EXPORTED.values() if any(name.endswith(names) for name in absent)]
    return [f"the exporter does not export {', '.join(hidden)}, which is not the same as zero"] if hidden else []
