"""`submit_assessment`: the one way an investigation ends. The schema a model must fill and its parsing into a `Draft`.

The schema is strict (every property required, nothing else allowed, closed lists as enums), so that providers can
enforce it; parsing is a little kinder to servers that cannot (absent lists are empty), and never guesses: a wrong
severity, class or action is an error that goes back to the model in words it can act on.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gcm_sentinel.domain import actions, faults
from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import (
    CausalStep,
    Citation,
    Claim,
    Draft,
    RecommendedAction,
    RuledOut,
    Severity,
)
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.errors import Rejected
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.transcript import SUBMIT_TOOL, ToolSpec

Text = Annotated[str, Field(max_length=4000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EntityPart(_Part):
    """An entity as the model writes it."""

    kind: EntityKind
    name: Text = Field(description="its name; for a GPU the UUID where known, else 'gpu<index>'")
    node: str | None = Field(default=None, description="the node it is on")
    index: int | None = Field(default=None, ge=0, description="GPU or NIC index")
    uuid: str | None = Field(default=None, description="GPU UUID, 'GPU-...'")
    pci: str | None = Field(default=None, description="PCI address, '0000:17:00'")

    def to_domain(self) -> Entity:
        """As a value."""
        return Entity(self.kind, self.name, node=self.node, index=self.index, uuid=self.uuid, pci=self.pci)


class CitationPart(_Part):
    """A pointer into evidence as the model writes it."""

    evidence: Annotated[str, Field(pattern=r"^E[1-9]\d*$")]
    quote: Text = Field(description="words that stand in that evidence, or 'path = value' of its summary")


class ClaimPart(_Part):
    """A claim as the model writes it."""

    text: Text
    cites: list[CitationPart] = Field(min_length=1)
    absence: bool = Field(default=False, description="true when it says that something was looked for and is not there")


class CausalPart(_Part):
    """One link of the causal chain, cause first."""

    text: Text
    evidence: list[str] = Field(default_factory=list)


class ActionPart(_Part):
    """A recommended action as the model writes it."""

    action: Action
    target: EntityPart | None = None
    reason: Text = ""


class RuledOutPart(_Part):
    """An alternative that was considered."""

    fault_class: FaultClass
    reason: Text


class Submission(_Part):
    """The whole of `submit_assessment`."""

    severity: Severity
    fault_class: FaultClass
    summary: Annotated[str, Field(min_length=1, max_length=1000)]
    root_cause: Annotated[str, Field(min_length=1, max_length=4000)]
    confidence: Annotated[float, Field(ge=0.0, le=1.0)]
    entities: list[EntityPart] = Field(default_factory=list, description="the culprits, not all that was mentioned")
    causal_chain: list[CausalPart] = Field(default_factory=list)
    actions: list[ActionPart] = Field(default_factory=list, description="in the order they should be done")
    claims: list[ClaimPart] = Field(default_factory=list)
    ruled_out: list[RuledOutPart] = Field(default_factory=list)
    not_checked: list[Text] = Field(default_factory=list, description="what could not be checked, and why it matters")

    def to_draft(self) -> Draft:
        """As a value."""
        return Draft(
            severity=self.severity,
            fault_class=self.fault_class,
            summary=self.summary,
            root_cause=self.root_cause,
            confidence=self.confidence,
            entities=tuple(part.to_domain() for part in self.entities),
            causal_chain=tuple(CausalStep(part.text, tuple(part.evidence)) for part in self.causal_chain),
            actions=tuple(
                RecommendedAction(part.action, part.target.to_domain() if part.target else None, part.reason)
                for part in self.actions
            ),
            claims=tuple(
                Claim(part.text, tuple(Citation(cite.evidence, cite.quote) for cite in part.cites), part.absence)
                for part in self.claims
            ),
            ruled_out=tuple(RuledOut(part.fault_class, part.reason) for part in self.ruled_out),
            not_checked=tuple(self.not_checked),
        )


def parse(arguments: JsonObject) -> Draft:
    """A model's submission as a draft.

    Raises:
        Rejected: it does not fit the schema; the message lists each place and what is wrong with it.
    """
    try:
        return Submission.model_validate(dict(arguments)).to_draft()
    except ValidationError as error:
        lines = [f"- {'.'.join(map(str, item['loc'])) or 'submission'}: {item['msg']}" for item in error.errors()[:12]]
        raise Rejected("the assessment does not fit its schema:\n" + "\n".join(lines)) from error


@lru_cache(maxsize=1)  # the schema takes 10 ms to make, and every turn offers it
def tool_spec() -> ToolSpec:
    """`submit_assessment` as a tool, with the closed lists explained."""
    classes = "\n".join(f"- {fault}: {faults.MEANING[fault]}" for fault in FaultClass)
    verbs = "\n".join(f"- {action}: {actions.MEANING[action]}" for action in Action)
    return ToolSpec(
        name=SUBMIT_TOOL,
        description=(
            "End the investigation with its assessment. Every claim cites evidence; what cannot be supported is struck."
            f"\n\nFault classes:\n{classes}\n\nActions:\n{verbs}"
        ),
        parameters=_strict(Submission.model_json_schema()),
    )


def _strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with references inlined, every property required and nothing else allowed (what strict tools need)."""
    definitions = schema.get("$defs", {})

    def resolve(part: Any) -> Any:  # noqa: ANN401  a JSON schema is arbitrary JSON
        if isinstance(part, list):
            return [resolve(item) for item in part]
        if not isinstance(part, Mapping):
            return part
        if "$ref" in part:
            own = {key: value for key, value in part.items() if key != "$ref"}
            return resolve({**definitions[part["$ref"].rsplit("/", 1)[1]], **own})
        kept = {key: resolve(value) for key, value in part.items() if key not in ("title", "default", "$defs")}
        if kept.get("type") == "object" and "properties" in kept:
            kept["properties"] = {key: resolve(value) for key, value in part["properties"].items()}
            kept["required"] = list(kept["properties"])
            kept["additionalProperties"] = False
        return kept

    resolved: dict[str, Any] = resolve(schema)
    return resolved
