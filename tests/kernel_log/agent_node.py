"""A node with its own agent: a kernel buffer, a journal, a clock that may be wrong, behind the real service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.kernel_log.conftest import FixedClock, Upstream, kubeconfig, scope_of
from tests.node_agent_client.conftest import loopback
from tests.node_kernel.conftest import BOOT_START_NS
from tests.node_service.conftest import Given, serving

from gcm_sentinel.clients.http import HttpClient
from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.clients.node_agent import NodeAgents
from gcm_sentinel.clients.node_agent_access import NodeAccess
from gcm_sentinel.datasources import kernel_log
from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.domain.evidence import ToolResult
from gcm_sentinel.domain.transcript import ToolCall
from sentinel_node.domain.kernel import KernelPage, KernelQuery, KernelRecord
from sentinel_node.service.node_service import Machine

NODE = "node-1"
UP = timedelta(hours=2)
NOW = datetime.fromtimestamp(BOOT_START_NS // 10**9, UTC) + UP
BOOT = "2863af27935a458887b8c71dae594c20"


class StillClock(FixedClock):
    """Nothing takes any time by it."""

    def monotonic(self) -> float:
        return 0.0


@dataclass
class AgentNode(Given):
    """The node of a test; `ahead` is how far its clock is ahead of ours."""

    ahead: timedelta = timedelta(0)

    def machine(self) -> Machine:
        now_ns = BOOT_START_NS + int((UP + self.ahead).total_seconds()) * 10**9
        return replace(super().machine(), now_ns=lambda: now_ns)


@dataclass
class GivenPages:
    """A kernel log that answers with what a test lays down: the window, and lines that hold a wanted word."""

    window: tuple[KernelRecord, ...] = ()
    older: tuple[KernelRecord, ...] = ()
    lead: tuple[KernelRecord, ...] = ()
    """The newest line before the window."""
    is_truncated: bool = False
    asked: list[KernelQuery] = field(default_factory=list)

    def read(self, query: KernelQuery) -> KernelPage:
        self.asked.append(query)
        if query.contains:
            return KernelPage(self.older, (BOOT,), is_truncated=False)
        records = self.window if query.limit > 1 else self.lead
        return KernelPage(records, (BOOT,), self.is_truncated and query.limit > 1)


def record(minutes: float, message: str, **fields: Any) -> KernelRecord:
    """A line of so many minutes after the boot."""
    us = int(minutes * 60_000_000)
    return KernelRecord(BOOT, round(minutes * 100), us, BOOT_START_NS + us * 1000, 4, message, "kmsg", **fields)


@dataclass
class Reader:
    """The source with that node's agent, and a kubelet beside it."""

    kubernetes: KubernetesClient
    http: HttpClient
    given: AgentNode
    call_timeout: timedelta = timedelta(seconds=30)
    port: int = 0
    clock: FixedClock = field(default_factory=lambda: StillClock(NOW))

    async def __call__(self, tool: str = "read_kernel_log", **arguments: Any) -> ToolResult:
        if self.port:
            return await self._ask(self.port, tool, arguments)
        async with serving(self.given) as port:
            return await self._ask(port, tool, arguments)

    async def _ask(self, port: int, tool: str, arguments: Any) -> ToolResult:
        agents = NodeAgents(NodeAccess(f"{{node_ip}}:{port}", ip_of=loopback))
        context = SourceContext(
            self.kubernetes,
            None,
            self.http,
            self.clock,
            call_timeout=self.call_timeout,
            node_readings=agents,
        )
        return await kernel_log.build(context).execute(ToolCall("c1", tool, arguments), scope_of(NODE))


@asynccontextmanager
async def reading(upstream: Upstream, folder: Path, given: AgentNode) -> AsyncIterator[Reader]:
    """The source over both."""
    async with AsyncExitStack() as stack:
        kubernetes = await KubernetesClient.connect(
            kubeconfig=kubeconfig(folder / "config", upstream.url), timeout=timedelta(seconds=5)
        )
        stack.push_async_callback(kubernetes.aclose)
        http = HttpClient(timedelta(seconds=5))
        stack.push_async_callback(http.aclose)
        yield Reader(kubernetes, http, given)
