"""GPU health as the `sentinel` source tells it: each GPU as a line and a typed summary, failures by SM. Pure.

A GPU's own score hides a dead SM: one that always fails among 132 leaves the GPU at 0.992. So what is told first is
where the failed probes stand, and what share of them is on one SM.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from gcm_sentinel.datasources.cluster_reads import age_s, iso
from gcm_sentinel.datasources.sentinel_gpus import entities, indices, label, plain, worst_first
from gcm_sentinel.datasources.tool_calls import as_json
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.gpu_health import GpuHealth, SmHealth
from gcm_sentinel.domain.summaries import Localisation, SentinelGpuHealthSummary, SentinelGpuSummary, SmSummary

MAX_SMS = 20
MAX_GPUS = 64
ONE_SM_SHARE = 0.9
"""From this part of the failed probes on one SM the defect counts as that SM's."""


def answer(healths: Sequence[GpuHealth], query: str, now: datetime, *, node: str | None, cut: bool) -> ToolResult:
    """GPUs, the worst first, as a result; `healths` is not empty."""
    ranked = worst_first(healths)
    known = indices([health.gpu for health in ranked])
    summary = SentinelGpuHealthSummary(
        node=node,
        gpus=[gpu_summary(health, known, now) for health in ranked[:MAX_GPUS]],
        gpus_total=len(ranked),
        by_state=dict(Counter(str(health.state) for health in ranked)),
        cut=cut,
    )
    return ToolResult(
        ResultStatus.OK,
        query,
        as_json(summary),
        "\n".join(line for health in ranked for line in lines(health, known)),
        entities=entities([health.gpu for health in ranked]),
    )


def gpu_summary(health: GpuHealth, known: dict[str, int], now: datetime) -> SentinelGpuSummary:
    """One GPU; `known` are the indices that can be believed."""
    gpu, failing = health.gpu, failing_sms(health)
    seen = sum(sm.failed for sm in failing)
    probes = health.passed + health.failed
    return SentinelGpuSummary(
        uuid=plain(gpu.uuid, 90),
        node=plain(gpu.node, 253),
        index=known.get(gpu.uuid),
        model=plain(gpu.model, 80),
        driver_version=plain(gpu.driver_version, 80),
        firmware_version=plain(gpu.firmware_version, 80),
        state=str(health.state),
        since=iso(health.since),
        state_age_s=age_s(now, health.since),
        why=plain(health.why),
        reliability=figure(health.reliability),
        probes_passed=health.passed,
        probes_failed=health.failed,
        failed_share=share(health.failed, probes) if probes else None,
        failures_per_hour=figure(health.failures_per_hour),
        anomalies=health.anomalies,
        anomalies_per_hour=figure(health.anomalies_per_hour),
        last_probe_at=iso(health.last_probe_at),
        last_probe_age_s=age_s(now, health.last_probe_at),
        last_anomaly_at=iso(health.last_anomaly_at),
        sms_told=len(health.sms),
        sms_failing=len(failing),
        sms_disabled=sum(sm.disabled for sm in health.sms),
        localisation=localisation(health),
        worst_sm=failing[0].sm if failing else None,
        worst_sm_share=share(failing[0].failed, seen) if failing else None,
        failing_sms=[_sm(sm, seen) for sm in failing[:MAX_SMS]],
    )


def failing_sms(health: GpuHealth) -> tuple[SmHealth, ...]:
    """SMs with failed probes, the most first."""
    return tuple(sorted((sm for sm in health.sms if sm.failed), key=lambda sm: (-sm.failed, sm.sm)))


def localisation(health: GpuHealth) -> Localisation:
    """Where the failed probes stand."""
    failing = failing_sms(health)
    if not failing:
        return "not_told" if health.failed else "none"
    seen = sum(sm.failed for sm in failing)
    if seen == 1:
        return "single_failure"
    return "one_sm" if failing[0].failed / seen >= ONE_SM_SHARE else "several_sms"


def lines(health: GpuHealth, known: dict[str, int]) -> list[str]:
    """A GPU as lines a person can read and a claim can quote; every SM that was told is in them."""
    gpu, failing = health.gpu, failing_sms(health)
    made_of = ", ".join(
        f"{name} {plain(value, 80)}"
        for name, value in (("model", gpu.model), ("driver", gpu.driver_version), ("firmware", gpu.firmware_version))
        if value
    )
    head = (
        f"{label(gpu, known)}: {health.state} since {iso(health.since) or 'unknown'}"
        f" ({plain(health.why) or 'no reason given'}); reliability {figure(health.reliability)};"
        f" exact probes {health.passed} passed, {health.failed} failed ({figure(health.failures_per_hour)}/h);"
        f" anomalies {health.anomalies} ({figure(health.anomalies_per_hour)}/h);"
        f" last probe {iso(health.last_probe_at) or 'never'}{'; ' + made_of if made_of else ''}"
    )
    quiet = [sm for sm in health.sms if not sm.failed]
    rest = f"  without failures: {' '.join(f'{sm.sm}:{sm.passed}' for sm in quiet)} (SM:passed)" if quiet else ""
    return [head, *(_sm_line(sm) for sm in (*failing, *(sm for sm in quiet if sm.disabled))), *([rest] if rest else [])]


def _sm_line(sm: SmHealth) -> str:
    off = f"; disabled ({plain(sm.disable_reason) or 'no reason given'})" if sm.disabled else ""
    return f"  SM {sm.sm}: {sm.failed} failed, {sm.passed} passed, reliability {figure(sm.reliability)}{off}"


def _sm(sm: SmHealth, seen: int) -> SmSummary:
    return SmSummary(
        sm=sm.sm,
        passed=sm.passed,
        failed=sm.failed,
        share=share(sm.failed, seen),
        reliability=figure(sm.reliability),
        disabled=sm.disabled,
        disable_reason=plain(sm.disable_reason),
    )


def figure(value: float) -> float | None:
    """At most six significant digits: figures are quoted, and nobody quotes seventeen. None for what is no number."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def share(part: int, whole: int) -> float:
    """`part` of `whole` as a figure; 0 of nothing."""
    return float(f"{part / whole:.6g}") if whole else 0.0
