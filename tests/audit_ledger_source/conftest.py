"""The ledger of a gateway double over real gRPC, and the source that asks it, with and without a pinned key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.sentinel_source.gateway_double import GatewayDouble, running
from tests.sentinel_source.given import SCOPE, context_with

from gcm_sentinel.clients.sentinel import Access, SentinelGateway
from gcm_sentinel.datasources.audit_ledger import AuditLedgerSource
from gcm_sentinel.domain.evidence import ToolResult
from gcm_sentinel.domain.transcript import ToolCall

Ask = Callable[..., Awaitable[ToolResult]]


@pytest.fixture
async def double() -> AsyncIterator[GatewayDouble]:
    async with running(GatewayDouble()) as served:
        yield served


@pytest.fixture
def pinned(double: GatewayDouble, tmp_path: Path) -> Path:
    """The file with the ledger's key."""
    path = tmp_path / "ledger.key"
    path.write_text(f"# from the operator\n{double.ledger.public_key}\n")
    return path


@pytest.fixture
async def asking(double: GatewayDouble) -> AsyncIterator[Callable[..., Ask]]:
    """An `Ask` over a client of its own: ``asking(key_file)``."""
    clients: list[SentinelGateway] = []

    def make(key: Path | None = None) -> Ask:
        clients.append(SentinelGateway(Access(double.endpoint, plaintext=True, ledger_public_key=key)))
        source = AuditLedgerSource(context_with(clients[-1]))

        async def run(tool: str, **arguments: Any) -> ToolResult:
            return await source.execute(ToolCall("c1", tool, arguments), SCOPE)

        return run

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture
def ask(asking: Callable[..., Ask], pinned: Path) -> Ask:
    """Ask with the key pinned."""
    return asking(pinned)
