"""A witness in the API server's door: every request that would change something is looked at when it comes in.

It must be a call of an order that is recorded as running (or take that back), about a node of that order's own incident
or a pod there, ruled allowed, and in `approve` approved by a person for exactly its digest. Readings and dry runs pass.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.acting_safety.conftest import NODE, OTHER, Yard
from tests.cluster_sources.conftest import Faults, Logs

from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.domain.action_record import UNDER_WAY, ActionRecord, ApprovalState
from gcm_sentinel.domain.modes import Mode
from sentinel_fleet.kube import KubeSettings, ObjectStore, Rules, kube_app, write_kubeconfig

HOMES = {"inc-1": NODE, "inc-2": OTHER}
"""Each incident's own node; one name is the beginning of the other."""
SWIFT = KubeSettings(pod_grace_s=0.0)
"""Evicted pods are gone at once, as the clock does not wait for them."""


@dataclass
class Witness:
    """Looks at each request before it is answered."""

    store: ObjectStore
    yard: Yard | None = None
    """Of the example that is told."""
    seen: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @web.middleware
    async def look(self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Any:
        """The API server's own door."""
        if request.method not in ("GET", "HEAD") and "dryRun" not in request.query:
            self.seen.append(f"{request.method} {request.path}")
            self.complaints += [f"{self.seen[-1]}: {found}" async for found in self._objections(request.path)]
        return await handler(request)

    async def _objections(self, path: str) -> AsyncIterator[str]:
        assert self.yard is not None
        node = self.node_of(path)
        under_way = await self.yard.stores.actions.in_state(*UNDER_WAY)
        orders = [record for record in under_way if self.is_its(record, node, path)]
        if len(orders) != 1:
            yield f"{len(orders)} of {len(under_way)} orders under way are about {node or 'that'}"
        for record in orders:
            if not await self.is_allowed(record):
                yield f"nobody allowed {record.id}"

    def node_of(self, path: str) -> str:
        """The node that a request is about; empty for any but a node's and a pod's eviction."""
        if path.startswith("/api/v1/nodes/"):
            return path.removeprefix("/api/v1/nodes/")
        name = path.removesuffix("/eviction").rpartition("/")[2] if path.endswith("/eviction") else ""
        pod = self.store.get("pods", name, "ml")
        return str(pod["spec"]["nodeName"]) if pod else ""

    def is_its(self, record: ActionRecord, node: str, path: str) -> bool:
        paths = {f"/api/v1/nodes/{node}", *(call.path for call in record.order.calls)}
        return HOMES[record.order.incident_id] == node == record.order.target.name and path in paths

    async def is_allowed(self, record: ActionRecord) -> bool:
        assert self.yard is not None
        if not record.ruling.startswith(("a person approved it", "mode execute and the policy allow")):
            return False
        if self.yard.mode is not Mode.APPROVE:
            return True
        asked = await self.yard.question(record)
        decided = asked.decided_at is not None and asked.decided_at < asked.expires_at
        return decided and (asked.state, asked.digest) == (ApprovalState.APPROVED, record.order.digest)


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[tuple[Witness, KubernetesClient]]:
    """An API server with a witness in its door, and a client of it."""
    witness = Witness(ObjectStore())
    app = kube_app(witness.store, Logs(), Faults(), time.time, Rules(), SWIFT)
    app.middlewares.append(witness.look)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(TestServer(app))
        config = write_kubeconfig(str(server.make_url("")).rstrip("/"), folder / "kubeconfig")
        client = await KubernetesClient.connect(kubeconfig=config, timeout=timedelta(seconds=5))
        stack.push_async_callback(client.aclose)
        yield witness, client
