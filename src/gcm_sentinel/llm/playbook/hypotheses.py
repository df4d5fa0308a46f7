"""What the playbook knows, loaded from `data/`: hypotheses, questions, trigger families and the sources of its numbers.

The files are validated when they are read: an unknown finding, action, class, question, family or source is an error
that names the file's entry, so that knowledge and code cannot drift apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property, lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import Severity
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.llm.playbook.findings import parse

Target = Literal["gpu", "node", "workload", "pods", "daemonset", "switch", "held", "none"]
Culprit = Literal["gpu", "node", "workload", "pods", "daemonset", "switch", "server", "nic", "ledger", "moved", "none"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _known(key: str) -> str:
    parse(key.removeprefix("not "))
    return key


class Weight(_Part):
    """How a finding moves a hypothesis: likelihood ratios when it holds and when it does not."""

    finding: str
    holds: Annotated[float, Field(gt=0)]
    fails: Annotated[float, Field(gt=0)] = 1.0
    source: str

    _finding_exists = field_validator("finding")(_known)

    @model_validator(mode="before")
    @classmethod
    def _from_row(cls, value: Any) -> Any:  # noqa: ANN401 - raw YAML
        if isinstance(value, list):
            return dict(zip(("finding", "holds", "fails", "source"), value, strict=True))
        return value


class Advice(_Part):
    """One action that follows from a hypothesis, and when."""

    action: Action
    target: Target = "none"
    reason: str
    when: tuple[str, ...] = ()
    """All of these findings must hold (a leading ``not`` asks for one that does not hold)."""

    @field_validator("when")
    @classmethod
    def _findings_exist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_known(key) for key in value)


class SeverityRule(_Part):
    """A severity that applies when findings hold."""

    severity: Severity
    when: tuple[str, ...]

    @field_validator("when")
    @classmethod
    def _findings_exist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_known(key) for key in value)


class Hypothesis(_Part):
    """One fault class as a diagnostician knows it."""

    fault_class: FaultClass
    scope: Literal["gpu", "node"]
    prior: Annotated[float, Field(gt=0, lt=1)]
    prior_source: str
    raised_by: Mapping[str, Annotated[float, Field(gt=0)]]
    """Trigger family -> factor on the prior."""
    otherwise: Annotated[float, Field(gt=0)] = 0.25
    """Factor when no family of the trigger is listed."""
    weights: tuple[Weight, ...]
    excluded_by: tuple[str, ...] = ()
    explains: tuple[str, ...] = ()
    """Findings that are its consequences, so that they are no second fault."""
    explains_here: tuple[str, ...] = ()
    """The same, but only on the very GPU it is about: on another GPU they are a fault of their own."""
    confirm: tuple[str, ...] = ()
    """Questions that must be asked before it is concluded."""
    settle: tuple[str, ...] = ()
    """Questions that could end the doubt it is, asked where they can be; a doubt is no less sure without them."""
    demands: tuple[str, ...] = ()
    """Questions without whose answers it is not concluded: what says "nothing is wrong" must have looked."""
    culprit: Culprit
    part_when: tuple[str, ...] = ()
    """Where all of these hold for exactly one GPU, that GPU is the culprit and not the node."""
    severity: Severity
    severity_when: tuple[SeverityRule, ...] = ()
    summary: str
    root_cause: str
    actions: tuple[Advice, ...]
    at_most: Annotated[float, Field(gt=0, lt=1)] = 0.97
    """The most that anybody may be sure of it, whatever was found: lower where the class itself is a doubt."""
    not_checked: tuple[str, ...] = ()
    """What no source of this agent can show about it."""

    @field_validator("excluded_by", "explains", "explains_here", "part_when")
    @classmethod
    def _findings_exist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_known(key) for key in value)


class Question(_Part):
    """Something that can be asked of a data source."""

    name: str
    tool: str
    arguments: Mapping[str, str | int] = Field(default_factory=dict)
    """Values by parameter name; ``{node}`` is the node, ``{gpu}`` UUID and serial number of the GPU in question,
    ``{bad_entry}`` the ledger entry that does not verify, ``{peer}`` another node with the same condition,
    ``{stranger}`` the UUID of a GPU the trigger names that is not on the node. Only parameters that the tool declares
    are sent."""
    requires: Literal["gpu", "bad_entry", "peer", "stranger"] | None = None
    """It can be asked only once this is known."""
    cost: Annotated[float, Field(gt=0)] = 1.0
    triage: bool = False
    """Asked in the first turn of every investigation."""
    shows: str
    """What is missing without it, for the report."""
    families: tuple[str, ...] = ()
    """Trigger families for which it belongs to the first turn too."""


class Family(_Part):
    """A kind of trigger."""

    kinds: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    """Regular expressions over type, reason and message."""

    def covers(self, kind: str, text: str) -> bool:
        """Whether a trigger belongs to it."""
        return kind in self.kinds or any(re.search(pattern, text, re.IGNORECASE) for pattern in self.words)


class Playbook(_Part):
    """Everything the engine knows."""

    hypotheses: tuple[Hypothesis, ...]
    questions: tuple[Question, ...]
    families: Mapping[str, Family]
    sources: Mapping[str, str]

    @model_validator(mode="after")
    def _refers_to_what_exists(self) -> Playbook:
        names = {question.name for question in self.questions}
        for item in self.hypotheses:
            _all_in(item.raised_by, self.families, f"{item.fault_class}: family")
            _all_in((*item.confirm, *item.settle, *item.demands), names, f"{item.fault_class}: question")
            cited = [item.prior_source, *(weight.source for weight in item.weights)]
            _all_in(cited, self.sources, f"{item.fault_class}: source")
            needed = [need for weight in item.weights for need in parse(weight.finding)[0].needs]
            _all_in(needed, names, f"{item.fault_class}: question of a finding")
        return self

    @cached_property
    def by_class(self) -> Mapping[FaultClass, Hypothesis]:
        """Hypotheses by fault class."""
        return {item.fault_class: item for item in self.hypotheses}

    def families_of(self, kind: str, text: str) -> Mapping[str, float]:
        """The families a trigger belongs to, with a weight: where its type decides, mere words count half.

        A condition's message may list every cause its author could think of.
        """
        by_kind = {name for name, family in self.families.items() if kind in family.kinds}
        by_words = {name for name, family in self.families.items() if family.covers(kind, text)}
        return {name: 1.0 if name in by_kind or not by_kind else 0.5 for name in by_words}


def _all_in(wanted: Any, known: Any, what: str) -> None:  # noqa: ANN401 - any two containers of names
    missing = sorted(set(wanted) - set(known))
    if missing:
        raise ValueError(f"{what} {', '.join(missing)} does not exist")


@lru_cache(maxsize=1)
def shipped() -> Playbook:
    """The playbook that comes with the package."""
    data = resources.files("gcm_sentinel.llm.playbook") / "data"
    hypotheses: list[Any] = []
    for part in sorted((data / "hypotheses").iterdir(), key=lambda item: item.name):
        hypotheses.extend(_read(part))
    return Playbook.model_validate({
        "hypotheses": hypotheses,
        "questions": _read(data / "questions.yaml"),
        "families": _read(data / "families.yaml"),
        "sources": _read(data / "sources.yaml"),
    })  # fmt: skip


def _read(file: Traversable) -> Any:  # noqa: ANN401 - whatever stands in it; the model says what may
    """Read by libyaml where PyYAML was built with it: ten times as fast."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(file.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - a SafeLoader
