"""Result tables for people: one line a case, and the scoreboard of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gcm_sentinel.app.eval_results import Run
from gcm_sentinel.domain.assessment import Outcome
from gcm_sentinel.evals.calibration import Calibration
from gcm_sentinel.evals.case_record import CaseRecord
from gcm_sentinel.evals.dropping import Dropped, dropped
from gcm_sentinel.evals.figures import (
    Figures,
    Group,
    by_class,
    by_dropped,
    by_section,
    figures,
    groups,
    whole,
)
from gcm_sentinel.evals.figures_json import directives
from gcm_sentinel.evals.statistics import Share, mean
from gcm_sentinel.web.plain import one_line


def case_line(record: CaseRecord) -> str:
    """One case as it finishes."""
    mark = "pass" if record.passed else "FAIL"
    who = f"{mark} {name_of(record):<34} seed {record.seed}"
    if record.score is None:
        return f"{who}  not run: {one_line(record.error)}"
    parts = record.score
    line = (
        f"{who}  {parts.total:5.1f}  {record.fault_class:<26} "
        f"cause {parts.root_cause:.0f} who {parts.entities:.0f} sev {parts.severity:.0f} do {parts.actions:.0f} "
        f"evid {parts.evidence:.0f} conf {parts.confidence:.1f}"
    )
    return line + ("  FORBIDDEN: " + one_line("; ".join(parts.forbidden)) if parts.forbidden else "") + _cut(record)


def _cut(record: CaseRecord) -> str:
    """Why no model finished, which is said first of what could not be checked."""
    if record.measures is None or record.measures.outcome not in (Outcome.PARTIAL, Outcome.FAILED):
        return ""
    assessment = record.detail.get("assessment")
    reasons = assessment.get("not_checked") if isinstance(assessment, Mapping) else None
    reason = str(reasons[0]) if isinstance(reasons, list) and reasons else "no reason given"
    return f"  {record.measures.outcome}: {one_line(reason)}"


def name_of(record: CaseRecord) -> str:
    """The case and the sources it was run without."""
    return f"{record.name} without {by_dropped(record)}" if record.without else record.name


def print_scoreboard(run: Run) -> None:
    """A row per scenario, per section and per class that was missed, and the figures of the run."""
    records = whole(run.records)
    if not records:
        print("no case is done: there are no figures")
        return
    _print_rows(records)
    _print_groups("section", groups(records, by_section))
    missed = [group for group in groups(records, by_class) if group.passed.successes < group.passed.trials]
    _print_groups("expected class, where any case failed", missed)
    _print_dropped(dropped(run.records))
    found = figures(records)
    print("\n" + "\n".join(_figures(found, directives(records), run.wall_s)))


def _print_rows(records: Sequence[CaseRecord]) -> None:
    by_name: dict[str, list[CaseRecord]] = {}
    for record in records:
        by_name.setdefault(record.name, []).append(record)
    width = max([len("scenario"), *map(len, by_name)])
    print(f"{'scenario':<{width}}  passed  score  tools  turns  tokens  wall s  verdicts")
    for name, group in by_name.items():
        print(f"{name:<{width}}  " + "  ".join(_cells(group)))


def _cells(group: Sequence[CaseRecord]) -> list[str]:
    measured = [record.measures for record in group if record.measures]
    verdicts = ", ".join(dict.fromkeys(record.fault_class or "not run" for record in group))
    return [
        f"{sum(record.passed for record in group)}/{len(group)}".rjust(6),
        f"{mean([record.total for record in group]):5.1f}",
        f"{mean([item.tool_calls for item in measured]):5.1f}",
        f"{mean([item.turns for item in measured]):5.1f}",
        f"{mean([item.tokens for item in measured]):6.0f}",
        f"{mean([record.wall_s for record in group if record.measures]):6.2f}",
        verdicts,
    ]


def _print_groups(title: str, found: Sequence[Group]) -> None:
    if not found:
        return
    width = max(len(title), *(len(group.name) for group in found))
    print(f"\n{title:<{width}}   passed  95 % interval    score  sure")
    for group in found:
        print(_group(group, width))


def _group(group: Group, width: int) -> str:
    share = group.passed
    return (
        f"{group.name:<{width}}  {f'{share.successes}/{share.trials}':>7}  {share.low:6.1%} to {share.high:6.1%}  "
        f"{group.mean_score:5.1f}  {group.confidence:.2f}"
    )


def _print_dropped(found: Sequence[Dropped]) -> None:
    if not found:
        return
    width = max(len(item.group.name) for item in found)
    print(f"\n{'without':<{width}}   passed  95 % interval    score  sure  silent  silent and worse")
    for item in found:
        print(f"{_group(item.group, width)}  {item.silent:6d}  {item.silent_losses:16d}")


def _figures(found: Figures, directed: int, wall_s: float) -> list[str]:
    share, forbidden, sure, spent = found.passed, found.forbidden, found.calibration, found.spent
    kind = "by scenario" if share.by_scenario else "Wilson"
    cost = "unknown" if spent.cost_usd is None else f"{spent.cost_usd:.4f} USD"
    lines = [
        f"passed {share.successes}/{share.trials} = {share.value:.1%} "
        f"(95 % {kind} {share.low:.1%} to {share.high:.1%}), forbidden {forbidden.cases} (advice {forbidden.advised}, "
        f"claims {forbidden.claimed}, deeds {forbidden.done}), not run {found.errors}, "
        f"mean score {found.mean_score:.1f}" + (f", directives {directed}" if directed else ""),
        f"root cause {_share(found.right)}; confidence: {_calibration(sure)}; "
        f"nothing at fault and left alone {_share(found.left_alone)}; faults told to be harmless "
        f"{found.passed_over.successes}/{found.passed_over.trials}",
        f"evidence wanted and cited {_share(found.evidence_cited)}; claims with evidence "
        f"{_share(found.claims_founded)}, struck {found.struck}",
        f"medians: {spent.median_tool_calls:g} tool calls, {spent.median_turns:g} turns, {spent.median_tokens:g} "
        f"tokens, {found.wall_s.median:.2f} s a case (P95 {found.wall_s.p95:.2f}), own time a tool call "
        f"{found.overhead_ms.median:.1f} ms (P95 {found.overhead_ms.p95:.1f})",
        f"{spent.tokens} tokens, cost {cost}; whole run {wall_s:.1f} s",
    ]
    odd = {
        "answers cut short by a budget": found.cut_short,
        "cases that no model could finish": found.unanswered,
        "answers by another engine": found.stood_in,
        "replays with another assessment": found.replayed_otherwise,
    }
    return lines + [f"{words}: {count}" for words, count in odd.items() if count]


def _calibration(sure: Calibration) -> str:
    return f"Brier {sure.brier:.3f}, calibration error {sure.error:.3f}" if sure.answers else "no such answer"


def _share(share: Share) -> str:
    if not share.trials:
        return "no such case"
    return f"{share.successes}/{share.trials} = {share.value:.1%} ({share.low:.1%} to {share.high:.1%})"
