"""The kubernetes package as its users use it: kubeconfig, transport, typed calls, watches."""

from __future__ import annotations

import asyncio
import json
import stat

import pytest
from kubernetes.aio import client, config
from kubernetes.aio.client.exceptions import ApiException

from sentinel_fleet.kube import Rules, User, write_kubeconfig


@pytest.fixture
def rules():
    return Rules(tokens={"secret-token": User("agent")})


@pytest.fixture
async def kube(api, tmp_path):
    path = write_kubeconfig(api.url, tmp_path / "kubeconfig", token="secret-token")
    configuration = client.Configuration()
    await config.load_kube_config(config_file=str(path), client_configuration=configuration)
    async with client.ApiClient(configuration) as api_client:
        yield api_client


async def raw(kube, method, path, query=(), body=None, **headers):
    sent = {"Accept": "application/json", **headers}
    request = await kube.param_serialize(
        method, path, query_params=list(query), header_params=sent, body=body, auth_settings=["BearerToken"]
    )
    return await kube.call_api(*request, _request_timeout=5)


async def test_lists_with_plain_json(kube):
    response = await raw(kube, "GET", "/api/v1/nodes", [("limit", 2)])

    names = [item["metadata"]["name"] for item in json.loads(await response.read())["items"]]
    assert names == ["gpu-1", "gpu-2"]


async def test_streams_a_watch(kube, api):
    query = [("watch", "true"), ("resourceVersion", str(api.store.resource_version))]
    response = await raw(kube, "GET", "/api/v1/nodes", query)
    api.store.delete("nodes", "gpu-1")

    async with asyncio.timeout(5):
        event = json.loads(await response.response.content.readline())

    response.response.close()
    assert (event["type"], event["object"]["metadata"]["name"]) == ("DELETED", "gpu-1")


async def test_patches(kube, api):
    kind = {"Content-Type": "application/strategic-merge-patch+json"}

    response = await raw(kube, "PATCH", "/api/v1/nodes/gpu-1", body={"spec": {"unschedulable": True}}, **kind)

    assert json.loads(await response.read())["spec"]["unschedulable"] is True
    assert api.store.get("nodes", "gpu-1")["spec"]["unschedulable"] is True


@pytest.mark.slow
async def test_typed_models_read_what_is_served(kube):
    core = client.CoreV1Api(kube)

    nodes = await core.list_node(label_selector="rack=a")
    pod = await core.read_namespaced_pod("web-1", "team-a")

    assert [item.to_dict()["metadata"]["name"] for item in nodes.items] == ["gpu-1", "gpu-2"]
    assert pod.to_dict()["status"]["phase"] == "Running"


async def test_typed_refusals_carry_the_status(kube):
    core = client.CoreV1Api(kube)

    with pytest.raises(ApiException) as caught:
        await core.read_node("gpu-9")

    assert caught.value.status == 404
    assert json.loads(caught.value.body or "")["reason"] == "NotFound"


async def test_evicts_with_typed_models(kube, api):
    core = client.CoreV1Api(kube)
    eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name="web-1", namespace="team-a"))

    await core.create_namespaced_pod_eviction("web-1", "team-a", eviction)

    assert api.store.get("pods", "web-1", "team-a")["metadata"]["deletionTimestamp"]


async def test_a_wrong_token_is_unauthorized(api, tmp_path):
    path = write_kubeconfig(api.url, tmp_path / "kubeconfig", token="wrong")
    configuration = client.Configuration()
    await config.load_kube_config(config_file=str(path), client_configuration=configuration)

    async with client.ApiClient(configuration) as kube:
        response = await raw(kube, "GET", "/api/v1/nodes")
        await response.read()

    assert response.status == 401


def test_a_kubeconfig_is_its_owners_alone(tmp_path):
    path = write_kubeconfig("http://127.0.0.1:1", tmp_path / "kubeconfig", token="t")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
