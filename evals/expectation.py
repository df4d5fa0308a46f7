"""What a scenario expects of an answer, as values. Parsed once from the scenario's `expect` part.

Every name is checked against the closed lists, so that a typo in a scenario is an error of the scenario and never a
case that cannot be passed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import Severity
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.faults import FaultClass

_T = TypeVar("_T")
_CLOSED = "no such word; `gcm-sentinel eval --list-classes` prints them"


@dataclass(frozen=True, slots=True)
class EvidenceNeeded:
    """Evidence that some citation must point at."""

    source: str
    contains: str = ""
    pattern: str = ""

    def met_by(self, evidence: Evidence) -> bool:
        """Whether `evidence` is of that source and holds the words."""
        if self.source and evidence.source != self.source:
            return False
        text = "\n".join([evidence.result.raw, json.dumps(evidence.result.summary, ensure_ascii=False, default=str)])
        if self.contains and self.contains not in text:
            return False
        return not self.pattern or re.search(self.pattern, text) is not None


@dataclass(frozen=True, slots=True)
class Confidence:
    """Bounds a right answer's confidence must lie in."""

    minimum: float = 0.3
    maximum: float = 1.0


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a good answer is."""

    fault_class: frozenset[FaultClass]
    severity: frozenset[Severity]
    entities: tuple[Entity, ...] = ()
    required: tuple[Action, ...] = ()
    any_of: tuple[tuple[Action, ...], ...] = ()
    forbidden: tuple[Action, ...] = ()
    evidence: tuple[EvidenceNeeded, ...] = ()
    never_claim: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    confidence: Confidence = Confidence()

    @property
    def nodes(self) -> frozenset[str]:
        """Nodes that may be acted on: those a culprit stands on."""
        return frozenset(entity.node for entity in self.entities if entity.node)


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from error
    return text


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Actions(_Part):
    required: list[Action] = Field(default_factory=list)
    any_of: list[list[Action]] = Field(default_factory=list)
    forbidden: list[Action] = Field(default_factory=list)


class _Evidence(_Part):
    source: str = ""
    contains: str = ""
    matches: str = ""

    @field_validator("matches")
    @classmethod
    def _compiles(cls, value: str) -> str:
        return _pattern(value)

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not (self.contains or self.matches):
            raise ValueError("give `contains` or `matches`; a source alone is met by whatever it says")
        return self


class _Confidence(_Part):
    min: float = 0.3
    max: float = 1.0


class _Entity(_Part):
    kind: EntityKind
    name: str = ""
    node: str | None = None
    index: int | None = None
    uuid: str | None = None
    pci: str | None = None


class _Expect(_Part):
    fault_class: list[FaultClass] = Field(min_length=1)
    severity: list[Severity] = Field(min_length=1)
    entities: list[_Entity] = Field(default_factory=list)
    actions: _Actions = Field(default_factory=_Actions)
    evidence: list[_Evidence] = Field(default_factory=list)
    never_claim: list[str] = Field(default_factory=list)
    gaps: list[str] = Field(default_factory=list)
    confidence: _Confidence = Field(default_factory=_Confidence)

    @field_validator("fault_class", "severity", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("never_claim", "gaps")
    @classmethod
    def _patterns_compile(cls, value: list[str]) -> list[str]:
        return [_pattern(pattern) for pattern in value]


def parse(expect: Mapping[str, object], *, where: str) -> Expectation:
    """The `expect` part of scenario `where` as values.

    Raises:
        BadConfiguration: an unknown key, class, action or a pattern that does not compile.
    """
    try:
        part = _Expect.model_validate(dict(expect))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        hint = (
            "no such word; `gcm-sentinel eval --list-classes` prints them" if first["type"] == "enum" else first["msg"]
        )
        raise BadConfiguration(f"{where}: expect.{place}: {hint} (got {first['input']!r})") from error
    return Expectation(
        fault_class=frozenset(part.fault_class),
        severity=frozenset(part.severity),
        entities=tuple(_entity(item) for item in part.entities),
        required=_unique(part.actions.required),
        any_of=tuple(tuple(group) for group in part.actions.any_of),
        forbidden=_unique(part.actions.forbidden),
        evidence=tuple(EvidenceNeeded(item.source, item.contains, item.matches) for item in part.evidence),
        never_claim=tuple(part.never_claim),
        gaps=tuple(part.gaps),
        confidence=Confidence(part.confidence.min, part.confidence.max),
    )


def _entity(part: _Entity) -> Entity:
    node = part.node or (part.name if part.kind is EntityKind.NODE else None)
    name = part.name or part.uuid or part.node or ""
    return Entity(part.kind, name, node=node, index=part.index, uuid=part.uuid, pci=part.pci)


def _unique(items: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(items))
