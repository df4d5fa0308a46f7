"""The simulated API server answers as a real one does: the same request on both, and the answers held side by side.

Of a refusal everything is compared but numbers that differ from server to server; of an object what the request was
about, and whom its fields belong to; of a list which of the objects made here are in it, and whether more follow. The
requests, and the differences that are known, stand in same_requests.py; one that is mended is noticed.
"""

from __future__ import annotations

import json
import re
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from tests.cluster.asked import EVENTS, NODE, TAINT, Asked, node
from tests.cluster.cluster import Cluster
from tests.cluster.same_requests import ALL, DIFFERENT, FORGOTTEN, WORDS_DIFFER
from tests.cluster.servers import until
from tests.fleet_kube.conftest import FakeFaults, FakeLogs

from sentinel_fleet.kube import KubeSettings, ObjectStore, Rules, kube_app
from sentinel_fleet.times import rfc3339

PODS = ("same", "same-more")
_POD_PATHS = [f"/api/v1/namespaces/default/pods/{name}" for name in PODS]
_OBJECT = re.compile(r'Invalid value: "\{.*\}": ')
"""What a patch would have made of an object, which is another's on each server."""
_NUMBERS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<![\w.])\d{3,}(?![\w.])")


def same_node() -> dict[str, Any]:
    """Its heartbeat is new whenever it is made, or the controllers would soon take one of that name for dead."""
    times = {"lastHeartbeatTime": rfc3339(time.time()), "lastTransitionTime": "2027-01-01T00:00:00Z"}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", **times}
    notes = {"node.alpha.kubernetes.io/ttl": "0"}  # a controller would give it to the node
    return node(metadata={"labels": {"rack": "z"}, "annotations": notes}, spec={}, status={"conditions": [ready]})


def same_pod(name: str = "same") -> dict[str, Any]:
    container = {"name": "main", "image": "registry.invalid/a:1"}
    spec = {"nodeName": "same", "terminationGracePeriodSeconds": 0, "containers": [container]}
    metadata = {"name": name, "namespace": "default", "labels": {"app": "same"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@dataclass
class Side:
    """One of the two servers."""

    session: aiohttp.ClientSession

    async def ask(self, asked: Asked) -> dict[str, Any]:
        """The answer, made comparable."""
        data = asked.body if isinstance(asked.body, str) or asked.body is None else json.dumps(asked.body)
        headers = {"Content-Type": asked.kind} if data is not None else {}
        what = self.session.request(asked.method, asked.path, data=data, headers=headers, params=asked.query)
        async with what as response:
            warnings = {"warnings": response.headers.getall("Warning", []) if response.ok else []}
            if response.content_type != "application/json":
                return warnings | {"status": response.status, "text": await response.text()}
            return warnings | comparable(response.status, await response.json())


def comparable(status: int, answer: dict[str, Any]) -> dict[str, Any]:
    """What both servers must agree on; the real one validates nodes twice, and tells each cause as often."""
    if answer.get("type") == "ERROR":
        return {**comparable(status, answer["object"]), "code": answer["object"]["code"]}
    if answer.get("kind") == "Status":
        details = answer.get("details", {})
        kept = {name: details[name] for name in ("name", "kind", "group") if name in details}
        causes = {(cause.get("field"), cause.get("reason"), _said(cause)) for cause in details.get("causes", ())}
        message = _said(answer)
        return {"status": status, "reason": answer.get("reason"), "message": message, "details": (kept, causes)}
    if "items" in answer:
        names = [item["metadata"]["name"] for item in answer["items"]]
        ours = sorted(name for name in names if name in (*PODS, "same"))  # on a real server there are others
        more = bool(answer["metadata"].get("continue"))  # empty in lists of kinds of a CRD
        return {"status": status, "kind": answer["kind"], "names": ours, "more": more}
    metadata = answer.get("metadata", {})
    lines = [line for line in metadata.get("managedFields", ()) if line["manager"] == "me"]
    owned = [{name: line[name] for name in ("operation", "fieldsV1", "subresource") if name in line} for line in lines]
    about = {name: metadata.get(name) for name in ("name", "labels", "annotations")}
    spec = answer.get("spec", {}) if answer["kind"] == "Node" else {}
    told = {name: answer[name] for name in ("reason", "message", "type", "count", "action") if name in answer}
    return {"status": status, "kind": answer["kind"], **about, "spec": spec, "owned": owned, "told": told}


def _said(answer: dict[str, Any]) -> str:
    return _NUMBERS.sub("#", _OBJECT.sub("", answer.get("message", "")))


def made_store() -> ObjectStore:
    """A simulated cluster with the node and the pods that everything is about."""
    store = ObjectStore()
    store.put(same_node())
    store.patch("nodes", "same", {"spec": {"taints": [TAINT]}}, manager="them")
    for name in PODS:
        store.put(same_pod(name) | {"status": {"phase": "Running"}})
    return store


@asynccontextmanager
async def simulated_side(store: ObjectStore) -> AsyncIterator[Side]:
    """The simulated server over a store."""
    app = kube_app(store, FakeLogs(), FakeFaults(), time.time, Rules(), KubeSettings())
    async with TestServer(app) as server, aiohttp.ClientSession(str(server.make_url("")).rstrip("/")) as session:
        yield Side(session)


@asynccontextmanager
async def real_side(cluster: Cluster) -> AsyncIterator[Side]:
    """The real server, as its administrator."""
    token = cluster.kubeconfig.read_text().partition("token: ")[2].split()[0]
    headers = {"Authorization": f"Bearer {token}"}
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(cluster.ca)))
    async with aiohttp.ClientSession(cluster.url, headers=headers, connector=connector) as session:
        yield Side(session)


