"""Whose exact probes fail: the GPUs of a node against those that share model, driver or firmware, and the fleet. Pure.

One probe type that fails everywhere is a wrong golden answer, a firmware that fails everywhere is that firmware, a GPU
that fails alone is that GPU. So every cohort is told with how many fail of how many, and `spread` says which of these
it is; where the gateway told only its worst GPUs, shares would be wrong, and it says so instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime

from gcm_sentinel.datasources.sentinel_gpus import OUT, entities, indices, plain, worst_first
from gcm_sentinel.datasources.sentinel_health import figure, gpu_summary, lines, share
from gcm_sentinel.datasources.tool_calls import as_json
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.gpu_health import FleetHealth, Gpu, GpuHealth
from gcm_sentinel.domain.summaries import CohortSummary, SentinelComparisonSummary, Spread

MAX_COHORTS = 15
MAX_FAILING = 30
FEWEST = 3
"""GPUs a cohort, and what it is held against, must have to be told apart."""
_MOST_FAIL = 0.5
_FEW_FAIL = 0.1

_DIMENSIONS: tuple[tuple[str, Callable[[Gpu], str]], ...] = (
    ("firmware_version", lambda gpu: gpu.firmware_version),
    ("driver_version", lambda gpu: gpu.driver_version),
    ("model", lambda gpu: gpu.model),
)


def answer(fleet: FleetHealth, node: str, mine: Sequence[GpuHealth], query: str, now: datetime) -> ToolResult:
    """The node's GPUs `mine` against everybody in `fleet`, which is not empty."""
    everybody = tuple({health.gpu.uuid: health for health in (*mine, *fleet.gpus)}.values())
    known = indices([health.gpu for health in everybody])
    failing = tuple(sorted((health for health in everybody if health.failed), key=lambda item: -item.failed))
    spread, apart = spread_of(everybody) if not fleet.truncated else ("not_told", ())
    by_dimension = {name: _cohorts(everybody, told) for name, told in _DIMENSIONS}
    summary = SentinelComparisonSummary(
        node=node,
        node_gpus=[gpu_summary(health, known, now) for health in worst_first(mine)],
        node_cohort=_cohort(node, mine) if mine else None,
        fleet=_cohort("fleet", everybody),
        by_model=by_dimension["model"],
        by_driver=by_dimension["driver_version"],
        by_firmware=by_dimension["firmware_version"],
        spread=spread,
        apart=list(apart),
        failing=[gpu_summary(health, known, now) for health in failing[:MAX_FAILING]],
        failing_total=len(failing),
        sdc_rate=figure(fleet.counts.sdc_rate),
        gpus_told=len(everybody),
        gpus_total=max(fleet.matching, len(everybody)),
        cut=fleet.truncated,
    )
    shown = [health.gpu for health in (*mine, *failing[:MAX_FAILING])]
    return ToolResult(
        ResultStatus.OK,
        query,
        as_json(summary),
        "\n".join([*_table(summary), *_named((*mine, *failing), known)]),
        entities=entities(shown),
        note=_note(summary),
    )


def spread_of(everybody: Sequence[GpuHealth]) -> tuple[Spread, tuple[str, ...]]:
    """Who fails, and for a cohort what sets it apart."""
    failing = [health for health in everybody if health.failed]
    if not failing:
        return "none", ()
    if len(failing) == 1:
        return "one_gpu", ()
    if len({health.gpu.node for health in failing}) == 1:
        return "one_node", ()
    if apart := _apart(everybody):
        return "one_cohort", apart
    return ("everybody" if _share(everybody) >= _MOST_FAIL else "scattered"), ()


def _apart(everybody: Sequence[GpuHealth]) -> tuple[str, ...]:
    """Cohorts of which most fail while few of all others do."""
    found = []
    for name, told in _DIMENSIONS:
        for value in sorted({told(health.gpu) for health in everybody} - {""}):
            inside = [health for health in everybody if told(health.gpu) == value]
            outside = [health for health in everybody if told(health.gpu) != value]
            enough = min(len(inside), len(outside)) >= FEWEST
            if enough and _share(inside) >= _MOST_FAIL and _share(outside) <= _FEW_FAIL:
                found.append(f"{name}={plain(value, 80)}")
    return tuple(found)


def _share(healths: Sequence[GpuHealth]) -> float:
    return sum(health.failed > 0 for health in healths) / len(healths)


def _cohorts(everybody: Sequence[GpuHealth], told: Callable[[Gpu], str]) -> list[CohortSummary]:
    groups: defaultdict[str, list[GpuHealth]] = defaultdict(list)
    for health in everybody:
        groups[told(health.gpu)].append(health)
    found = [_cohort(plain(name, 80) or "not told", group) for name, group in groups.items()]
    return sorted(found, key=lambda item: (-item["failing_share"], -item["gpus"], item["name"]))[:MAX_COHORTS]


def _cohort(name: str, group: Sequence[GpuHealth]) -> CohortSummary:
    failing = [health for health in group if health.failed]
    return CohortSummary(
        name=name,
        gpus=len(group),
        failing=len(failing),
        failing_now=sum(health.failures_per_hour > 0 for health in group),
        failing_share=share(len(failing), len(group)),
        anomalous=sum(health.anomalies > 0 and not health.failed for health in group),
        out=sum(health.state in OUT for health in group),
        nodes=len({health.gpu.node for health in group}),
        nodes_failing=len({health.gpu.node for health in failing}),
        probes_passed=sum(health.passed for health in group),
        probes_failed=sum(health.failed for health in group),
    )


def _table(summary: SentinelComparisonSummary) -> list[str]:
    """The cohorts as lines."""
    named = [("fleet", [summary["fleet"]]), ("model", summary["by_model"]), ("driver", summary["by_driver"])]
    named += [("firmware", summary["by_firmware"])]
    named += [("node", [summary["node_cohort"]])] if summary["node_cohort"] else []
    return [
        f"{kind} {row['name']}: {row['failing']} of {row['gpus']} GPUs failed exact probes"
        f" ({row['failing_now']} now), on {row['nodes_failing']} of {row['nodes']} nodes;"
        f" {row['anomalous']} with anomalies only; {row['out']} out of service"
        for kind, rows in named
        for row in rows
    ]


def _named(healths: Sequence[GpuHealth], known: dict[str, int]) -> list[str]:
    """Each GPU once, as a line; its SMs are the other tool's."""
    return list(dict.fromkeys(lines(health, known)[0] for health in healths))


def _note(summary: SentinelComparisonSummary) -> str:
    notes = []
    if summary["cut"]:
        notes.append(
            f"The gateway told {summary['gpus_told']} of {summary['gpus_total']} GPUs, the worst first: shares are too"
            " high, and who fails alone cannot be told."
        )
    if summary["node_cohort"] is None:
        notes.append(f"SENTINEL knows no GPU whose host is exactly {summary['node']}.")
    return " ".join(notes)
