"""What clients read before they ask for anything."""

from __future__ import annotations

import pytest

from sentinel_fleet.kube.resources import RESOURCES

BUILT_IN = [resource for resource in RESOURCES if not resource.custom]


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/readyz/"])
async def test_is_healthy(api, path):
    assert (await api.get(path)).text == "ok"


async def test_names_its_version(api):
    answer = await api.get("/version")

    assert (answer.json["major"], answer.json["minor"], answer.json["gitVersion"]) == ("1", "34", "v1.34.2")


@pytest.mark.parametrize("resource", BUILT_IN, ids=lambda resource: resource.qualified)
async def test_lists_every_built_in_kind(api, resource):
    group = f"/apis/{resource.group}/{resource.version}" if resource.group else "/api/v1"

    rows = {row["name"]: row for row in (await api.get(group)).json["resources"]}

    row = rows[resource.plural]
    assert (row["kind"], row["namespaced"], row["singularName"]) == (
        resource.kind,
        resource.namespaced,
        resource.singular,
    )
    assert {"get", "list", "watch", "patch"} <= set(row["verbs"])
    assert (f"{resource.plural}/status" in rows) is resource.status


async def test_names_subresources_with_their_kinds(api):
    rows = {row["name"]: row for row in (await api.get("/api/v1")).json["resources"]}

    assert (rows["pods/eviction"]["group"], rows["pods/eviction"]["kind"]) == ("policy", "Eviction")
    assert {"pods/log", "nodes/proxy"} <= set(rows)


async def test_custom_kinds_appear_with_their_first_object(api):
    before = await api.get("/apis/kubeflow.org/v1")
    listing = await api.get("/apis/kubeflow.org/v1/pytorchjobs")

    api.store.put(
        {"apiVersion": "kubeflow.org/v1", "kind": "PyTorchJob", "metadata": {"name": "j", "namespace": "team-a"}}
    )

    after = await api.get("/apis/kubeflow.org/v1")
    assert (before.status, listing.status, after.status) == (404, 404, 200)
    assert (await api.get("/apis/kubeflow.org/v1/pytorchjobs")).json["items"][0]["kind"] == "PyTorchJob"


async def test_lists_groups_with_their_versions(api):
    for kind, version in (("PyTorchJob", "v1"), ("MPIJob", "v2beta1")):
        metadata = {"name": "j", "namespace": "team-a"}
        api.store.put({"apiVersion": f"kubeflow.org/{version}", "kind": kind, "metadata": metadata})

    groups = {group["name"]: group for group in (await api.get("/apis")).json["groups"]}

    assert [v["version"] for v in groups["kubeflow.org"]["versions"]] == ["v1", "v2beta1"]
    assert groups["apps"]["preferredVersion"] == {"groupVersion": "apps/v1", "version": "v1"}
    assert (await api.get("/apis/apps")).json["kind"] == "APIGroup"


async def test_openapi_lets_the_server_validate(api):
    index = (await api.get("/openapi/v3")).json["paths"]

    document = (await api.get(index["apis/apps/v1"]["serverRelativeURL"])).json

    operation = document["paths"]["/apis/apps/v1/namespaces/{namespace}/daemonsets/{name}"]["patch"]
    assert "fieldValidation" in [parameter["name"] for parameter in operation["parameters"]]
    assert operation["x-kubernetes-group-version-kind"]["kind"] == "DaemonSet"


@pytest.mark.parametrize(
    "path", ["/nothing", "/apis/none.io", "/apis/none.io/v1", "/api/v2", "/openapi/v3/apis/none/v1"]
)
async def test_what_is_not_served_is_not_found(api, path):
    assert (await api.get(path)).status == 404


async def test_the_root_names_the_paths(api):
    assert "/apis" in (await api.get("/")).json["paths"]