@pytest.fixture
async def double() -> AsyncIterator[Side]:
    """The simulated server with these objects."""
    async with simulated_side(made_store()) as side:
        yield side


@pytest.fixture
async def real(cluster: Cluster) -> AsyncIterator[Side]:
    """The real server with the same objects, made anew."""
    admin = cluster.admin
    admin.create(same_node())
    until(lambda: "taints" not in admin.get(NODE)["spec"], 30, "the node is ready")
    admin.patch(NODE, {"spec": {"taints": [TAINT]}}, manager="them")
    for name in PODS:
        admin.create(same_pod(name))
    for path in _POD_PATHS:
        admin.patch(f"{path}/status", {"status": {"phase": "Running"}})
    async with real_side(cluster) as side:
        yield side
    admin.delete(EVENTS)
    for path in _POD_PATHS:
        admin.delete(path, gracePeriodSeconds="0")
    admin.delete(NODE)


def marked(asked: Asked) -> Any:
    """The request as a case, failing by agreement where a difference is known."""
    known = DIFFERENT.get(asked.name)
    marks = [pytest.mark.xfail(reason=known, strict=True)] if known else []
    return pytest.param(asked, id=asked.name, marks=marks)


def without_words(asked: Asked, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer as far as both must agree."""
    spoken = ("message", "details") if asked.name in WORDS_DIFFER else ()
    return {name: value for name, value in answer.items() if name not in spoken}


@pytest.mark.parametrize("asked", [marked(asked) for asked in ALL])
async def test_both_answer_alike(double: Side, real: Side, asked: Asked) -> None:
    simulated, answered = await double.ask(asked), await real.ask(asked)

    assert without_words(asked, simulated) == without_words(asked, answered)


@pytest.mark.parametrize("asked", FORGOTTEN, ids=lambda asked: asked.name)
async def test_both_have_forgotten_what_was_compacted(double: Side, real: Side, cluster: Cluster, asked: Asked) -> None:
    cluster.compact()

    simulated, answered = await double.ask(asked), await real.ask(asked)

    assert without_words(asked, simulated) == without_words(asked, answered)
    assert (answered.get("code", answered["status"]), answered["reason"]) == (410, "Expired")


def test_every_known_difference_is_of_a_request_that_is_asked() -> None:
    assert {asked.name for asked in (*ALL, *FORGOTTEN)} >= WORDS_DIFFER | set(DIFFERENT)
