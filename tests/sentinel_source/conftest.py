"""A gateway double over real gRPC, and the source that asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from tests.sentinel_source.gateway_double import GatewayDouble, running
from tests.sentinel_source.given import SCOPE, context_with

from gcm_sentinel.clients.sentinel import Access, SentinelGateway
from gcm_sentinel.datasources.sentinel import SentinelSource
from gcm_sentinel.domain.evidence import ToolResult
from gcm_sentinel.domain.transcript import ToolCall

Ask = Callable[..., Awaitable[ToolResult]]


@pytest.fixture
async def double() -> AsyncIterator[GatewayDouble]:
    """A gateway that knows nothing yet."""
    async with running(GatewayDouble()) as served:
        yield served


@pytest.fixture
async def gateway(double: GatewayDouble) -> AsyncIterator[SentinelGateway]:
    """The client of it."""
    client = SentinelGateway(Access(double.endpoint, plaintext=True))
    yield client
    await client.aclose()


@pytest.fixture
def ask(gateway: SentinelGateway) -> Ask:
    """Ask the source: ``await ask("get_sentinel_history", gpu="GPU-…")``."""
    source = SentinelSource(context_with(gateway))

    async def run(tool: str, **arguments: Any) -> ToolResult:
        return await source.execute(ToolCall("c1", tool, arguments), SCOPE)

    return run
