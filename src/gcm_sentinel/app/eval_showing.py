"""`eval scorecard`: the figures of a run that was made before; and the page of any run."""

from __future__ import annotations

from pathlib import Path

from gcm_sentinel.app.eval_journal import read
from gcm_sentinel.app.eval_results import Run, prepare
from gcm_sentinel.app.exits import Exit
from gcm_sentinel.app.output import print_json
from gcm_sentinel.app.tables import print_scoreboard
from gcm_sentinel.evals.figures_json import summary_of


def scorecard_command(results: Path, html: Path | None, *, json: bool) -> Exit:
    """`eval scorecard`: as text, as JSON, or as a page.

    Raises:
        BadConfiguration: no results file, or a page that cannot be written.
    """
    run = read(results)
    if html:
        prepare(html)
        write_page(html, run)
    elif json:
        print_json(summary_of(run.records, run.wall_s))
    else:
        print_scoreboard(run)
    missing = run.planned - len(run.records)
    if missing and not json:
        print(f"the run did not end: {missing} of {run.planned} cases are missing")
    return Exit.OK


def write_page(path: Path, run: Run) -> None:
    """Write the scorecard of a run as a page."""
    from gcm_sentinel.evals.scorecard import scorecard

    path.write_text(scorecard(run.records, run.how, created_at=run.created_at, planned=run.planned), encoding="utf-8")
    print(f"scorecard: {path}")
