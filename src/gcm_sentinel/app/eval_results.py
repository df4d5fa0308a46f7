"""Results files: one JSON document of a whole run, and the journal that grows beside it while the run lasts.

The journal is append-only, a line a case, so that a run that was killed at any moment can be gone on with: nothing that
was paid for is lost but the cases that were under way. Its first line holds the settings of the run, without which its
cases could not be told from those of another. The results file is written once, whole, when every case has its result.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gcm_sentinel import __version__
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.evals.case_record import CaseRecord, Key, record_from_json, record_to_json
from gcm_sentinel.evals.figures_json import summary_of

SCHEMA = "gcm-sentinel/eval/v1"
JOURNAL_SCHEMA = "gcm-sentinel/eval-journal/v1"


@dataclass(frozen=True, slots=True)
class Run:
    """A run as a file holds it."""

    how: Mapping[str, Json]
    """The settings it was made with."""
    created_at: str
    records: tuple[CaseRecord, ...]
    planned: int
    """Cases it has when it is whole."""
    wall_s: float = 0.0


def journal_of(output: Path) -> Path:
    """Where the journal of a results file stands."""
    return output.with_name(output.name + ".journal")


class Journal:
    """The journal of a run that is going on."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def begin(cls, path: Path, how: Mapping[str, Json], planned: int) -> Journal:
        """A new one; one that holds no case is written over.

        Raises:
            BadConfiguration: there is one of a run that did not end, or it cannot be written.
        """
        if path.exists() and not _read_journal(path).records:
            path.unlink()
        head: dict[str, Json] = {
            "schema": JOURNAL_SCHEMA,
            "created_at": now_text(),
            "planned": planned,
            "run": dict(how),
        }
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(_line(head))
        except FileExistsError:
            raise BadConfiguration(
                f"{str(path)!r} is of a run that did not end: --resume goes on with it; remove it to begin anew"
            ) from None
        except OSError as error:
            raise BadConfiguration(f"{str(path)!r} cannot be written: {error.strerror}") from error
        return cls(path)

    @classmethod
    def go_on(cls, path: Path, how: Mapping[str, Json]) -> tuple[Journal, Run]:
        """The one that is there, and what it holds; a last line that was cut off is cut away.

        Raises:
            BadConfiguration: there is none, it is none, or its run was made with other settings; names them.
        """
        run = _read_journal(path)
        differs = sorted(key for key in {*run.how, *how} if run.how.get(key) != how.get(key))
        if differs:
            words = "; ".join(f"{key} was {run.how.get(key)!r}, is {how.get(key)!r}" for key in differs)
            raise BadConfiguration(f"--resume: {str(path)!r} was made with other settings: {words}")
        whole = path.read_bytes().rfind(b"\n") + 1
        os.truncate(path, whole)
        return cls(path), run

    def add(self, record: CaseRecord) -> None:
        """One more case; on return it survives the end of this process."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(record_to_json(record)))

    def end(self) -> None:
        """The results file is written; this is not needed any more."""
        self._path.unlink(missing_ok=True)


def _line(value: Mapping[str, Json]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str) + "\n"


def now_text() -> str:
    """The present as files have it."""
    return datetime.now(UTC).isoformat()


def prepare(path: Path) -> None:
    """Make sure, before a long run, that its results can be written to `path`; its folder is made where needed.

    Raises:
        BadConfiguration: they cannot.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        path.open("a").close()
        if is_new:
            path.unlink()
    except OSError as error:
        raise BadConfiguration(f"{str(path)!r} cannot be written: {error.strerror}") from error


def write(path: Path, run: Run) -> None:
    """Write the results file; whoever reads meanwhile sees the old one or the new one."""
    content = {
        "schema": SCHEMA,
        "version": __version__,
        "created_at": run.created_at,
        "run": dict(run.how),
        "cases": [record_to_json(record) for record in run.records],
        "summary": summary_of(run.records, run.wall_s),
    }
    text = json.dumps(content, indent=1, ensure_ascii=False, default=str) + "\n"
    beside = path.with_name(path.name + ".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def read(path: Path) -> Run:
    """The run of a results file, or of the journal of one that did not end.

    Raises:
        BadConfiguration: no such file, or none of these.
    """
    text = _text(path)
    with contextlib.suppress(json.JSONDecodeError):
        return _whole(JsonReader.of(json.loads(text), str(path)))
    return _read_journal(path)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadConfiguration(f"{str(path)!r} is no results file: not UTF-8") from None
    except OSError as error:
        raise BadConfiguration(f"{str(path)!r} cannot be read: {error.strerror}") from error


def _whole(found: JsonReader) -> Run:
    schema = found.optional("schema", str)
    if schema == JOURNAL_SCHEMA:  # a journal of no case yet
        return _begun(found, ())
    if schema != SCHEMA:
        raise BadConfiguration(f"{found.where}: schema {schema!r} is not {SCHEMA!r}: no results file of `eval`")
    records = tuple(found.each("cases", record_from_json))
    how = found.inside("run").data if found.has("run") else {}
    wall_s = found.inside("summary").number("wall_s")
    return Run(how, found.get("created_at", str), records, len(records), wall_s)


def _read_journal(path: Path) -> Run:
    lines = _text(path).split("\n")[:-1]  # what follows the last new line was cut off
    if not lines:
        raise BadConfiguration(f"{str(path)!r} is no results file and no journal of one")
    head, *cases = [_parsed(line, f"{path}:{number}") for number, line in enumerate(lines, 1)]
    if head.optional("schema", str) != JOURNAL_SCHEMA:
        raise BadConfiguration(f"{str(path)!r} is no results file and no journal of one")
    latest = {record.key: record for record in map(record_from_json, cases)}
    return _begun(head, tuple(latest.values()))


def _begun(head: JsonReader, records: tuple[CaseRecord, ...]) -> Run:
    return Run(head.inside("run").data, head.get("created_at", str), records, head.get("planned", int))


def _parsed(line: str, where: str) -> JsonReader:
    try:
        return JsonReader.of(json.loads(line), where)
    except json.JSONDecodeError as error:
        raise BadConfiguration(f"{where}: is not JSON: {error.msg}") from error


def in_order(records: Sequence[CaseRecord], keys: Sequence[Key]) -> tuple[CaseRecord, ...]:
    """The records that are there, in the order of `keys`; the last of each counts."""
    found = {record.key: record for record in records}
    return tuple(found[key] for key in keys if key in found)
