"""`eval rescore` and `eval replay`: recorded cases judged by this version, without a model, a world or a network.

`rescore` takes each assessment as it was published. `replay` plays the transcript through the loop again, so that this
version's checks of claims and its verdict come into it, too; it costs nothing but our own time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gcm_sentinel.app.eval_case import class_name, judge, per_call_ms
from gcm_sentinel.app.eval_recording import Recorded, recorded_in
from gcm_sentinel.app.eval_results import Run, now_text, prepare, write
from gcm_sentinel.app.eval_showing import write_page
from gcm_sentinel.app.exits import Exit
from gcm_sentinel.app.replayed import Replayed, replay
from gcm_sentinel.app.tables import name_of, print_scoreboard
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
    pairs = [(kept.record, rescored(kept)) for kept in recorded_in(folder)]
    _tell("rescored", folder, pairs, output, html)
    return Exit.OK


async def replay_command(folder: Path, output: Path | None, html: Path | None) -> Exit:
    """`eval replay`: exit 1 when an assessment comes out that is not the recorded one.

    Raises:
        BadConfiguration: nothing recorded there, or a file that cannot be written.
    """
    _prepare(output, html)
    pairs = []
    for kept in recorded_in(folder):
        played = await replay(kept.transcript, kept.assessment)
        pairs.append((kept.record, replayed(kept, played)))
        for item in played.differences:
            print(f"{name_of(kept.record)} seed {kept.record.seed}: {item.what}")
            print(f"  recorded: {one_line(item.recorded)[:300]}\n  replayed: {one_line(item.replayed)[:300]}")
    _tell("replayed", folder, pairs, output, html)
    return Exit.OK if all(record.replays_alike for _, record in pairs) else Exit.UNMET


def rescored(kept: Recorded) -> CaseRecord:
    """A kept case with the score and the figures of today."""
    return _judged(kept, Investigation(kept.assessment, kept.transcript.evidence, kept.transcript))


def replayed(kept: Recorded, played: Replayed) -> CaseRecord:
    """The same for what came out of a replay; what its model had spent is spent all the same."""
    found = played.investigation
    assessment = replace(found.assessment, engine=kept.assessment.engine, spend=kept.assessment.spend)
    record = _judged(kept, replace(found, assessment=assessment))
    return replace(record, overhead_ms=per_call_ms(played), replays_alike=played.same)


def _judged(kept: Recorded, found: Investigation) -> CaseRecord:
    expected = kept.expected
    return replace(
        kept.record,
        score=judge(found, expected, kept.acted, kept.directed),
        measures=measure(found.assessment, found.evidence, expected, kept.record.without),
        expected_class=class_name(expected),
        is_fault=not no_fault(expected),
    )


def _prepare(*paths: Path | None) -> None:
    for path in filter(None, paths):
        prepare(path)


def _tell(
    did: str,
    folder: Path,
    pairs: Sequence[tuple[CaseRecord, CaseRecord]],
    output: Path | None,
    html: Path | None,
) -> None:
    records = tuple(now for _, now in pairs)
    run = Run({did: str(folder)}, now_text(), records, len(records))
    print_scoreboard(run)
    changed = [(then, now) for then, now in pairs if (then.total, then.forbidden) != (now.total, now.forbidden)]
    for then, now in changed:
        print(f"{name_of(now)} seed {now.seed}: {then.total:g} when it was recorded, {now.total:g} now")
    print(f"{did} {len(records)} cases; {len(changed)} have another score than when they were recorded")
    if output:
        write(output, run)
        print(f"results: {output}")
    if html:
        write_page(html, run)
