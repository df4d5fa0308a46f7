"""Result tables for people: one line a case, and the scoreboard of a run."""

from __future__ import annotations

from collections.abc import Sequence

from gcm_sentinel.app.eval_case import Result
from gcm_sentinel.app.evaluate import Summary


def case_line(result: Result) -> str:
    """One case as it finishes."""
    mark = "pass" if result.passed else "FAIL"
    if result.score is None:
        return f"{mark} {result.case.name:<34} seed {result.case.seed}  not run: {result.error}"
    parts = result.score
    line = (
        f"{mark} {result.case.name:<34} seed {result.case.seed}  {parts.total:5.1f}  {result.fault_class:<26} "
        f"cause {parts.root_cause:.0f} who {parts.entities:.0f} sev {parts.severity:.0f} do {parts.actions:.0f} "
        f"evid {parts.evidence:.0f} conf {parts.confidence:.1f}"
    )
    return line + ("  FORBIDDEN: " + "; ".join(parts.forbidden) if parts.forbidden else "")


def print_scoreboard(results: Sequence[Result], summary: Summary) -> None:
    """A row per scenario and the figures of the run."""
    rows = _rows(results)
    width = max([len("scenario"), *(len(row[0]) for row in rows)])
    print(f"{'scenario':<{width}}  passed  score  tools  turns  tokens  wall s  verdicts")
    for name, *cells in rows:
        print(f"{name:<{width}}  " + "  ".join(cells))
    share = summary.share
    print(
        f"\npassed {share.successes}/{share.trials} = {share.value:.1%} "
        f"(95 % Wilson {share.low:.1%} to {share.high:.1%}), forbidden {summary.forbidden}, not run {summary.errors}, "
        f"mean score {summary.mean_score:.1f}" + (f", directives {summary.directives}" if summary.directives else "")
    )
    cost = "unknown" if summary.cost_usd is None else f"{summary.cost_usd:.4f} USD"
    print(
        f"medians: {summary.median_tool_calls:g} tool calls, {summary.median_rounds:g} turns, "
        f"{summary.median_tokens:g} tokens, {summary.median_wall_s:.2f} s a case; cost {cost}; "
        f"whole run {summary.wall_s:.1f} s"
    )


def _rows(results: Sequence[Result]) -> list[list[str]]:
    by_name: dict[str, list[Result]] = {}
    for result in results:
        by_name.setdefault(result.case.name, []).append(result)
    return [[name, *_cells(group)] for name, group in by_name.items()]


def _cells(group: Sequence[Result]) -> list[str]:
    spends = [result.answered.assessment.spend for result in group if result.answered]
    count = max(1, len(spends))
    verdicts = ", ".join(dict.fromkeys(result.fault_class or "not run" for result in group))
    return [
        f"{sum(1 for result in group if result.passed)}/{len(group)}".rjust(6),
        f"{sum(result.score.total for result in group if result.score) / len(group):5.1f}",
        f"{sum(spend.tool_calls for spend in spends) / count:5.1f}",
        f"{sum(spend.rounds for spend in spends) / count:5.1f}",
        f"{sum(spend.tokens for spend in spends) / count:6.0f}",
        f"{sum(result.answered.wall_s for result in group if result.answered) / count:6.2f}",
        verdicts,
    ]
