"""Results files: one JSON document of a run, written once, when it has ended.

What grows while a run lasts is its journal (`eval_journal.py`); whoever reads a run may name the one or the other.
"""

from __future__ import annotations

import json
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
_MOST_NAMED = 10


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
        "planned": run.planned,
        "cases": [record_to_json(record) for record in run.records],
        "summary": summary_of(run.records, run.wall_s),
    }
    text = json.dumps(content, indent=1, ensure_ascii=False, default=str) + "\n"
    beside = path.with_name(path.name + ".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def whole_of(found: JsonReader) -> Run:
    """The run of a results file's content.

    Raises:
        BadConfiguration: it is none.
    """
    schema = found.optional("schema", str)
    if schema != SCHEMA:
        raise BadConfiguration(f"{found.where}: schema {schema!r} is not {SCHEMA!r}: no results file of `eval`")
    records = tuple(found.each("cases", record_from_json))
    how = found.inside("run").data if found.has("run") else {}
    planned = found.optional("planned", int)
    wall_s = found.inside("summary").number("wall_s")
    return Run(how, found.get("created_at", str), records, len(records) if planned is None else planned, wall_s)


def differences(before: Mapping[str, Json], now: Mapping[str, Json]) -> list[str]:
    """In what two descriptions of a run differ, a sentence for each; of digests only the names are told."""
    found = []
    for key in sorted({*before, *now}):
        one, other = before.get(key), now.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            names = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
            found += [f"{key} differ in {_few(names)}"] if names else []
        elif one != other:
            found.append(f"{key} was {one!r}, is {other!r}")
    return found


def _few(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def in_order(records: Sequence[CaseRecord], keys: Sequence[Key]) -> tuple[CaseRecord, ...]:
    """The records that are there, in the order of `keys`; the last of each counts."""
    found = {record.key: record for record in records}
    return tuple(found[key] for key in keys if key in found)
