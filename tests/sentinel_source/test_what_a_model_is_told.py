"""The words about the two sources, and that they cost nothing where no gateway is configured."""

from __future__ import annotations

import pytest
from tests.sentinel_source.given import context_with

from gcm_sentinel.datasources.audit_ledger import AuditLedgerSource
from gcm_sentinel.datasources.sentinel import SentinelSource
from gcm_sentinel.engine.prompts import load_prompt


@pytest.mark.parametrize("kind", [SentinelSource, AuditLedgerSource])
def test_the_prompt_names_tools_that_exist_and_is_short(kind, gateway):
    source = kind(context_with(gateway))

    prompt = load_prompt(f"sources/{source.name}")

    named = {word.strip("`") for word in prompt.split() if word.startswith("`") and "_" in word}
    assert named & {tool.name for tool in source.get_tools()}
    assert len(prompt) < 1200


@pytest.mark.parametrize("kind", [SentinelSource, AuditLedgerSource])
def test_the_tools_parameters_are_closed_objects(kind, gateway):
    for tool in kind(context_with(gateway)).get_tools():
        assert tool.parameters["additionalProperties"] is False
