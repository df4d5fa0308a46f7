"""Reading objects, lists and texts through the Kubernetes client."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from aiohttp import web

from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.domain.errors import BadResponse, Rejected, Unreachable


async def test_gets_an_object_with_the_credentials_of_the_kubeconfig(api, client):
    api.always(200, {"kind": "Node", "metadata": {"name": "n1"}})

    node = await client.get("/api/v1/nodes/n1", {"pretty": False})

    assert node["metadata"]["name"] == "n1"
    assert api.requests[0].headers["Authorization"] == "Bearer t0ken"
    assert api.requests[0].query["pretty"] == "false"


async def test_follows_the_pages_of_a_list(api, client):
    async def pages(request: web.Request) -> web.Response:
        last = request.query.get("continue") == "next=="
        meta = {"resourceVersion": "7"} | ({} if last else {"continue": "next=="})
        return web.json_response({"metadata": meta, "items": [{"n": 2 if last else 1}]})

    api.handler = pages

    items, resource_version = await client.list("/api/v1/nodes", {"labelSelector": "a in (b,c)"}, page=1)

    assert [item["n"] for item in items] == [1, 2]
    assert resource_version == "7"
    assert {request.query["labelSelector"] for request in api.requests} == {"a in (b,c)"}


async def test_a_list_that_expires_half_way_begins_again_once(api, client):
    answers = [
        {"metadata": {"resourceVersion": "1", "continue": "x"}, "items": [{"n": "stale"}]},
        None,
        {"metadata": {"resourceVersion": "2"}, "items": [{"n": "fresh"}]},
    ]

    async def expiring(_request: web.Request) -> web.Response:
        body = answers.pop(0)
        return web.json_response(body) if body else web.json_response({"code": 410, "message": "expired"}, status=410)

    api.handler = expiring

    items, resource_version = await client.list("/api/v1/nodes", page=1)

    assert (items, resource_version) == ([{"n": "fresh"}], "2")


async def test_a_list_that_keeps_expiring_is_an_error(api, client):
    async def expiring(request: web.Request) -> web.Response:
        if "continue" in request.query:
            return web.json_response({"code": 410, "message": "expired"}, status=410)
        return web.json_response({"metadata": {"resourceVersion": "1", "continue": "x"}, "items": []})

    api.handler = expiring

    with pytest.raises(Rejected) as caught:
        await client.list("/api/v1/nodes")

    assert caught.value.status == 410
    assert len(api.requests) == 4


async def test_keeps_the_end_of_a_long_text_from_a_whole_line_on(api, client):
    api.always(200, "\n".join(f"line {number:05}" for number in range(20_000)))

    text = await client.text("/api/v1/namespaces/a/pods/p/log", max_bytes=1000)

    assert text.startswith("line 1")
    assert text.endswith("line 19999")
    assert 900 < len(text) <= 1000


async def test_a_text_that_is_not_utf8_is_still_read(api, client):
    async def binary(_request: web.Request) -> web.Response:
        return web.Response(body=b"ok \xff\xfe end")

    api.handler = binary

    assert await client.text("/logs/kern.log") == "ok \ufffd\ufffd end"


async def test_an_answer_that_is_not_json_is_named(api, client):
    api.always(200, "<html>proxy login</html>")

    with pytest.raises(BadResponse, match="proxy login"):
        await client.get("/api/v1/nodes/n1")


async def test_a_silent_server_is_given_up_after_the_deadline(api, kubeconfig, tmp_path):
    async def silent(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    api.handler = silent
    path = kubeconfig(tmp_path / "slow", api.url)
    client = await KubernetesClient.connect(kubeconfig=path, timeout=timedelta(milliseconds=100))
    began = time.monotonic()

    with pytest.raises(Unreachable, match="no answer in time"):
        await client.get("/api/v1/nodes/n1")

    assert time.monotonic() - began < 3
    await client.aclose()


async def test_nobody_listening_is_unreachable(kubeconfig, tmp_path, unused_tcp_port):
    path = kubeconfig(tmp_path / "nobody", f"http://127.0.0.1:{unused_tcp_port}")
    client = await KubernetesClient.connect(kubeconfig=path)

    with pytest.raises(Unreachable, match="GET /api/v1/nodes/n1: no connection"):
        await client.get("/api/v1/nodes/n1")

    await client.aclose()
