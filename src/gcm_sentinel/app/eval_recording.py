"""Recorded cases: everything that is needed to score an answer again, without its model and its world.

One file a case: the transcript with the tools' results, the assessment, what was done, and the answer sheet as it was
drawn. Secrets are removed once more on the way to the file, also the operator's own by their very value, because such
files are given to others.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from gcm_sentinel.app.settings import Settings
from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.assessment import Assessment
from gcm_sentinel.domain.assessment_json import assessment_from_json, assessment_to_json
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.transcript import Transcript
from gcm_sentinel.domain.transcript_json import transcript_from_json, transcript_to_json
from gcm_sentinel.engine.investigation import Investigation
from gcm_sentinel.evals.acted import Acted, Directed
from gcm_sentinel.evals.case_record import CaseRecord, record_from_json, record_to_json
from gcm_sentinel.evals.expectation import Expectation, parse

SCHEMA = "gcm-sentinel/eval-case/v1"
_ENDING = ".case.json.gz"
_LEAST_SECRET = 6
"""A shorter value is no secret, and would be found everywhere."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A case as it was kept."""

    record: CaseRecord
    """Its score and figures when it was kept."""
    expected: Expectation
    transcript: Transcript
    assessment: Assessment

    @property
    def acted(self) -> tuple[Acted, ...]:
        """What was ordered."""
        return tuple(
            Acted(read.member("operation", Operation), read.get("node", str), read.member("state", ActionState))
            for read in _each(self.record, "acted")
        )

    @property
    def directed(self) -> tuple[Directed, ...]:
        """What the gateway was told."""
        return tuple(
            Directed(*(read.get(key, str) for key in ("action", "gpu", "node", "status")))
            for read in _each(self.record, "directives")
        )


def _each(record: CaseRecord, key: str) -> list[JsonReader]:
    read = JsonReader(record.detail, record.name)
    return read.each(key, lambda item: item) if read.has(key) else []


@dataclass(frozen=True, slots=True)
class Recorder:
    """Keeps cases in a folder."""

    folder: Path
    redactor: Redactor

    @classmethod
    def of(cls, folder: Path, settings: Settings) -> Recorder:
        """A recorder that knows the secrets of `settings`."""
        values = (getattr(settings, name) for name in Settings.model_fields)
        secrets = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
        exact = [re.compile(re.escape(secret)) for secret in secrets if len(secret) >= _LEAST_SECRET]
        return cls(folder, Redactor(extra=(*exact, *map(re.compile, settings.redact_patterns))))

    def keep(self, record: CaseRecord, investigation: Investigation, expect: Mapping[str, Any]) -> Path:
        """Write one case; where it was written."""
        content: dict[str, Json] = {
            "case": record_to_json(record),
            "expect": expect,
            "transcript": transcript_to_json(investigation.transcript),
            "assessment": assessment_to_json(investigation.assessment),
        }
        text = json.dumps({"schema": SCHEMA, **self.redactor.object(content)}, ensure_ascii=False, default=str)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / (_file_name(record) + _ENDING)
        path.write_bytes(gzip.compress(text.encode(), compresslevel=6, mtime=0))
        return path


def _file_name(record: CaseRecord) -> str:
    parts = (record.scenario, record.variant, f"s{record.seed}", *(f"no-{source}" for source in record.without))
    return "~".join(re.sub(r"[^A-Za-z0-9._-]", "_", part) for part in parts if part)


def recorded_in(folder: Path) -> Iterator[Recorded]:
    """Every case of a folder, in order of name.

    Raises:
        BadConfiguration: there is none, or one that cannot be read; names the file.
    """
    paths = sorted(folder.glob(f"*{_ENDING}"))
    if not paths:
        raise BadConfiguration(f"no recorded cases (*{_ENDING}) in {str(folder)!r}; `eval --record DIR` keeps them")
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
    return Recorded(
        record=record,
        expected=parse(read.inside("expect").data, where=f"{path.name}: {record.name}"),
        transcript=transcript_from_json(read.inside("transcript").data),
        assessment=assessment_from_json(read.inside("assessment").data),
    )
