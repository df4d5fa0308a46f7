"""`gcm-sentinel eval`: runs the suite, keeps what was paid for, and says how it went."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from gcm_sentinel.app import eval_plan, evaluate
from gcm_sentinel.app.eval_case import Manner, Result, record_of
from gcm_sentinel.app.eval_how import how
from gcm_sentinel.app.eval_journal import Journal, journal_of, read
from gcm_sentinel.app.eval_plan import FREE, EvalPlan
from gcm_sentinel.app.eval_purse import Purse
from gcm_sentinel.app.eval_recorded import prepare_folder
from gcm_sentinel.app.eval_recording import keep_or_tell
from gcm_sentinel.app.eval_results import Run, differences, in_order, now_text, prepare, write
from gcm_sentinel.app.eval_showing import write_page
from gcm_sentinel.app.exits import Exit
from gcm_sentinel.app.scenarios import SCENARIOS, find_scenarios
from gcm_sentinel.app.simulated import Case
from gcm_sentinel.app.tables import case_line, print_scoreboard
from gcm_sentinel.domain.assessment import Outcome
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
    made = how(plan, scenarios)
    if complete := _complete(plan, made):
        print(f"{plan.keeping.output} is complete; nothing to resume", file=sys.stderr)
        return _exit(plan, complete)
    if plan.keeping.record:
        prepare_folder(plan.keeping.record, made, len(chosen), resume=plan.keeping.resume)
    begun = _begin(plan, made, len(chosen))
    left = [case for case in chosen if evaluate.key_of(case) not in begun.keys]
    print(f"{len(scenarios)} scenarios, {len(chosen)} cases, engine {plan.engine}{begun.words}", file=sys.stderr)
    with begun.journal or nullcontext():
        return await _run(plan, chosen, left, begun)


def _complete(plan: EvalPlan, made: dict[str, Json]) -> Run | None:
    """The run that --resume was to go on with, when it has ended and left no journal.

    Raises:
        BadConfiguration: the results are those of another run, or no results.
    """
    output = plan.keeping.output
    if output is None or not plan.keeping.resume or journal_of(output).exists() or not output.exists():
        return None
    run = read(output)
    if differs := differences(run.how, made):
        raise BadConfiguration(f"--resume: {str(output)!r} was made with other settings: {'; '.join(differs)}")
    return run


@dataclass(frozen=True, slots=True)
class _Begun:
    """A run that is about to begin, or to go on."""

    run: Run
    journal: Journal | None
    """None where nothing is kept."""
    tried: tuple[CaseRecord, ...] = ()
    """Attempts of earlier sessions, all of which were paid for."""
    words: str = ""

    @property
    def keys(self) -> frozenset[object]:
        """The cases that need not be run."""
        return frozenset(record.key for record in self.run.records)


def _begin(plan: EvalPlan, made: dict[str, Json], planned: int) -> _Begun:
    run = Run(made, now_text(), (), planned)
    output = plan.keeping.output
    if output is None:
        return _Begun(run, None)
    if not plan.keeping.resume:
        return _Begun(run, Journal.begin(journal_of(output), made, planned))
    journal, kept = Journal.go_on(journal_of(output), made)
    done = tuple(record for record in kept.run.records if _is_answered(record))
    again = len(kept.run.records) - len(done)
    words = f"; {len(done)} are done" + (f", {again} could not be run or answered and are tried again" if again else "")
    return _Begun(replace(kept.run, records=done), journal, kept.tried, words)


def _is_answered(record: CaseRecord) -> bool:
    """Whether the case was run and a model finished it; where its server was away, it may be there now."""
    return record.measures is not None and record.measures.outcome != Outcome.FAILED


async def _run(plan: EvalPlan, chosen: Sequence[Case], left: Sequence[Case], begun: _Begun) -> Exit:
    purse, watch = Purse(plan), evaluate.Stopwatch()
    records = list(begun.run.records)
    for record in begun.tried:
        purse.spend(record)

    def on_case(result: Result) -> None:
        record = record_of(result)
        records.append(record)
        purse.spend(record)
        if begun.journal:
            begun.journal.add(record, begun.run.wall_s + watch.wall_s)
        if plan.keeping.record and record.measures is None:
            keep_or_tell(plan.keeping.record, record, None)
        print(case_line(record), file=sys.stderr)

    jobs = plan.jobs or evaluate.usual_jobs()
    try:
        await evaluate.evaluate(left, _manner(plan), jobs=jobs, on_case=on_case, may_go_on=purse.has_room)
    except asyncio.CancelledError:
        _tell_unfinished("interrupted", len(records), begun, plan.keeping.output)
        raise
    done = in_order(records, [evaluate.key_of(case) for case in chosen])
    whole_run = replace(begun.run, records=done, wall_s=begun.run.wall_s + watch.wall_s)
    return _close(plan, whole_run, begun, purse)


def _manner(plan: EvalPlan) -> Manner:
    """How the cases are played; a process is given the time of a model that is asked besides all others."""
    manner = Manner(plan.engine, plan.mode, plan.keeping.record)
    asking_s = 0 if plan.engine == FREE else plan.settings.max_seconds
    return replace(manner, patience_s=manner.patience_s + asking_s)


def _close(plan: EvalPlan, run: Run, begun: _Begun, purse: Purse) -> Exit:
    output = plan.keeping.output
    print_scoreboard(run)
    is_whole = len(run.records) == run.planned
    if not is_whole:
        _tell_unfinished(purse.reached, len(run.records), begun, output)
    elif output and begun.journal:
        write(output, run)
        print(f"results: {output}")
        _end(begun.journal, run, output)
    if plan.keeping.html:
        write_page(plan.keeping.html, run)
    return _exit(plan, run)


def _exit(plan: EvalPlan, run: Run) -> Exit:
    return Exit.OK if len(run.records) == run.planned and good(run.records, plan.require) else Exit.UNMET


def _end(journal: Journal, run: Run, output: Path) -> None:
    """Remove the journal, unless there are cases in it that may come out better when they are tried again."""
    again = sum(not _is_answered(record) for record in run.records)
    if again:
        print(
            f"not run or not answered: {again} of {run.planned} cases; {journal_of(output)} is kept, "
            "and --resume tries them again",
            file=sys.stderr,
        )
    else:
        journal.end()


def _tell_unfinished(why: str, done: int, begun: _Begun, output: Path | None) -> None:
    if not done:
        print(f"{why}: none of {begun.run.planned} cases is done", file=sys.stderr)
        return
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
