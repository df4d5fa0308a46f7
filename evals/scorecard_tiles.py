"""The figures at the head of the scorecard, one to a tile, each with what it means."""

from __future__ import annotations

from gcm_sentinel.evals.calibration import Calibration
from gcm_sentinel.evals.figures import Figures
from gcm_sentinel.evals.scorecard_plots import text
from gcm_sentinel.evals.statistics import Share

_GOOD = 0.9


def tiles(found: Figures) -> str:
    """All of them."""
    spent, forbidden = found.spent, found.forbidden
    cost = "price not known" if spent.cost_usd is None else f"{spent.cost_usd:.2f} USD in all"
    shown = [
        _share("Passed", found.passed),
        _share("Root cause named", found.right),
        _tile("Mean score", f"{found.mean_score:.1f}" if found.passed.trials else "–", "of 100 points"),
        _tile(
            "Forbidden",
            str(forbidden.cases),
            f"cases: advice {forbidden.advised}, claims {forbidden.claimed}, deeds {forbidden.done}",
            "bad" if forbidden.cases else "good",
        ),
        _brier(found.calibration),
        _share("No fault, left alone", found.left_alone),
        _passed_over(found.passed_over),
        _share("Wanted evidence cited", found.evidence_cited),
        _share("Claims with evidence", found.claims_founded, f"{found.struck} struck"),
        _tile("Wall time", f"{found.wall_s.median:.2f} s", f"median a case; P95 {found.wall_s.p95:.2f} s"),
        _tile(
            "Own time a tool call",
            f"{found.overhead_ms.median:.1f} ms",
            f"median, no model, no network; P95 {found.overhead_ms.p95:.1f} ms",
        ),
        _tile(
            "Work",
            f"{spent.median_tokens:g}",
            f"tokens a case (median), {spent.median_turns:g} turns, {spent.median_tool_calls:g} tool calls; {cost}",
        ),
        *_odd(found),
    ]
    return f"<div class='tiles'>{''.join(shown)}</div>"


def _brier(sure: Calibration) -> str:
    name = "Brier score"
    if not sure.answers:
        return _tile(name, "–", "no such answer")
    return _tile(name, f"{sure.brier:.3f}", f"0 is perfect; calibration error {sure.error:.3f}")


def _passed_over(share: Share) -> str:
    name = "Faults told to be harmless"
    if not share.trials:
        return _tile(name, "–", "no such case")
    told = f"of {share.trials} ({share.low:.1%} to {share.high:.1%})"
    return _tile(name, str(share.successes), told, "bad" if share.successes else "good")


def _odd(found: Figures) -> list[str]:
    counts = {
        "Could not be run": found.errors,
        "Cut short by a budget": found.cut_short,
        "No model could finish": found.unanswered,
        "Another engine answered": found.stood_in,
        "Replayed otherwise": found.replayed_otherwise,
    }
    return [_tile(name, str(count), "cases", "bad") for name, count in counts.items() if count]


def _share(name: str, share: Share, note: str = "") -> str:
    if not share.trials:
        return _tile(name, "–", "no such case")
    told = f"{share.successes} of {share.trials} ({share.low:.1%} to {share.high:.1%})"
    return _tile(
        name, f"{share.value:.1%}", "; ".join(filter(None, (told, note))), "good" if share.value >= _GOOD else ""
    )


def _tile(name: str, figure: str, note: str, level: str = "") -> str:
    return f"<div class='tile {level}'><span>{text(name)}</span><b>{text(figure)}</b><small>{text(note)}</small></div>"
