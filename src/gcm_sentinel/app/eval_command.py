"""`gcm-sentinel eval`: runs the suite, keeps what was paid for, and says how it went."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gcm_sentinel.app import eval_plan, evaluate
from gcm_sentinel.app.eval_case import Manner, Result, record_of
from gcm_sentinel.app.eval_plan import EvalPlan, Purse
from gcm_sentinel.app.eval_results import Journal, Run, in_order, journal_of, now_text, prepare, write
from gcm_sentinel.app.eval_showing import write_page
from gcm_sentinel.app.exits import Exit
from gcm_sentinel.app.scenarios import SCENARIOS, find_scenarios
from gcm_sentinel.app.simulated import Case
from gcm_sentinel.app.tables import case_line, print_scoreboard
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.evals.case_record import CaseRecord
from gcm_sentinel.evals.figures import figures, whole


def acting_mode(name: str | None) -> Mode | None:
    """The acting mode of a name; None for none.

    Raises:
        BadConfiguration: it is no mode in which anything is carried out.
    """
    if name is None:
        return None
    if name not in (Mode.APPROVE, Mode.EXECUTE):
        raise BadConfiguration(f"--mode {name!r}: only {Mode.APPROVE} and {Mode.EXECUTE} act; leave it out otherwise")
    return Mode(name)


async def eval_command(plan: EvalPlan) -> Exit:
    """`eval`.

    Raises:
        BadConfiguration: a plan, a scenario or a file that cannot be used.
    """
    eval_plan.check(plan)
    scenarios = find_scenarios(plan.suite.folder or SCENARIOS, plan.suite.only)
    for path in filter(None, (plan.keeping.output, plan.keeping.html)):
        prepare(path)
    chosen = eval_plan.cases(plan, scenarios)
    evaluate.check(chosen)
    begun = _begin(plan, eval_plan.how(plan, scenarios), len(chosen))
    left = [case for case in chosen if evaluate.key_of(case) not in begun.keys]
    print(f"{len(scenarios)} scenarios, {len(chosen)} cases, engine {plan.engine}{begun.words}", file=sys.stderr)
    return await _run(plan, chosen, left, begun)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A run that is about to begin, or to go on."""

    run: Run
    journal: Journal | None
    """None where nothing is kept."""
    words: str = ""

    @property
    def keys(self) -> frozenset[object]:
        """The cases that need not be run."""
        return frozenset(record.key for record in self.run.records)


def _begin(plan: EvalPlan, how: dict[str, Json], planned: int) -> _Begun:
    run = Run(how, now_text(), (), planned)
    output = plan.keeping.output
    if output is None:
        return _Begun(run, None)
    if not plan.keeping.resume:
        return _Begun(run, Journal.begin(journal_of(output), how, planned))
    journal, before = Journal.go_on(journal_of(output), how)
    kept = tuple(record for record in before.records if not record.error)
    again = len(before.records) - len(kept)
    words = f"; {len(kept)} are done" + (f", {again} could not be run and are tried again" if again else "")
    return _Begun(replace(before, records=kept), journal, words)


async def _run(plan: EvalPlan, chosen: Sequence[Case], left: Sequence[Case], begun: _Begun) -> Exit:
    purse, watch = Purse(plan.ceilings), evaluate.Stopwatch()
    records = list(begun.run.records)
    for record in records:
        purse.spend(record)

    def on_case(result: Result) -> None:
        record = record_of(result)
        records.append(record)
        purse.spend(record)
        if begun.journal:
            begun.journal.add(record)
        print(case_line(record), file=sys.stderr)

    manner = Manner(plan.engine, plan.mode, plan.keeping.record)
    jobs = plan.jobs or evaluate.usual_jobs()
    try:
        await evaluate.evaluate(left, manner, jobs=jobs, on_case=on_case, may_go_on=purse.has_room)
    except asyncio.CancelledError:
        _tell_unfinished("interrupted", len(records), begun, plan.keeping.output)
        raise
    done = in_order(records, [evaluate.key_of(case) for case in chosen])
    return _close(plan, replace(begun.run, records=done, wall_s=watch.wall_s), begun, purse)


def _close(plan: EvalPlan, run: Run, begun: _Begun, purse: Purse) -> Exit:
    output = plan.keeping.output
    print_scoreboard(run)
    is_whole = len(run.records) == run.planned
    if not is_whole:
        _tell_unfinished(purse.reached, len(run.records), begun, output)
    elif output and begun.journal:
        write(output, run)
        begun.journal.end()
        print(f"results: {output}")
    if plan.keeping.html:
        write_page(plan.keeping.html, run)
    return Exit.OK if is_whole and good(run.records, plan.require) else Exit.UNMET


def _tell_unfinished(why: str, done: int, begun: _Begun, output: Path | None) -> None:
    kept = (
        f"; they are in {journal_of(output)}, and --resume goes on" if output else "; nothing is kept without --output"
    )
    print(f"{why}: {done} of {begun.run.planned} cases are done{kept}", file=sys.stderr)


def good(records: Sequence[CaseRecord], require: float) -> bool:
    """Whether a run is what was asked for: enough passed with all sources, nothing forbidden, every case answered."""
    everywhere = figures(records)
    passed = figures(whole(records)).passed
    unfit = everywhere.forbidden.cases or everywhere.errors or everywhere.unanswered
    return not unfit and passed.value >= require
