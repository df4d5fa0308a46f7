"""POST: what the server fills in, and what it refuses."""

from __future__ import annotations

import re

import pytest

MAPS = "/api/v1/namespaces/team-a/configmaps"


def config_map(**metadata):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1"}}


async def test_fills_in_identity(api):
    answer = await api.post(MAPS, config_map(name="x"))

    metadata = answer.json["metadata"]
    assert answer.status == 201
    assert (metadata["namespace"], metadata["creationTimestamp"]) == ("team-a", "2027-01-15T08:00:00Z")
    assert re.fullmatch(r"[0-9a-f-]{36}", metadata["uid"])
    assert (await api.get(f"{MAPS}/x")).json == answer.json


async def test_generates_a_name(api):
    answer = await api.post(MAPS, config_map(generateName="x-"))

    assert re.fullmatch(r"x-[a-z0-9]{5}", answer.json["metadata"]["name"])


async def test_records_who_owns_which_field(api):
    answer = await api.post(MAPS, config_map(name="x"), fieldManager="me")

    (line,) = answer.json["metadata"]["managedFields"]
    assert (line["manager"], line["operation"], line["time"]) == ("me", "Update", "2027-01-15T08:00:00Z")
    assert line["fieldsV1"] == {"f:data": {".": {}, "f:a": {}}}


async def test_takes_the_manager_from_the_user_agent(api):
    answer = await api.post(MAPS, config_map(name="x"))

    assert answer.json["metadata"]["managedFields"][0]["manager"] == "tester"


async def test_reads_yaml(api):
    body = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: b}\n"

    answer = await api.call("POST", MAPS, body, type="application/yaml")

    assert (answer.status, answer.json["data"]) == (201, {"a": "b"})


async def test_a_dry_run_stores_nothing(api):
    answer = await api.post(MAPS, config_map(name="x"), dryRun="All")

    assert (answer.status, answer.json["metadata"]["name"]) == (201, "x")
    assert (await api.get(f"{MAPS}/x")).status == 404


async def test_drops_the_status_a_client_sends(api, make_node):
    answer = await api.post("/api/v1/nodes", make_node("gpu-9"))

    assert "status" not in answer.json


async def test_a_name_that_exists_is_a_conflict(api):
    await api.post(MAPS, config_map(name="x"))

    answer = await api.post(MAPS, config_map(name="x"))

    assert answer.json == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'configmaps "x" already exists',
        "reason": "AlreadyExists",
        "details": {"name": "x", "kind": "configmaps"},
        "code": 409,
    }


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        pytest.param(config_map(), 422, "name or generateName is required", id="no name"),
        pytest.param(config_map(name="Bad_Name"), 422, "a lowercase RFC 1123 subdomain", id="name"),
        pytest.param(config_map(name="x", labels={"a": "b c"}), 422, "a valid label must be", id="label value"),
        pytest.param(config_map(name="x", labels={"a/b/c": "d"}), 422, "metadata.labels", id="label key"),
        pytest.param(config_map(name="x", labels={"a": "b" * 64}), 422, "no more than 63 bytes", id="label length"),
        pytest.param(config_map(name="x", annotations={"a": "b" * 2**18}), 422, "Too long", id="annotations"),
        pytest.param(config_map(name="x", namespace="default"), 400, "does not match the namespace", id="namespace"),
        pytest.param(config_map(name="x", resourceVersion="1"), 500, "resourceVersion should not be set", id="version"),
        pytest.param({**config_map(name="x"), "kind": "Pod"}, 400, "cannot be handled as a ConfigMap", id="kind"),
        pytest.param(
            {**config_map(name="x"), "apiVersion": "v2"},
            400,
            'no kind "ConfigMap" is registered for version "v2"',
            id="api version",
        ),
        pytest.param([], 400, "not an object", id="list"),
        pytest.param("{", 400, "the object provided is unrecognized", id="no JSON"),
    ],
)
async def test_refuses(api, body, status, message):
    answer = await api.post(MAPS, body)

    assert answer.status == answer.json["code"] == status
    assert message in answer.json["message"]


async def test_refuses_a_namespace_that_is_not_there(api):
    answer = await api.post("/api/v1/namespaces/nowhere/configmaps", config_map(name="x"))

    assert (answer.status, answer.json["message"]) == (404, 'namespaces "nowhere" not found')


async def test_refuses_a_format_it_cannot_read(api):
    answer = await api.call("POST", MAPS, b"k8s\0", type="application/vnd.kubernetes.protobuf")

    assert (answer.status, answer.json["reason"]) == (415, "UnsupportedMediaType")


async def test_refuses_an_unknown_dry_run(api):
    answer = await api.post(MAPS, config_map(name="x"), dryRun="Some")

    assert answer.status == 422
    assert 'dryRun: Unsupported value: ["Some"]' in answer.json["message"]


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/api/v1/unicorns", 404, "NotFound"),
        ("GET", "/api/v1/namespaces/team-a/nodes", 404, "NotFound"),
        ("GET", "/api/v1/nodes/gpu-1/shell", 404, "NotFound"),
        ("GET", "/api/v1/nodes/gpu-9", 404, "NotFound"),
        ("POST", "/api/v1/pods", 405, "MethodNotAllowed"),
        ("POST", "/api/v1/nodes/gpu-1", 405, "MethodNotAllowed"),
        ("PUT", "/api/v1/nodes", 405, "MethodNotAllowed"),
        ("DELETE", "/api/v1/namespaces/team-a/pods/web-1/log", 405, "MethodNotAllowed"),
    ],
)
async def test_answers_paths_of_a_served_group_that_are_nothing_with_a_status(api, method, path, status, reason):
    answer = await api.call(method, path)

    assert (answer.status, answer.json["kind"], answer.json["reason"]) == (status, "Status", reason)


@pytest.mark.parametrize("group", ["nowhere.io/v1/nodes", "kubeflow.org/v1/pytorchjobs", "apps/v0/deployments"])
async def test_answers_paths_of_a_group_that_is_not_served_with_plain_words(api, group):
    answer = await api.get(f"/apis/{group}")

    assert (answer.status, answer.text) == (404, "404 page not found\n")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param(MAPS, {"metadata": []}, id="metadata"),
        pytest.param(MAPS, {"metadata": {"name": "x", "labels": ["a"]}}, id="labels"),
        pytest.param(MAPS, {"metadata": {"name": "x", "ownerReferences": {}}}, id="owners"),
        pytest.param("/api/v1/nodes", {"metadata": {"name": "x"}, "spec": "none"}, id="spec"),
        pytest.param(
            "/api/v1/namespaces/team-a/pods/web-1/eviction", {"deleteOptions": {"preconditions": 1}}, id="options"
        ),
    ],
)
async def test_refuses_parts_of_the_wrong_type(api, path, body):
    body = {**body, "metadata": {"name": "web-1"}} if "eviction" in path else body

    answer = await api.post(path, body)

    assert (answer.status, answer.json["reason"]) == (400, "BadRequest")


async def test_refuses_a_budget_that_is_no_number(api):
    path = "/apis/policy/v1/namespaces/team-a/poddisruptionbudgets"

    word = await api.post(path, {"metadata": {"name": "b"}, "spec": {"minAvailable": "most"}})
    both = await api.post(path, {"metadata": {"name": "b"}, "spec": {"minAvailable": 1, "maxUnavailable": 1}})

    assert word.status == both.status == 422
    assert "must be an integer or percentage" in word.json["message"]
