"""Lists: selection, pages that stay consistent while the cluster changes, and resourceVersion semantics."""

from __future__ import annotations

import pytest

PODS = "/api/v1/namespaces/team-a/pods"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        pytest.param({}, ["gpu-1", "gpu-2", "gpu-3"], id="all in name order"),
        pytest.param({"labelSelector": "rack=a"}, ["gpu-1", "gpu-2"], id="label equality"),
        pytest.param({"labelSelector": "rack notin (a),kubernetes.io/hostname"}, ["gpu-3"], id="set and exists"),
        pytest.param({"fieldSelector": "metadata.name=gpu-2"}, ["gpu-2"], id="name"),
        pytest.param({"fieldSelector": "spec.unschedulable=true"}, [], id="unschedulable"),
    ],
)
async def test_selects_nodes(api, query, names):
    answer = await api.get("/api/v1/nodes", **query)

    assert answer.names == names


async def test_selects_pods_by_node_and_phase_across_namespaces(api, make_pod):
    api.store.put(make_pod("other", node="gpu-2", namespace="default"))

    answer = await api.get("/api/v1/pods", fieldSelector="spec.nodeName=gpu-2,status.phase!=Failed")

    assert answer.names == ["other", "web-2"]


async def test_refuses_an_unknown_field_selector(api):
    answer = await api.get(PODS, fieldSelector="spec.colour=red")

    assert (answer.status, answer.json["reason"]) == (400, "BadRequest")
    assert answer.json["message"] == "field label not supported: spec.colour"


async def test_items_of_built_in_kinds_carry_no_kind(api):
    answer = await api.get("/api/v1/nodes")

    assert answer.json["kind"] == "NodeList"
    assert all("kind" not in item and "apiVersion" not in item for item in answer.json["items"])


async def test_pages_show_the_moment_of_the_first_page(api, make_node):
    first = await api.get("/api/v1/nodes", limit=2)
    api.store.put(make_node("gpu-25"))
    api.store.delete("nodes", "gpu-3")

    second = await api.get("/api/v1/nodes", limit=2, **{"continue": first.json["metadata"]["continue"]})

    assert first.names + second.names == ["gpu-1", "gpu-2", "gpu-3"]
    assert first.json["metadata"]["remainingItemCount"] == 1
    assert second.json["metadata"] == {"resourceVersion": first.json["metadata"]["resourceVersion"]}


async def test_a_filtered_page_counts_no_remainder_and_is_filled(api):
    answer = await api.get("/api/v1/nodes", limit=1, labelSelector="rack=a")

    assert answer.names == ["gpu-1"]
    assert "continue" in answer.json["metadata"]
    assert "remainingItemCount" not in answer.json["metadata"]


async def test_a_compacted_continue_token_expires_and_offers_the_inconsistent_rest(api, make_node):
    first = await api.get("/api/v1/nodes", limit=2)
    api.store.put(make_node("gpu-4"))
    api.store.compact()

    expired = await api.get("/api/v1/nodes", limit=2, **{"continue": first.json["metadata"]["continue"]})
    rest = await api.get("/api/v1/nodes", limit=2, **{"continue": expired.json["metadata"]["continue"]})

    assert (expired.status, expired.json["reason"]) == (410, "Expired")
    assert rest.names == ["gpu-3", "gpu-4"]


@pytest.mark.parametrize("token", ["nonsense", "bm90IGpzb24", "e30"])
async def test_refuses_a_token_that_is_none(api, token):
    answer = await api.get("/api/v1/nodes", limit=2, **{"continue": token})

    assert answer.status == 400
    assert "continue key is not valid" in answer.json["message"]


async def test_an_exact_resource_version_shows_the_past(api):
    past = api.store.resource_version
    api.store.delete("nodes", "gpu-1")

    exact = await api.get("/api/v1/nodes", resourceVersion=past, resourceVersionMatch="Exact")
    newer = await api.get("/api/v1/nodes", resourceVersion=past)

    assert exact.names == ["gpu-1", "gpu-2", "gpu-3"]
    assert exact.json["metadata"]["resourceVersion"] == str(past)
    assert newer.names == ["gpu-2", "gpu-3"]


async def test_an_exact_resource_version_that_was_compacted_is_gone(api):
    past = api.store.resource_version
    api.store.delete("nodes", "gpu-1")
    api.store.compact()

    answer = await api.get("/api/v1/nodes", resourceVersion=past, resourceVersionMatch="Exact")

    assert (answer.status, answer.json["reason"]) == (410, "Expired")


async def test_resource_version_zero_ignores_the_limit(api):
    answer = await api.get("/api/v1/nodes", resourceVersion="0", limit=1)

    assert len(answer.names) == 3


async def test_a_future_resource_version_times_out(api):
    answer = await api.get("/api/v1/nodes", resourceVersion=api.store.resource_version + 5)

    assert (answer.status, answer.json["reason"]) == (504, "Timeout")
    assert answer.json["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        pytest.param({"resourceVersionMatch": "Exact"}, 422, "forbidden unless resourceVersion", id="match alone"),
        pytest.param({"resourceVersion": "x"}, 400, "invalid resource version", id="no number"),
        pytest.param({"resourceVersion": "1", "resourceVersionMatch": "Near"}, 422, "Unsupported value", id="match"),
        pytest.param({"limit": "many"}, 400, "invalid syntax", id="limit"),
        pytest.param({"sendInitialEvents": "true"}, 422, "forbidden for list", id="initial events"),
        pytest.param({"labelSelector": "a in b"}, 400, "expected: '('", id="label selector"),
    ],
)
async def test_refuses_malformed_options(api, query, status, text):
    answer = await api.get("/api/v1/nodes", **query)

    assert answer.status == status
    assert text in answer.json["message"]


async def test_metadata_only_lists_carry_nothing_else(api):
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

    answer = await api.get("/api/v1/nodes", headers={"Accept": accept})

    assert answer.json["kind"] == "PartialObjectMetadataList"
    assert set(answer.json["items"][0]) == {"kind", "apiVersion", "metadata"}


async def test_refuses_a_format_it_does_not_speak(api):
    answer = await api.get("/api/v1/nodes", headers={"Accept": "application/cbor"})

    assert (answer.status, answer.json["reason"]) == (406, "NotAcceptable")
