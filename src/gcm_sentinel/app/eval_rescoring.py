"""`eval rescore` and `eval replay`: recorded cases judged by this version, without a model, a world or a network.

`rescore` takes each assessment as it was published. `replay` plays the transcript through the loop again, so that this
version's checks of claims and its verdict come into it, too; it costs nothing but our own time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gcm_sentinel.app.eval_case import class_name, judge, per_call_ms
from gcm_sentinel.app.eval_recorded import recorded_in, run_of
from gcm_sentinel.app.eval_recording import Recorded, RecordedAnswer, acted_of, directed_of
from gcm_sentinel.app.eval_results import Run, now_text, prepare, write
from gcm_sentinel.app.eval_showing import write_page
from gcm_sentinel.app.exits import Exit
from gcm_sentinel.app.replayed import Replayed, replay
from gcm_sentinel.app.tables import name_of, print_scoreboard
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.engine.investigation import Investigation
from gcm_sentinel.evals.case_record import CaseRecord
from gcm_sentinel.evals.measures import measure, no_fault
from gcm_sentinel.web.plain import one_line


def rescore_command(folder: Path, output: Path | None, html: Path | None) -> Exit:
    """`eval rescore`.

    Raises:
        BadConfiguration: nothing recorded there, or a file that cannot be written.
    """
    _prepare(output, html)
    before = run_of(folder)
    pairs = [(kept.record, rescored(kept)) for kept in recorded_in(folder)]
    run = _run_of(before, {"rescored": str(folder)}, pairs)
    _tell("rescored", run, pairs, output, html)
    return Exit.OK if len(pairs) == run.planned else Exit.UNMET


async def replay_command(folder: Path, output: Path | None, html: Path | None) -> Exit:
    """`eval replay`: exit 1 when an assessment comes out that is not the recorded one.

    Raises:
        BadConfiguration: nothing recorded there, or a file that cannot be written.
    """
    _prepare(output, html)
    before, pairs = run_of(folder), []
    for kept in recorded_in(folder):
        if kept.answer is None:
            pairs.append((kept.record, kept.record))
            continue
        played = await replay(kept.answer.transcript, kept.answer.assessment)
        pairs.append((kept.record, replayed(kept.record, kept.answer, played)))
        for item in played.differences:
            print(f"{name_of(kept.record)} seed {kept.record.seed}: {item.what}")
            print(f"  recorded: {one_line(item.recorded)[:300]}\n  replayed: {one_line(item.replayed)[:300]}")
    run = _run_of(before, {"replayed": str(folder)}, pairs)
    _tell("replayed", run, pairs, output, html)
    alike = all(record.replays_alike for _, record in pairs if record.score)
    return Exit.OK if alike and len(pairs) == run.planned else Exit.UNMET


def rescored(kept: Recorded) -> CaseRecord:
    """A kept case with the score and the figures of today; one that could not be run stays one."""
    answer = kept.answer
    if answer is None:
        return kept.record
    found = Investigation(answer.assessment, answer.transcript.evidence, answer.transcript)
    return _judged(kept.record, answer, found)


def replayed(kept: CaseRecord, answer: RecordedAnswer, played: Replayed) -> CaseRecord:
    """The same for what came out of a replay; what its model had spent is spent all the same."""
    found = played.investigation
    assessment = replace(found.assessment, engine=answer.assessment.engine, spend=answer.assessment.spend)
    record = _judged(kept, answer, replace(found, assessment=assessment))
    return replace(record, overhead_ms=per_call_ms(played), replays_alike=played.same)


def _judged(kept: CaseRecord, answer: RecordedAnswer, found: Investigation) -> CaseRecord:
    expected = answer.expected
    return replace(
        kept,
        score=judge(found, expected, acted_of(kept), directed_of(kept)),
        measures=measure(found.assessment, found.evidence, expected, kept.without),
        expected_class=class_name(expected),
        is_fault=not no_fault(expected),
    )


def _prepare(*paths: Path | None) -> None:
    for path in filter(None, paths):
        prepare(path)


def _run_of(before: Run, did: dict[str, Json], pairs: Sequence[tuple[CaseRecord, CaseRecord]]) -> Run:
    """The recorded run with today's records.

    Raises:
        BadConfiguration: the folder holds more cases than its run has.
    """
    if len(pairs) > before.planned:
        raise BadConfiguration(
            f"{len(pairs)} cases are recorded of a run that has {before.planned}: they are of several"
        )
    return Run({**before.how, **did}, now_text(), tuple(now for _, now in pairs), before.planned)


def _tell(
    did: str, run: Run, pairs: Sequence[tuple[CaseRecord, CaseRecord]], output: Path | None, html: Path | None
) -> None:
    print_scoreboard(run)
    if len(pairs) < run.planned:
        print(f"the recording is not whole: {run.planned - len(pairs)} of {run.planned} cases are missing")
    changed = [(then, now) for then, now in pairs if (then.total, then.forbidden) != (now.total, now.forbidden)]
    for then, now in changed:
        print(f"{name_of(now)} seed {now.seed}: {then.total:g} when it was recorded, {now.total:g} now")
    print(f"{did} {len(pairs)} cases; {len(changed)} have another score than when they were recorded")
    if output:
        write(output, run)
        print(f"results: {output}")
    if html:
        write_page(html, run)
