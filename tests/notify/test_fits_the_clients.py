"""The sinks work with the clients they are wired with, against a loopback API server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.protocols import Clock, Notifier, Publication
from gcm_sentinel.notify.annotations import AnnotationNotifier
from gcm_sentinel.notify.kubernetes_event import KubernetesEventNotifier
from gcm_sentinel.notify.publish import publish_all


class ApiServer:
    """Keeps events by name and node annotations; answers as a real one does."""

    def __init__(self) -> None:
        self.events: dict[str, Any] = {}
        self.patches: list[tuple[str, str, str, Any]] = []

    async def create_event(self, request: web.Request) -> web.Response:
        event = await request.json()
        name = event["metadata"]["name"]
        if name in self.events:
            status = {"kind": "Status", "status": "Failure", "reason": "AlreadyExists", "code": 409}
            return web.json_response(status, status=409)
        self.events[name] = event
        return web.json_response(event, status=201)

    async def patch_node(self, request: web.Request) -> web.Response:
        kind = request.headers["Content-Type"]
        body = await request.json()
        self.patches.append((request.match_info["name"], kind, request.query.get("fieldManager", ""), body))
        return web.json_response({"kind": "Node", "metadata": body["metadata"]})


@pytest.fixture
def server() -> ApiServer:
    return ApiServer()


@pytest.fixture
async def cluster(server: ApiServer, tmp_path: Path) -> AsyncIterator[KubernetesClient]:
    app = web.Application()
    app.router.add_post("/api/v1/namespaces/default/events", server.create_event)
    app.router.add_patch("/api/v1/nodes/{name}", server.patch_node)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(a_kubeconfig(f"http://127.0.0.1:{runner.addresses[0][1]}")))
    client = await KubernetesClient.connect(kubeconfig=kubeconfig)
    yield client
    await client.aclose()
    await runner.cleanup()


def a_kubeconfig(url: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }


async def test_event_and_annotations_reach_the_api_server_once_each(
    cluster: KubernetesClient, server: ApiServer, clock: Clock, publication: Publication
) -> None:
    sinks: list[Notifier] = [KubernetesEventNotifier(cluster, clock), AnnotationNotifier(cluster, Mode.ANNOTATE)]

    for _ in range(2):
        deliveries = await publish_all(sinks, publication)

    assert [(delivery.notifier, delivery.reason) for delivery in deliveries] == [
        ("kubernetes-event", ""),
        ("annotations", ""),
    ]
    assert [event["involvedObject"]["uid"] for event in server.events.values()] == ["gpu-r03-n05"]
    node, kind, manager, body = server.patches[0]
    assert (node, kind, manager) == ("gpu-r03-n05", "application/merge-patch+json", "gcm-sentinel")
    assert body["metadata"]["annotations"]["gcm-sentinel/action"] == "drain"
