"""Schemas become strict where a provider can enforce them, within its limits, and stay as they are elsewhere."""

from __future__ import annotations

import pytest

from gcm_sentinel.domain.transcript import ToolSpec
from gcm_sentinel.engine.submission import tool_spec
from gcm_sentinel.llm.strict import ANTHROPIC_LIMITS, NO_LIMITS, Strictness, strict_schemas


def strict(schema, *, all_required=False):
    return strict_schemas((ToolSpec("t", "", schema),), Strictness.ALL, NO_LIMITS, all_required=all_required).get("t")


def optional(count, name="t"):
    properties = {f"p{number}": {"type": "string"} for number in range(count)}
    return ToolSpec(name, "", {"type": "object", "properties": properties})


def test_bounds_are_said_in_words_instead():
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1, "default": 5}}, "required": ["n"]}

    assert strict(schema)["properties"]["n"] == {"type": "integer", "description": "(minimum 1, default 5)"}


def test_objects_are_closed_at_every_depth():
    inner = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    schema = {"type": "object", "properties": {"list": {"type": "array", "items": inner}}, "required": ["list"]}

    made = strict(schema)

    assert made["additionalProperties"] is False
    assert made["properties"]["list"]["items"]["additionalProperties"] is False


def test_where_all_must_be_required_optional_ones_may_be_null():
    enum = {"type": "string", "enum": ["a", "b"], "description": "which"}
    made = strict({"type": "object", "properties": {"e": enum}}, all_required=True)

    assert made["required"] == ["e"]
    assert made["properties"]["e"] == {
        "description": "which",
        "anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}],
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {}, "additionalProperties": True},
        {"type": "object", "properties": {"x": {}}},
        {"type": "object", "properties": {"x": {"type": "array"}}},
        {"type": "object", "properties": {"x": {"oneOf": [{"type": "string"}]}}},
        {"$ref": "#/$defs/X"},
    ],
    ids=["free-form", "untyped", "untyped-items", "one-of", "reference"],
)
def test_what_cannot_be_strict_is_left_alone(schema):
    assert strict(schema) is None


def test_the_assessment_itself_can_be_strict_for_both_providers():
    spec = tool_spec()

    for all_required in (False, True):
        made = strict_schemas((spec,), Strictness.ALL, ANTHROPIC_LIMITS, all_required=all_required)
        assert list(made) == [spec.name]
        assert "maxLength" not in str(made)


@pytest.mark.parametrize(
    ("tools", "strict_ones"),
    [
        ([optional(20, "a"), optional(10, "b"), optional(4, "c")], ["a", "c"]),
        ([optional(0, f"t{number}") for number in range(25)], [f"t{number}" for number in range(20)]),
        ([optional(24, "a"), optional(1, "submit_assessment")], ["submit_assessment"]),
    ],
    ids=["optional-parameters", "tools", "the-assessment-first"],
)
def test_the_providers_limits_hold(tools, strict_ones):
    made = strict_schemas(tools, Strictness.ALL, ANTHROPIC_LIMITS, all_required=False)

    assert list(made) == strict_ones


def test_strictness_weakens_only_when_schemas_are_blamed():
    assert Strictness.ALL.after("Schema is too complex for compilation") is Strictness.SUBMIT_ONLY
    assert Strictness.SUBMIT_ONLY.after("too many strict tools") is Strictness.NONE
    assert Strictness.NONE.after("strict") is Strictness.NONE
    assert Strictness.ALL.after("prompt is too long") is Strictness.ALL
