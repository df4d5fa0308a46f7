"""What happened to GPUs by SENTINEL's record: changes of state, correlated patterns, the score's shape. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from gcm_sentinel.datasources.cluster_reads import iso
from gcm_sentinel.datasources.sentinel_gpus import UUID, entities, plain
from gcm_sentinel.datasources.sentinel_health import figure
from gcm_sentinel.datasources.series_shape import shape
from gcm_sentinel.datasources.tool_calls import as_json
from gcm_sentinel.domain.evidence import ResultStatus, TimeRange, ToolResult
from gcm_sentinel.domain.gpu_health import GpuHistory, Pattern, Transition
from gcm_sentinel.domain.summaries import (
    PatternSummary,
    SentinelCorrelationsSummary,
    SentinelHistorySummary,
    TransitionSummary,
)

MAX_SHOWN = 40
MAX_EVENTS = 20
_CUT = "There is more than was read; ask for fewer days."
_NOTHING = "No record says that nothing was reported, not that the GPU is sound."


def history(uuid: str, past: GpuHistory, query: str, window: TimeRange) -> ToolResult:
    """One GPU's history as a result."""
    changes = sorted(past.transitions, key=_when, reverse=True)
    patterns = sorted(past.patterns, key=_when, reverse=True)
    points = [(sample.at.timestamp(), sample.reliability) for sample in sorted(past.samples, key=lambda item: item.at)]
    summary = SentinelHistorySummary(
        uuid=uuid,
        since=str(iso(window.start)),
        until=str(iso(window.end)),
        transitions=[_transition(item) for item in changes[:MAX_SHOWN]],
        transitions_total=len(changes),
        times_in=dict(Counter(str(item.after) for item in changes)),
        patterns_by_kind=dict(Counter(plain(item.kind, 40) for item in patterns)),
        patterns=[_pattern(item) for item in patterns[:MAX_SHOWN]],
        patterns_total=len(patterns),
        reliability=shape(points, window.start.timestamp(), window.end.timestamp(), counter=False),
        cut=not past.complete,
    )
    found = bool(changes or patterns or points)
    samples = [f"{iso(item.at)} reliability {item.reliability:.6g}" for item in past.samples]
    return ToolResult(
        ResultStatus.OK if found else ResultStatus.NO_DATA,
        query,
        as_json(summary),
        "\n".join([*map(_transition_line, changes), *map(_pattern_line, patterns), *samples]),
        time_range=window,
        entities=entities([item.gpu for item in patterns if item.gpu]),
        note=_CUT if not past.complete else "" if found else _NOTHING,
    )


def correlations(pasts: Mapping[str, GpuHistory], query: str, window: TimeRange) -> ToolResult:
    """The patterns of some GPUs, by UUID, as a result."""
    found = {item.id: item for past in pasts.values() for item in past.patterns}
    ranked = sorted(sorted(found.values(), key=_when, reverse=True), key=lambda item: -item.confidence)
    complete = all(past.complete for past in pasts.values())
    summary = SentinelCorrelationsSummary(
        gpus=list(pasts),
        since=str(iso(window.start)),
        patterns=[_pattern(item) for item in ranked[:MAX_SHOWN]],
        patterns_total=len(ranked),
        by_kind=dict(Counter(plain(item.kind, 40) for item in ranked)),
        by_gpu=dict(Counter(plain(item.gpu.uuid, 90) for item in ranked if item.gpu)),
        sms=sorted({item.sm for item in ranked if item.sm is not None}),
        cut=not complete,
    )
    return ToolResult(
        ResultStatus.OK if ranked else ResultStatus.NO_DATA,
        query,
        as_json(summary),
        "\n".join(map(_pattern_line, ranked)),
        time_range=window,
        entities=entities([item.gpu for item in ranked if item.gpu]),
        note=_CUT if not complete else "" if ranked else f"No pattern was correlated. {_NOTHING}",
    )


def _when(item: Transition | Pattern) -> str:
    return iso(item.at) or ""


def _transition(item: Transition) -> TransitionSummary:
    return TransitionSummary(
        before=str(item.before),
        after=str(item.after),
        at=iso(item.at),
        reason=plain(item.reason),
        by=plain(item.by, 120),
    )


def _pattern(item: Pattern) -> PatternSummary:
    uuid = item.gpu.uuid if item.gpu and UUID.fullmatch(item.gpu.uuid) else None
    return PatternSummary(
        id=plain(item.id, 80),
        kind=plain(item.kind, 40),
        confidence=figure(item.confidence),
        at=iso(item.at),
        gpu=uuid,
        node=plain(item.gpu.node, 253) or None if item.gpu else None,
        sm=item.sm,
        severity=plain(item.severity, 40),
        description=plain(item.description),
        recommended=plain(item.recommended),
        events=[plain(event, 80) for event in item.events[:MAX_EVENTS]],
        events_total=len(item.events),
    )


def _transition_line(item: Transition) -> str:
    who = f" by {plain(item.by, 120)}" if item.by else ""
    return f"{iso(item.at) or 'when unknown'} {item.before} -> {item.after}{who}: {plain(item.reason) or 'no reason'}"


def _pattern_line(item: Pattern) -> str:
    where = f" on {plain(item.gpu.node, 253)} {plain(item.gpu.uuid, 90)}" if item.gpu else ""
    sm = f" SM {item.sm}" if item.sm is not None else ""
    events = _events(item.events)
    return (
        f"{iso(item.at) or 'when unknown'} pattern {plain(item.kind, 40)} confidence {item.confidence:.6g}{where}{sm}"
        f" {plain(item.severity, 40)}: {plain(item.description)}; {plain(item.recommended)}; id {plain(item.id, 80)}"
        f"{events}"
    )


def _events(events: Sequence[str]) -> str:
    return f"; events {', '.join(plain(event, 80) for event in events)}" if events else ""
