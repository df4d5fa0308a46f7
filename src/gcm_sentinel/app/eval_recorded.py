"""The folder of recorded cases as a whole: of which run it is, and the reading of what it holds.

Every figure needs its denominator. So the folder says, beside the cases, how the run was made and how many cases it
has; a folder of another run is not added to, and one that does not say is not read.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from gcm_sentinel.app.eval_recording import ENDING, SCHEMA, Recorded, RecordedAnswer
from gcm_sentinel.app.eval_results import Run, differences, now_text
from gcm_sentinel.domain.assessment_json import assessment_from_json
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.transcript_json import transcript_from_json
from gcm_sentinel.evals.case_record import record_from_json
from gcm_sentinel.evals.expectation import parse

RUN_SCHEMA = "gcm-sentinel/eval-recording/v1"
_RUN = "run.json"


def prepare_folder(folder: Path, how: Mapping[str, Json], planned: int, *, resume: bool) -> None:
    """Make the folder that of the run made by `how` with `planned` cases.

    Raises:
        BadConfiguration: it holds the cases of another run, or of this one and it is not gone on with; or it cannot be
            written.
    """
    if _is_used(folder):
        _refuse_another(folder, how, planned)
        if not resume:
            raise BadConfiguration(f"--record: {str(folder)!r} holds recorded cases already; name another folder")
        return
    head = {"schema": RUN_SCHEMA, "created_at": now_text(), "planned": planned, "run": dict(how)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _RUN).write_text(json.dumps(head, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise BadConfiguration(f"--record: {str(folder)!r} cannot be written: {error.strerror}") from error


def _is_used(folder: Path) -> bool:
    return any(folder.glob(f"*{ENDING}"))


def _refuse_another(folder: Path, how: Mapping[str, Json], planned: int) -> None:
    before = run_of(folder)
    differs = differences({**before.how, "cases": before.planned}, {**how, "cases": planned})
    if differs:
        raise BadConfiguration(f"--record: {str(folder)!r} is of a run made otherwise: {'; '.join(differs)}")


def run_of(folder: Path) -> Run:
    """The run whose cases the folder holds, without them.

    Raises:
        BadConfiguration: it does not say.
    """
    path = folder / _RUN
    try:
        read = JsonReader.of(json.loads(path.read_bytes()), str(path))
    except (OSError, ValueError) as error:
        raise BadConfiguration(f"{str(folder)!r} does not say of which run its cases are ({_RUN}: {error})") from error
    if read.optional("schema", str) != RUN_SCHEMA:
        raise BadConfiguration(f"{str(path)!r}: its schema is not {RUN_SCHEMA!r}")
    return Run(read.inside("run").data, read.get("created_at", str), (), read.get("planned", int))


def recorded_in(folder: Path) -> Iterator[Recorded]:
    """Every case of a folder, in order of name.

    Raises:
        BadConfiguration: there is none, or one that cannot be read; names the file.
    """
    paths = sorted(folder.glob(f"*{ENDING}"))
    if not paths:
        raise BadConfiguration(f"no recorded cases (*{ENDING}) in {str(folder)!r}; `eval --record DIR` keeps them")
    for path in paths:
        yield _read(path)


def _read(path: Path) -> Recorded:
    try:
        data = json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, ValueError) as error:
        raise BadConfiguration(f"{str(path)!r} is no recorded case: {error}") from error
    read = JsonReader.of(data, path.name)
    if read.optional("schema", str) != SCHEMA:
        raise BadConfiguration(f"{str(path)!r} is no recorded case: its schema is not {SCHEMA!r}")
    record = record_from_json(read.inside("case"))
    if not read.has("transcript"):
        return Recorded(record, None)
    answer = RecordedAnswer(
        expected=parse(read.inside("expect").data, where=f"{path.name}: {record.name}"),
        transcript=transcript_from_json(read.inside("transcript").data),
        assessment=assessment_from_json(read.inside("assessment").data),
    )
    return Recorded(record, answer)
