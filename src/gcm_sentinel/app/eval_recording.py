"""Recorded cases: everything that is needed to score an answer again, without its model and its world.

One file a case: the transcript with the tools' results, the assessment, what was done, and the answer sheet as it was
drawn. A case that could not be run has its file, too, and the folder says of which run it is and how many cases that
has: what is left out of a score must not make it better.

Secrets are removed once more on the way to the file, also the operator's own by their very value, because such
files are given to others.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from pydantic import SecretStr

from gcm_sentinel.app.settings import Settings, load
from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.assessment import Assessment
from gcm_sentinel.domain.assessment_json import assessment_to_json
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.transcript import Transcript
from gcm_sentinel.domain.transcript_json import transcript_to_json
from gcm_sentinel.engine.investigation import Investigation
from gcm_sentinel.evals.acted import Acted, Directed
from gcm_sentinel.evals.case_record import CaseRecord, record_to_json
from gcm_sentinel.evals.expectation import Expectation

SCHEMA = "gcm-sentinel/eval-case/v1"
ENDING = ".case.json.gz"
_LEAST_SECRET = 6
"""A shorter value is no secret, and would be found everywhere."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """An answer, and what was expected."""

    expected: Expectation
    transcript: Transcript
    assessment: Assessment


@dataclass(frozen=True, slots=True)
class Recorded:
    """A case as it was kept."""

    record: CaseRecord
    """Its score and figures when it was kept."""
    answer: RecordedAnswer | None
    """None where the case could not be run."""


def acted_of(record: CaseRecord) -> tuple[Acted, ...]:
    """What was ordered in a kept case."""
    return tuple(
        Acted(read.member("operation", Operation), read.get("node", str), read.member("state", ActionState))
        for read in _each(record, "acted")
    )


def directed_of(record: CaseRecord) -> tuple[Directed, ...]:
    """What the gateway was told in it."""
    return tuple(
        Directed(*(read.get(key, str) for key in ("action", "gpu", "node", "status")))
        for read in _each(record, "directives")
    )


def _each(record: CaseRecord, key: str) -> list[JsonReader]:
    read = JsonReader(record.detail, record.name)
    return read.each(key, lambda item: item) if read.has(key) else []


@dataclass(frozen=True, slots=True)
class Answer:
    """What a case that was run leaves to be kept."""

    investigation: Investigation
    expect: Mapping[str, Any]
    """The answer sheet as it was drawn."""


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

    def keep(self, record: CaseRecord, answer: Answer | None) -> Path:
        """Write one case, without an answer where it could not be run; where it was written."""
        content: dict[str, Json] = {"case": record_to_json(record)}
        if answer is not None:
            content |= {
                "expect": answer.expect,
                "transcript": transcript_to_json(answer.investigation.transcript),
                "assessment": assessment_to_json(answer.investigation.assessment),
            }
        text = json.dumps({"schema": SCHEMA, **self.redactor.object(content)}, ensure_ascii=False, default=str)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / (_file_name(record) + ENDING)
        path.write_bytes(gzip.compress(text.encode(), compresslevel=6, mtime=0))
        return path


def keep_or_tell(folder: Path, record: CaseRecord, answer: Answer | None) -> None:
    """Record a case; where that fails it is told, and the case counts all the same."""
    try:
        Recorder.of(folder, load()).keep(record, answer)
    except OSError:
        log.exception("eval.case_not_recorded", case=record.name, seed=record.seed, folder=str(folder))


def _file_name(record: CaseRecord) -> str:
    parts = (record.scenario, record.variant, f"s{record.seed}", *(f"no-{source}" for source in record.without))
    return "~".join(re.sub(r"[^A-Za-z0-9._-]", "_", part) for part in parts if part)
