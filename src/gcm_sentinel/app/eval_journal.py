"""The journal of a run: it grows by a line a case, and a run that was killed at any moment can be gone on with.

Nothing that was paid for is lost but the cases that were under way. The first line holds the settings of the run,
without which its cases could not be told from those of another. Whoever writes holds the kernel's lock on the file, so
that two runs never pay for the same cases. A kill may cut the last line anywhere, also inside a character: what follows
the last new line is cut away as bytes, before anything is decoded.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from gcm_sentinel.app.eval_results import Run, differences, now_text, whole_of
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.evals.case_record import CaseRecord, record_from_json, record_to_json

SCHEMA = "gcm-sentinel/eval-journal/v2"
_ENDING = ".journal"


def journal_of(output: Path) -> Path:
    """Where the journal of a results file stands."""
    return output.with_name(output.name + _ENDING)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a journal holds."""

    run: Run
    """With the last word about each case; its wall time is that of all sessions up to the last case."""
    tried: tuple[CaseRecord, ...] = ()
    """Every attempt in order: all of them were paid for."""


class Journal:
    """The journal of a run that is going on; nobody else writes to it until it is closed."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the file, which stays."""
        self.close()

    @classmethod
    def begin(cls, path: Path, how: Mapping[str, Json], planned: int) -> Journal:
        """A new one; one that holds no case is written over.

        Raises:
            BadConfiguration: there is one of a run with cases left, or it cannot be written.
        """
        descriptor = _locked(path, os.O_CREAT)
        try:
            content = _read_all(descriptor)
            if content and _kept(content, path).tried:
                raise BadConfiguration(
                    f"{str(path)!r} is of a run with cases left: --resume goes on with it; remove it to begin anew"
                )
            os.ftruncate(descriptor, 0)
            head: dict[str, Json] = {"schema": SCHEMA, "created_at": now_text(), "planned": planned, "run": dict(how)}
            _write(descriptor, head)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(path, descriptor)

    @classmethod
    def go_on(cls, path: Path, how: Mapping[str, Json]) -> tuple[Journal, Kept]:
        """The one that is there, and what it holds; a last line that was cut off is cut away.

        Raises:
            BadConfiguration: there is none, it is none, another run is writing to it, or its run was made with other
                settings; names them.
        """
        descriptor = _locked(path, 0)
        try:
            content = _read_all(descriptor)
            kept = _kept(content, path)
            if differs := differences(kept.run.how, how):
                raise BadConfiguration(f"--resume: {str(path)!r} was made with other settings: {'; '.join(differs)}")
            os.ftruncate(descriptor, content.rfind(b"\n") + 1)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(path, descriptor), kept

    def add(self, record: CaseRecord, run_s: float = 0.0) -> None:
        """One more case, `run_s` after the run began; on return it survives the end of this process."""
        _write(self._descriptor, {"run_s": round(run_s, 3), "case": record_to_json(record)})

    def end(self) -> None:
        """The results file is written; this is not needed any more."""
        self._path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let go of the file; a second time does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _locked(path: Path, more: int) -> int:
    """The file opened to append, held by us alone."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | more, 0o644)
    except OSError as error:
        raise BadConfiguration(f"{str(path)!r} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        why = "another run is writing to it" if isinstance(error, BlockingIOError) else error.strerror
        raise BadConfiguration(f"{str(path)!r} cannot be held: {why}") from error
    if not os.fstat(descriptor).st_nlink:
        os.close(descriptor)
        raise BadConfiguration(f"{str(path)!r} is gone: the run that wrote it has just ended")
    return descriptor


def _read_all(descriptor: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        return file.read()


def _write(descriptor: int, value: Mapping[str, Json]) -> None:
    left = (json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str) + "\n").encode()
    while left:
        left = left[os.write(descriptor, left) :]


def read(path: Path) -> Run:
    """The run of a results file, or of the journal of one that did not end.

    Raises:
        BadConfiguration: no such file, or none of these.
    """
    content = _content(path)
    try:
        found = JsonReader.of(json.loads(content), str(path))
    except ValueError:  # several documents, a line each, the last perhaps cut off
        return _kept(content, path).run
    if found.optional("schema", str) == SCHEMA:  # a journal of no case yet
        return _kept(content, path).run
    return whole_of(found)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        whole = path.with_name(path.name.removesuffix(_ENDING))
        if whole != path and whole.exists():
            raise BadConfiguration(f"{str(path)!r} is gone: its run is complete, and is in {str(whole)!r}") from error
        raise BadConfiguration(f"{str(path)!r} cannot be read: {error.strerror}") from error
    except OSError as error:
        raise BadConfiguration(f"{str(path)!r} cannot be read: {error.strerror}") from error


def _kept(content: bytes, path: Path) -> Kept:
    lines = content.split(b"\n")[:-1]  # what follows the last new line was cut off
    if not lines:
        raise BadConfiguration(f"{str(path)!r} is no results file and no journal of one")
    head, *cases = [_parsed(line, f"{path}:{number}") for number, line in enumerate(lines, 1)]
    if head.optional("schema", str) != SCHEMA:
        raise BadConfiguration(f"{str(path)!r} is no results file and no journal of one")
    tried = tuple(record_from_json(line.inside("case")) for line in cases)
    latest = {record.key: record for record in tried}
    wall_s = cases[-1].number("run_s") if cases else 0.0
    how, begun = head.inside("run").data, head.get("created_at", str)
    return Kept(Run(how, begun, tuple(latest.values()), head.get("planned", int), wall_s), tried)


def _parsed(line: bytes, where: str) -> JsonReader:
    try:
        return JsonReader.of(json.loads(line), where)
    except ValueError as error:
        raise BadConfiguration(f"{where}: is not JSON: {error}") from error
