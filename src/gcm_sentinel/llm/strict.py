"""Strict tools: a JSON schema rewritten into the subset a provider can enforce while sampling.

Both providers compile strict schemas into a grammar and refuse what they cannot compile. Both want
``additionalProperties: false`` everywhere and no bounds; OpenAI also wants every property required, so optional ones
become nullable (`tool_calls.without_filler` takes the nulls out again). A schema with free-form parts cannot be strict
and is sent as it is. Bounds that are taken out are said in the description; our own parsers check them anyway.

Anthropic limits a request to 20 strict tools, 24 optional and 16 union parameters among them
(https://platform.claude.com/docs/en/build-with-claude/structured-outputs#schema-complexity-limits), and some models
refuse smaller grammars as too large, so a request can be made less strict in steps (`Strictness`). The closing
`submit_assessment` gets its place first: it is the one whose shape matters most.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.transcript import SUBMIT_TOOL, ToolSpec

_BOUNDS = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "pattern", "minItems", "maxItems",
    "uniqueItems", "default",
)  # fmt: skip
_SILENT = ("minLength", "maxLength", "title", "examples", "$schema")
_BLAMES_STRICTNESS = re.compile(r"strict|grammar|compil|schema", re.IGNORECASE)


class Strictness(IntEnum):
    """How many tools of a request are strict."""

    NONE = 0
    SUBMIT_ONLY = 1
    ALL = 2

    def after(self, refusal: str) -> Strictness:
        """The next weaker step when a provider's refusal blames the schemas; the same one otherwise."""
        return Strictness(max(0, self - 1)) if _BLAMES_STRICTNESS.search(refusal) else self


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold over all its strict tools."""

    tools: int
    optional: int
    unions: int


ANTHROPIC_LIMITS = Limits(tools=20, optional=24, unions=16)
NO_LIMITS = Limits(tools=10_000, optional=10_000, unions=10_000)


def strict_schemas(
    tools: Sequence[ToolSpec], strictness: Strictness, limits: Limits, *, all_required: bool
) -> dict[str, JsonObject]:
    """Tool name -> strict schema, for those tools that can be and may be strict; all others stay as they are."""
    chosen: dict[str, JsonObject] = {}
    optional = unions = 0
    for spec in sorted(tools, key=lambda spec: spec.name != SUBMIT_TOOL):
        if not strictness or (strictness is Strictness.SUBMIT_ONLY and spec.name != SUBMIT_TOOL):
            continue
        schema = _rewritten(spec.parameters, all_required=all_required)
        if schema is None:
            continue
        more_optional, more_unions = _count(schema)
        fits = optional + more_optional <= limits.optional and unions + more_unions <= limits.unions
        if fits and len(chosen) < limits.tools:
            chosen[spec.name] = schema
            optional, unions = optional + more_optional, unions + more_unions
    return chosen


def _rewritten(schema: Json, *, all_required: bool) -> JsonObject | None:
    """A schema in the strict subset, None when it cannot be said there."""
    if not isinstance(schema, Mapping) or "$ref" in schema or "allOf" in schema or "oneOf" in schema:
        return None
    kept = {key: value for key, value in schema.items() if key not in _BOUNDS and key not in _SILENT}
    parts: dict[str, Json] = {**kept, **_description(schema)}
    if "anyOf" in schema:
        branches = _rewritten_all(schema["anyOf"], all_required=all_required)
        return None if branches is None else {**parts, "anyOf": branches}
    if schema.get("type") == "object":
        return _rewritten_object(parts, all_required=all_required)
    if schema.get("type") == "array":
        items = _rewritten(schema.get("items"), all_required=all_required)
        return None if items is None else {**parts, "items": items}
    return parts if "type" in parts or "enum" in parts or "const" in parts else None


def _rewritten_all(branches: Json, *, all_required: bool) -> list[Json] | None:
    if not isinstance(branches, list | tuple):
        return None
    done = [_rewritten(branch, all_required=all_required) for branch in branches]
    return None if any(branch is None for branch in done) else list(done)


def _rewritten_object(parts: dict[str, Json], *, all_required: bool) -> JsonObject | None:
    properties = parts.get("properties", {})
    if not isinstance(properties, Mapping) or parts.get("additionalProperties", False) is not False:
        return None
    given = parts.get("required")
    required = list(given) if isinstance(given, list | tuple) else []
    done: dict[str, Json] = {}
    for name, schema in properties.items():
        rewritten = _rewritten(schema, all_required=all_required)
        if rewritten is None:
            return None
        done[name] = _nullable(rewritten) if all_required and name not in required else rewritten
    return {
        **parts,
        "properties": done,
        "required": list(done) if all_required else required,
        "additionalProperties": False,
    }


def _nullable(schema: JsonObject) -> JsonObject:
    branches = schema.get("anyOf")
    if isinstance(branches, list):
        null: Json = {"type": "null"}
        return schema if null in branches else {**schema, "anyOf": [*branches, null]}
    outer = {"description": schema["description"]} if "description" in schema else {}
    inner = {key: value for key, value in schema.items() if key != "description"}
    return {**outer, "anyOf": [inner, {"type": "null"}]}


def _description(schema: JsonObject) -> JsonObject:
    """The description, with the bounds that are taken out said in words."""
    bounds = ", ".join(f"{key} {json.dumps(schema[key])}" for key in _BOUNDS if key in schema)
    text = str(schema.get("description", ""))
    if bounds:
        text = f"{text} ({bounds})" if text else f"({bounds})"
    return {"description": text} if text else {}


def _count(schema: Json) -> tuple[int, int]:
    """How many optional and how many union parameters a strict schema holds."""
    if isinstance(schema, list | tuple):
        counts = [_count(item) for item in schema]
        return sum(first for first, _ in counts), sum(second for _, second in counts)
    if not isinstance(schema, Mapping):
        return 0, 0
    properties, required = schema.get("properties"), schema.get("required")
    optional = 0
    if isinstance(properties, Mapping):
        needed = required if isinstance(required, list | tuple) else ()
        optional = sum(1 for name in properties if name not in needed)
    unions = int("anyOf" in schema or isinstance(schema.get("type"), list))
    inner = [_count(value) for value in schema.values()]
    return optional + sum(first for first, _ in inner), unions + sum(second for _, second in inner)
