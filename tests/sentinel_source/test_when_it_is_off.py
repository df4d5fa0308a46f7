"""No gateway, one out of reach, one that does not know us: what the two sources say, and what they do not offer."""

from __future__ import annotations

from datetime import timedelta

import grpc
import pytest
from tests.sentinel_source.given import SCOPE, context_with

from gcm_sentinel.clients.sentinel import Access, SentinelGateway
from gcm_sentinel.datasources.audit_ledger import AuditLedgerSource
from gcm_sentinel.datasources.sentinel import SentinelSource
from gcm_sentinel.domain.evidence import ResultStatus
from gcm_sentinel.domain.transcript import ToolCall

KINDS = [SentinelSource, AuditLedgerSource]
CALLS = {
    SentinelSource: ToolCall("c1", "get_sentinel_trust_graph", {}),
    AuditLedgerSource: ToolCall("c1", "query_audit_ledger", {}),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_without_a_gateway_it_offers_nothing_and_says_how_to_turn_it_on(kind):
    source = kind(context_with(None))

    availability = await source.is_available()

    assert (source.get_tools(), source.get_system_prompt_section(), availability.usable) == ((), "", False)
    assert "GCM_SENTINEL_SENTINEL_ENDPOINT" in availability.how_to_enable


@pytest.mark.parametrize("kind", KINDS)
async def test_asked_all_the_same_it_is_unavailable(kind):
    result = await kind(context_with(None)).execute(CALLS[kind], SCOPE)

    assert result.status is ResultStatus.UNAVAILABLE
    assert "GCM_SENTINEL_SENTINEL_ENDPOINT" in result.note


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
async def test_a_gateway_out_of_reach_is_unavailable_with_its_address(kind):
    gateway = SentinelGateway(Access("127.0.0.1:1", plaintext=True, timeout=timedelta(seconds=1)))
    source = kind(context_with(gateway))

    result = await source.execute(CALLS[kind], SCOPE)
    availability = await source.is_available()
    await gateway.aclose()

    assert result.status is ResultStatus.UNAVAILABLE
    assert "127.0.0.1:1" in result.note
    assert not availability.usable


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, ResultStatus.UNAVAILABLE),
        (grpc.StatusCode.UNAUTHENTICATED, ResultStatus.UNAVAILABLE),
        (grpc.StatusCode.UNIMPLEMENTED, ResultStatus.UNAVAILABLE),
        (grpc.StatusCode.INVALID_ARGUMENT, ResultStatus.ERROR),
        (grpc.StatusCode.DATA_LOSS, ResultStatus.ERROR),
    ],
    ids=lambda value: value.name,
)
async def test_a_refusal_is_told_in_the_gateways_words(double, ask, code, status):
    double.fail["GetTrustGraph"] = (code, "the role viewer would allow it")

    result = await ask("get_sentinel_trust_graph")

    assert result.status is status
    assert "the role viewer would allow it" in result.note
    assert result.query.startswith("GetTrustGraph")


@pytest.mark.parametrize("kind", KINDS)
async def test_every_tool_it_offers_is_answered(kind, gateway):
    source = kind(context_with(gateway))

    results = [await source.execute(ToolCall("c1", tool.name, {}), SCOPE) for tool in source.get_tools()]

    assert not [result.note for result in results if "has no tool" in result.note]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_tool_of_another_source_is_refused(kind, gateway):
    result = await kind(context_with(gateway)).execute(ToolCall("c1", "get_node_info", {}), SCOPE)

    assert result.status is ResultStatus.ERROR
