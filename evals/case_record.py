"""One scored case as it stands in results files and journals, and as all figures, comparisons and pages read it.

Everything that is counted is a field; what only people read (the assessment, what was done) travels as JSON in
`detail`. So a file can be looked at, compared and drawn without the scenario, the model or this version's scoring.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TypeAlias

from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.evals.measures import Measures
from gcm_sentinel.evals.score import Score, as_json

Key: TypeAlias = tuple[str, str, int, tuple[str, ...]]
"""Scenario, variant (empty for the plain one), seed, sources that were turned off."""

UNKNOWN = "unknown"
_COUNTED = ("scenario", "variant", "seed", "without", "section", "expected", "engine", "score", "passed", "parts",
            "measures", "overhead_ms", "replays_alike", "wall_s", "error")  # fmt: skip


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """One case."""

    scenario: str
    variant: str
    seed: int
    without: tuple[str, ...]
    """Data sources of the agent that were turned off."""
    section: str
    """The family of the scenario, A to N."""
    expected_class: str
    """The accepted fault classes, sorted, with ``|`` between them."""
    is_fault: bool
    """Whether anything is at fault; where nothing is, the right answer accuses nobody."""
    engine: str
    """That was asked for."""
    score: Score | None
    """None when the case could not be run; `error` says why."""
    measures: Measures | None
    wall_s: float = 0.0
    overhead_ms: tuple[float, ...] = ()
    """Our own time for each tool call, by a replay in which model and sources answer at once; of seed 1 alone."""
    replays_alike: bool | None = None
    """Whether that replay came to the same assessment; None where there was none."""
    error: str = ""
    detail: Mapping[str, Json] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """What makes it the same case in another run."""
        return (self.scenario, self.variant, self.seed, self.without)

    @property
    def name(self) -> str:
        """``id`` or ``id/variant``."""
        return f"{self.scenario}/{self.variant}" if self.variant else self.scenario

    @property
    def passed(self) -> bool:
        """Whether the case passed."""
        return self.score is not None and self.score.passed

    @property
    def total(self) -> float:
        """The points, 0 to 100; 0 where it could not be run."""
        return self.score.total if self.score else 0.0

    @property
    def forbidden(self) -> tuple[str, ...]:
        """What was violated."""
        return self.score.forbidden if self.score else ()

    @property
    def fault_class(self) -> str:
        """The class that was named; empty where the case could not be run."""
        return self.measures.fault_class if self.measures else ""


def record_to_json(record: CaseRecord) -> dict[str, Json]:
    """The case as a results file has it."""
    measures = asdict(record.measures) if record.measures else None
    return {
        "scenario": record.scenario,
        "variant": record.variant or None,
        "seed": record.seed,
        "without": list(record.without),
        "section": record.section,
        "expected": {"fault_class": record.expected_class, "is_fault": record.is_fault},
        "engine": record.engine,
        "score": record.total,
        "passed": record.passed,
        "parts": as_json(record.score) if record.score else None,
        "measures": {**measures, "gaps_untold": list(measures["gaps_untold"])} if measures else None,
        "overhead_ms": list(record.overhead_ms),
        "replays_alike": record.replays_alike,
        "wall_s": round(record.wall_s, 3),
        "error": record.error or None,
        **record.detail,
    }


def record_from_json(read: JsonReader) -> CaseRecord:
    """The case that `record_to_json` wrote.

    Raises:
        BadConfiguration: not such a case, or one of a version that did not measure; says at which place.
    """
    if not read.has("error") and not read.has("measures"):
        raise BadConfiguration(f"{read.where}: has no `measures`; the file is of an older version, run the suite again")
    expected = read.inside("expected")
    return CaseRecord(
        scenario=read.get("scenario", str),
        variant=read.optional("variant", str) or "",
        seed=read.get("seed", int),
        without=read.texts("without"),
        section=read.get("section", str),
        expected_class=expected.get("fault_class", str),
        is_fault=expected.get("is_fault", bool),
        engine=read.get("engine", str),
        score=_score(read.inside("parts")) if read.has("parts") else None,
        measures=_measures(read.inside("measures")) if read.has("measures") else None,
        wall_s=read.number("wall_s"),
        overhead_ms=tuple(_numbers(read, "overhead_ms")),
        replays_alike=read.optional("replays_alike", bool),
        error=read.optional("error", str) or "",
        detail={key: value for key, value in read.data.items() if key not in _COUNTED},
    )


def _score(read: JsonReader) -> Score:
    points = {item.name: read.number(item.name) for item in fields(Score) if item.name != "forbidden"}
    return Score(**points, forbidden=read.texts("forbidden"))


def _measures(read: JsonReader) -> Measures:
    return Measures(
        outcome=read.get("outcome", str),
        fault_class=read.get("fault_class", str),
        severity=read.get("severity", str),
        confidence=read.number("confidence"),
        right=read.get("right", bool),
        evidence_wanted=read.get("evidence_wanted", int),
        evidence_cited=read.get("evidence_cited", int),
        claims=read.get("claims", int),
        claims_founded=read.get("claims_founded", int),
        struck=read.get("struck", int),
        accuses=read.get("accuses", bool),
        gaps_untold=read.texts("gaps_untold"),
        answered_by=read.get("answered_by", str),
        tokens=read.get("tokens", int),
        cost_usd=read.number("cost_usd") if read.has("cost_usd") else None,
        turns=read.get("turns", int),
        tool_calls=read.get("tool_calls", int),
    )


def _numbers(read: JsonReader, key: str) -> list[float]:
    return [float(item) for item in read.get(key, list)] if read.has(key) else []
