"""The agent's client against a real server of the node's service on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import structlog
from tests.node_service.conftest import Given, serving

from gcm_sentinel.clients.node_agent import NodeAgents
from gcm_sentinel.clients.node_agent_access import NodeAccess


@pytest.fixture(autouse=True)
def _quiet() -> None:
    structlog.configure(
        processors=[structlog.processors.KeyValueRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )


@pytest.fixture
def given() -> Given:
    return Given()


async def loopback(_node: str) -> str:
    """Where every node of a test is."""
    return "127.0.0.1"


@pytest.fixture
async def agents(given: Given) -> AsyncIterator[NodeAgents]:
    """A client whose nodes are all the test's one, which calls itself ``node-1``."""
    async with serving(given) as port:
        yield NodeAgents(NodeAccess(f"{{node_ip}}:{port}", ip_of=loopback))
