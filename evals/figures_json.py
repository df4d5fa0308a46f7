"""The figures of a run as JSON: the `summary` of a results file, and what `--json` prints."""

from __future__ import annotations

from collections.abc import Sequence

from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.evals.calibration import Calibration
from gcm_sentinel.evals.case_record import CaseRecord
from gcm_sentinel.evals.dropping import Dropped, dropped
from gcm_sentinel.evals.figures import (
    Figures,
    Group,
    Spread,
    by_class,
    by_section,
    figures,
    groups,
    whole,
)
from gcm_sentinel.evals.statistics import Share, wilson


def summary_of(everything: Sequence[CaseRecord], wall_s: float) -> dict[str, Json]:
    """The summary of a run that took `wall_s`; where sources were dropped, of the cases with all of them."""
    records = whole(everything)
    found = figures(records)
    return {
        **_of_whole(found, records),
        "wall_s": round(wall_s, 3),
        "by_section": [_group(group) for group in groups(records, by_section)],
        "by_class": [_group(group) for group in groups(records, by_class)],
        "by_dropped_source": [_dropped(item) for item in dropped(everything)],
    }


def _of_whole(found: Figures, records: Sequence[CaseRecord]) -> dict[str, Json]:
    return {
        "cases": found.passed.trials,
        "passed": found.passed.successes,
        "pass_share": round(found.passed.value, 4),
        **_interval(found.passed),
        "mean_score": round(found.mean_score, 2),
        "right": _share(found.right),
        "forbidden": found.forbidden.cases,
        "forbidden_advice": found.forbidden.advised,
        "forbidden_claims": found.forbidden.claimed,
        "forbidden_deeds": found.forbidden.done,
        "errors": found.errors,
        "cut_short": found.cut_short,
        "unanswered": found.unanswered,
        "stood_in": found.stood_in,
        "directives": directives(records),
        "calibration": _calibration(found.calibration),
        "evidence_cited": _share(found.evidence_cited),
        "claims_founded": _share(found.claims_founded),
        "struck": found.struck,
        "left_alone": _share(found.left_alone),
        "passed_over": _share(found.passed_over),
        "tokens": found.spent.tokens,
        "median_tokens": found.spent.median_tokens,
        "median_rounds": found.spent.median_turns,
        "median_tool_calls": found.spent.median_tool_calls,
        "cost_usd": found.spent.cost_usd,
        "median_wall_s": round(found.wall_s.median, 3),
        "p95_wall_s": round(found.wall_s.p95, 3),
        "overhead_ms": _spread(found.overhead_ms),
        "replayed_otherwise": found.replayed_otherwise,
    }


def directives(records: Sequence[CaseRecord]) -> int:
    """How many the agent issued at SENTINEL gateways, by their records."""
    issued = (record.detail.get("directives") for record in records)
    return sum(len(item) for item in issued if isinstance(item, list))


def _share(share: Share) -> dict[str, Json]:
    return {
        "of": share.trials,
        "count": share.successes,
        "share": round(share.value, 4),
        **_interval(share),
    }


def _interval(share: Share) -> dict[str, Json]:
    """Wilson's over cases, and beside it the one by scenario where several seeds were run."""
    cases = wilson(share.successes, share.trials)
    found: dict[str, Json] = {"wilson_95": [round(cases.low, 4), round(cases.high, 4)]}
    return found | ({"by_scenario_95": [round(share.low, 4), round(share.high, 4)]} if share.by_scenario else {})


def _spread(spread: Spread) -> dict[str, Json]:
    return {"median": round(spread.median, 3), "p95": round(spread.p95, 3)}


def _calibration(found: Calibration) -> dict[str, Json]:
    return {
        "answers": found.answers,
        "brier": round(found.brier, 4) if found.answers else None,
        "expected_calibration_error": round(found.error, 4) if found.answers else None,
        "bins": [
            {"low": item.low, "high": item.high, "confidence": round(item.confidence, 4), "right": _share(item.right)}
            for item in found.bins
        ],
    }


def _group(group: Group) -> dict[str, Json]:
    return {
        "name": group.name,
        "passed": _share(group.passed),
        "right": group.right,
        "mean_score": round(group.mean_score, 2),
        "confidence": round(group.confidence, 4),
        "forbidden": group.forbidden,
    }


def _dropped(item: Dropped) -> dict[str, Json]:
    return {**_group(item.group), "silent": item.silent, "silent_losses": item.silent_losses}
