"""What SENTINEL and its ledger tell of the node of a case: sound GPUs, and words to make them wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.playbook.conftest import Sick, at

from gcm_sentinel.domain.entity import gpu as gpu_entity
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult

ELSEWHERE = "gpu-r07-n02"
STRANGER = "GPU-0000aaaa-1111-2222-3333-00000000aaaa"


def probed(case: Sick, wrong: Mapping[int, Mapping[int, tuple[int, int]]] | None = None, **told: Any) -> Sick:
    """`wrong`: GPU -> SM -> (failed, passed); others pass. `told`: figures of all, or of one as ``gpu3={...}``."""
    rows = [_gpu(case, index, (wrong or {}).get(index, {}), told) for index in range(8)]
    rows.sort(key=lambda row: -row["probes_failed"])
    lines = [f"{case.node} GPU {row['index']}: exact probes, {row['probes_failed']} failed" for row in rows]
    lines += [
        f"  SM {sm['sm']}: {sm['failed']} failed, {sm['passed']} passed" for row in rows for sm in row["failing_sms"]
    ]
    summary = {"node": case.node, "gpus": rows, "gpus_total": 8, "by_state": {"HEALTHY": 8}, "cut": False}
    return case.put("get_sentinel_gpu_health", summary, "\n".join(lines), entities(case))


def entities(case: Sick) -> list[Any]:
    return [gpu_entity(case.node, index=index, uuid=case.uuid(index)) for index in range(8)]


def _gpu(case: Sick, index: int, sms: Mapping[int, tuple[int, int]], told: Mapping[str, Any]) -> dict[str, Any]:
    failed = sum(one for one, _ in sms.values())
    worst = [
        {"sm": sm, "failed": bad, "passed": good, "share": bad / failed, "reliability": 0.9, "disabled": False,
         "disable_reason": ""} for sm, (bad, good) in sorted(sms.items(), key=lambda item: -item[1][0])
    ]  # fmt: skip
    places = {0: "none", 1: "single_failure" if failed == 1 else "one_sm"}.get(len(sms), "several_sms")
    row = {
        "uuid": case.uuid(index), "node": case.node, "index": index, "model": "NVIDIA H200",
        "driver_version": "580.159.03", "firmware_version": "96.00", "state": "HEALTHY", "since": at(60),
        "state_age_s": 60.0, "why": "", "reliability": 0.99, "probes_passed": 4000, "probes_failed": failed,
        "failed_share": 0.0, "failures_per_hour": float(failed), "anomalies": 0, "anomalies_per_hour": 0.0,
        "last_probe_at": at(30), "last_probe_age_s": 30.0, "last_anomaly_at": None, "sms_told": 132,
        "sms_failing": len(sms), "sms_disabled": 0, "localisation": places,
        "worst_sm": worst[0]["sm"] if worst else None, "worst_sm_share": worst[0]["share"] if worst else None,
        "failing_sms": worst,
    }  # fmt: skip
    common = {key: value for key, value in told.items() if not key.startswith("gpu")}
    return {**row, **common, **told.get(f"gpu{index}", {})}


def fleet(
    case: Sick, spread: str, *, apart: Sequence[str] = (), failing: Sequence[Mapping[str, Any]] = (),
    anomalous: int = 0, here: int = 0, known: bool = True,
) -> Sick:  # fmt: skip
    """Whose probes are wrong; `failing` are rows as ``{"gpu": 2, "failed": 6}`` or ``{"uuid": ..., "node": ...}``."""
    rows = []
    for item in failing:
        row = _gpu(case, item.get("gpu", 0), {}, {})
        rows.append({**row, "probes_failed": item.get("failed", 6), **{k: v for k, v in item.items() if k in row}})
    cohort = {
        "name": "fleet", "gpus": 96, "failing": len(rows), "failing_now": len(rows), "failing_share": 0.0,
        "anomalous": anomalous, "out": 0, "nodes": 12, "nodes_failing": 1, "probes_passed": 9000, "probes_failed": 6,
    }  # fmt: skip
    mine = {**cohort, "name": case.node, "gpus": 8, "anomalous": here}
    summary = {
        "node": case.node, "node_gpus": [], "node_cohort": mine if known else None, "fleet": cohort, "by_model": [],
        "by_driver": [], "by_firmware": [], "spread": spread, "apart": list(apart), "failing": rows,
        "failing_total": len(rows), "sdc_rate": 0.0, "gpus_told": 96, "gpus_total": 96, "cut": False,
    }  # fmt: skip
    strangers = [row for row in rows if row["node"] != case.node]
    named = [gpu_entity(row["node"], index=3, uuid=row["uuid"]) for row in strangers]
    raw = "\n".join([f"model NVIDIA H200: {len(rows)} of 96 GPUs failed exact probes", *(row["uuid"] for row in rows)])
    everyone = [*entities(case), *(node_entity(row["node"]) for row in strangers), *named]
    return case.put("compare_sentinel_gpus", summary, raw, everyone)


def ledger(case: Sick, kind: str, raw: str = "", **told: Any) -> Sick:
    """What entries of one kind say together: ``probes=[tally(...)]``, ``anomalies=[...]``, ``events=[...]``."""
    summary = {
        "entries": [], "entries_total": 9, "by_kind": {kind: 9}, "probes": [], "anomalies": [], "events": [],
        "states": [], "since": at(86400), "until": at(0), "cut": False, **told,
    }  # fmt: skip
    return case.put(f"query_audit_ledger:{kind}", summary, raw)


def tally(kind: str, result: str, count: int, uuids: Sequence[str], **told: Any) -> dict[str, Any]:
    """Probes of one type that ended one way."""
    return {
        "probe_type": kind, "result": result, "count": count, "gpus": len(uuids), "uuids": list(uuids), "nodes": 1,
        "sms": [57], "differing_bits": [], "coldest_c": None, "hottest_c": None, "first_at": at(900), "last_at": at(60),
        **told,
    }  # fmt: skip


def anomaly(kind: str, uuids: Sequence[str], models: Sequence[str] = ("job",)) -> dict[str, Any]:
    """Anomalies of one type."""
    return {
        "anomaly_type": kind, "count": 3 * len(uuids), "gpus": len(uuids), "uuids": list(uuids), "nodes": 1,
        "models": list(models), "steps": [88120], "first_at": at(900), "last_at": at(60),
    }  # fmt: skip


def event(name: str, words: str) -> dict[str, Any]:
    """Something that happened to the gateway."""
    return {"event": name, "count": 1, "words": words, "last_at": at(600)}


def trust(case: Sick, edges: Sequence[tuple[str, str, int, int]], drivers: Mapping[str, str] | None = None) -> Sick:
    """Pairs as (GPU, other, agreed, disagreed); those of the case's node come first in a pair."""
    rows = [_edge(edge, drivers or {}) for edge in edges]
    own = list(dict.fromkeys(row["gpu"] for row in rows if row["gpu"] in {case.uuid(index) for index in range(8)}))
    gpus = [_of_pairs(case, uuid, [row for row in rows if uuid in (row["gpu"], row["other"])]) for uuid in own]
    low = [row for row in rows if row["disagreed"]]
    summary = {
        "node": case.node, "gpus": gpus, "edges": rows, "edges_total": len(rows), "low_pairs": low,
        "low_pairs_total": len(low), "coverage_pct": 4.0, "graph_gpus": 9, "graph_edges": len(rows), "mean_trust": 0.9,
    }  # fmt: skip
    raw = "\n".join(
        f"{row['gpu']} and {row['other']}: {row['agreed']} agreed, {row['disagreed']} disagreed" for row in rows
    )
    return case.put("get_sentinel_trust_graph", summary, raw, entities(case))


