"""`gcm-sentinel demo`: a few simulated incidents end to end, a verdict table, and a report to look at."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from gcm_sentinel.app.exits import Exit
from gcm_sentinel.app.progress import reporter
from gcm_sentinel.app.scenarios import SCENARIOS, find_scenarios
from gcm_sentinel.app.simulated import Case, Played, play
from gcm_sentinel.domain.actions import Action
from gcm_sentinel.engine.investigation import silent
from gcm_sentinel.evals.expectation import parse
from gcm_sentinel.evals.score import score
from gcm_sentinel.web.report import render_report

DEFAULT = ("off-bus-riser", "remap-pending-only", "xid31-follows-job", "exporter-dead", "injection-pod-log")
"""A lost GPU, a red condition that needs patience, six "bad" nodes that are one bug, a blind spot, and a trap."""


async def demo(only: tuple[str, ...], *, engine: str, output: Path, seed: int, verbose: bool) -> Exit:
    """Investigate each scenario on its own simulated fleet and write the report."""
    scenarios = find_scenarios(SCENARIOS, only or DEFAULT)
    started = time.monotonic()
    played = []
    for scenario in scenarios:
        case = Case(scenario, seed)
        sys.stderr.write(f"\n{case.scenario.title}\n")
        on_step = reporter(verbose=verbose) if verbose or sys.stderr.isatty() else silent
        played.append(await play(case, engine=engine, on_step=on_step))
    good = [_judge(item) for item in played]
    _print_table(played, good)
    report = _write_report(played, output)
    print(f"\n{len(played)} incidents in {time.monotonic() - started:.1f} s. Report: {report}")
    return Exit.OK if all(good) else Exit.UNMET


def _judge(item: Played) -> bool:
    """Whether the verdict is what the scenario expects, by the same scoring as `eval`."""
    investigation = item.closed.investigation
    expected = parse(item.world.expect, where=item.case.name)
    return score(investigation.assessment, investigation.evidence, expected).passed


def _print_table(played: Sequence[Played], good: Sequence[bool]) -> None:
    rows: list[tuple[str, ...]] = [("node", "trigger", "severity", "root cause", "conf.", "as expected", "actions")]
    for item, right in zip(played, good, strict=True):
        assessment = item.closed.investigation.assessment
        draft = assessment.draft
        actions = ", ".join(action.action for action in draft.actions) or Action.NONE
        expected = "yes" if right else "NO"
        trust = f"{draft.confidence:.0%}"
        row = (assessment.node, assessment.condition, draft.severity, draft.fault_class, trust, expected, actions)
        rows.append(tuple(map(str, row)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print()
    for cells in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


def _write_report(played: Sequence[Played], output: Path) -> Path:
    output.mkdir(parents=True, exist_ok=True)
    path = output / "report.html"
    publications = [item.closed.publication for item in played]
    page = render_report(publications, title="gcm-sentinel demo", generated_at=datetime.now(UTC))
    path.write_text(page, encoding="utf-8")
    return path.resolve()
