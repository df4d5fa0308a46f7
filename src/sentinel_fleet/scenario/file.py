"""The shape of a scenario file: its parts, and which keys each part has, before anything is drawn."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sentinel_fleet.facts import SourceName
from sentinel_fleet.scenario.errors import ScenarioError, validate

SCHEMA = "gcm-sentinel/scenario/v1"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


RawFacts = list[dict[str, Any]]
"""Entries of one key each, not yet resolved."""


RawPriorIncidents = list[dict[str, Any]]
"""Entries of scenario/prior.py, not yet resolved."""


RawSentinel = dict[str, Any]
"""`sentinel_fleet.sentinel.facts.SentinelPart` and its `facts`, not yet resolved; empty: the world has no gateway."""


RawNodeAgents = dict[str, Any] | None
"""`sentinel_fleet.node_agents.facts.NodeAgentsPart` and its `facts`, not yet resolved; None: nothing is said here."""


class Distractor(_Part):
    """A group of facts and prior incidents that is there by chance."""

    chance: float = Field(0.5, ge=0.0, le=1.0)
    facts: RawFacts = []
    prior_incidents: RawPriorIncidents = []
    sentinel: RawSentinel = {}
    node_agents: RawNodeAgents = None


class TriggerPart(_Part):
    """What the agent is given."""

    node: str
    condition: str | None = None
    alert: str | None = None
    message: str = ""
    event: str | None = None

    @model_validator(mode="after")
    def _one_of(self) -> TriggerPart:
        if (self.condition is None) == (self.alert is None):
            raise ValueError("expected exactly one of `condition` and `alert`")
        if self.event is not None and self.alert is None:
            raise ValueError("`event` stands beside `alert`: a condition is watched anyway")
        return self


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Words = Annotated[list[str], BeforeValidator(_as_list)]


class ExpectedActions(_Part):
    """Actions that must, may and must not be recommended."""

    required: Words = []
    any_of: list[list[str]] = []
    forbidden: Words = []


class ExpectedEvidence(_Part):
    """Something the answer must point at."""

    source: str
    contains: str | None = None
    matches: str | None = None

    @model_validator(mode="after")
    def _one_of(self) -> ExpectedEvidence:
        if (self.contains is None) == (self.matches is None):
            raise ValueError("expected exactly one of `contains` and `matches`")
        if self.matches is not None:
            _check_pattern(self.matches)
        return self


class ExpectedConfidence(_Part):
    """Bounds of the confidence."""

    min: float | None = Field(None, ge=0.0, le=1.0)
    max: float | None = Field(None, ge=0.0, le=1.0)


def _check_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return pattern


Pattern = Annotated[str, BeforeValidator(lambda value: _check_pattern(value) if isinstance(value, str) else value)]


class ExpectPart(_Part):
    """What a good answer is; the words are the scorer's, only the shape is checked here."""

    fault_class: Words = Field(min_length=1)
    severity: Words = Field(min_length=1)
    entities: list[dict[str, Any]] = []
    actions: ExpectedActions = ExpectedActions()
    evidence: list[ExpectedEvidence] = []
    never_claim: Annotated[list[Pattern], BeforeValidator(_as_list)] = []
    gaps: Annotated[list[Pattern], BeforeValidator(_as_list)] = []
    confidence: ExpectedConfidence | None = None


class Variant(_Part):
    """A change of the scenario that is run as well."""

    facts: RawFacts = []
    prior_incidents: RawPriorIncidents | None = None
    """Replace the scenario's own; None keeps them."""
    sentinel: RawSentinel = {}
    """Facts are added, the rest replaces the scenario's own."""
    node_agents: RawNodeAgents = None
    """As for `sentinel`."""
    without_source: list[SourceName | Literal["history"]] = []
    fleet: dict[str, Any] = {}
    trigger: dict[str, Any] | None = None
    expect: dict[str, Any] = {}


class ScenarioFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)

    schema_id: Literal["gcm-sentinel/scenario/v1"] = Field(alias="schema")
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    section: str = Field(pattern=r"^[A-N]$")
    draw: dict[str, Any] = {}
    fleet: dict[str, Any] = {}
    facts: RawFacts
    prior_incidents: RawPriorIncidents = []
    sentinel: RawSentinel = {}
    node_agents: RawNodeAgents = None
    distractors: list[Distractor] = []
    variants: dict[str, Variant] = {}
    trigger: dict[str, Any]
    expect: dict[str, Any]


if TYPE_CHECKING:
    from yaml import SafeLoader as _Loader
else:  # libyaml where PyYAML was built with it: ten times as fast
    _Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StrictLoader(_Loader):
    """Refuses a key that stands twice in one mapping, and reads `on`, `no`, dates and 12:30 as the text they are."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _plain_scalars() -> None:
    """Only what YAML 1.2 calls null, booleans and numbers; everything else is text."""
    kinds = (
        ("tag:yaml.org,2002:null", r"~|null|", ["~", "n", ""]),
        ("tag:yaml.org,2002:bool", r"true|false", ["t", "f"]),
        ("tag:yaml.org,2002:int", r"[-+]?[0-9]+|0x[0-9a-fA-F]+", list("-+0123456789")),
        (
            "tag:yaml.org,2002:float",
            r"[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|[-+]?\.[0-9]+",
            list("-+0123456789."),
        ),
        ("tag:yaml.org,2002:merge", r"<<", ["<"]),
    )
    _StrictLoader.yaml_implicit_resolvers = {}
    for tag, pattern, first in kinds:
        _StrictLoader.add_implicit_resolver(tag, re.compile(f"^(?:{pattern})$"), first)


_plain_scalars()


def read(path: Path) -> ScenarioFile:
    """Parse a scenario file's shape.

    Raises:
        ScenarioError: the file cannot be read, is no YAML, or has another shape.
    """
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise ScenarioError("file", f"cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ScenarioError(_yaml_place(error), f"not YAML: {_yaml_problem(error)}") from None
    return validate(ScenarioFile, raw, "")


def _yaml_place(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return "file" if mark is None else f"line {mark.line + 1}"


def _yaml_problem(error: Exception) -> str:
    return str(getattr(error, "problem", None) or error)