def _edge(edge: tuple[str, str, int, int], drivers: Mapping[str, str]) -> dict[str, Any]:
    one, other, agreed, disagreed = edge
    return {
        "gpu": one, "driver": drivers.get(one, ""), "other": other, "other_node": ELSEWHERE,
        "other_driver": drivers.get(other, ""), "agreed": agreed, "disagreed": disagreed,
        "trust": agreed / (agreed + disagreed), "last_at": at(60),
    }  # fmt: skip


def _of_pairs(case: Sick, uuid: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "uuid": uuid, "node": case.node, "partners": len(rows), "agreed": sum(row["agreed"] for row in rows),
        "disagreed": sum(row["disagreed"] for row in rows), "trust": 0.5,
        "partners_disagreeing": sum(row["disagreed"] > 0 for row in rows),
    }  # fmt: skip


def verified(case: Sick, *, valid: bool = True, bad: int | None = None, failure: str = "") -> Sick:
    """The gateway's check of its chain."""
    summary = {
        "first": 0, "last": 0, "valid": valid, "entries_verified": 4711, "batches_verified": 40, "first_bad_entry": bad,
        "failure": failure, "took_ms": 12,
    }  # fmt: skip
    return case.put("verify_audit_ledger", summary, f"chain {'valid' if valid else 'not valid: ' + failure}")


def entry(case: Sick, number: int, uuid: str) -> Sick:
    """The entry that does not verify is about this GPU."""
    told = {
        "id": number, "kind": "QUARANTINE_ACTION", "at": at(700000), "gpu": uuid, "node": ELSEWHERE, "message": "",
        "content": None, "data_bytes": 90, "data_sha256": "00", "entry_hash": "00",
    }  # fmt: skip
    summary = {
        "entry": told, "proven": False, "hash_matches": False, "included": False, "key_pinned": True, "signed": True,
        "consistent": None, "origin": "o", "tree_size": 4711, "root": "00", "tree_head_at": at(60),
    }  # fmt: skip
    return case.put("prove_audit_entry", summary, f"entry {number} does not have the hash it bears")


def nothing(case: Sick, tool: str, note: str) -> Sick:
    """A tool that has nothing to tell."""
    case.answers[tool] = ToolResult(ResultStatus.NO_DATA, tool, note=note)
    return case
