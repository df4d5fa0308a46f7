"""PUT and PATCH: optimistic locking, the four patch types, status, and what nobody may change."""

from __future__ import annotations

import json

import pytest

NODE = "/api/v1/nodes/gpu-1"
POD = "/api/v1/namespaces/team-a/pods/web-1"


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        ("json", [{"op": "add", "path": "/spec/unschedulable", "value": True}]),
        ("merge", {"spec": {"unschedulable": True}}),
        ("strategic", {"spec": {"unschedulable": True}}),
    ],
)
async def test_patches_a_node(api, kind, patch):
    answer = await api.patch(NODE, patch, type=kind, fieldManager="cordoner")

    line = answer.json["metadata"]["managedFields"][-1]
    assert (answer.status, answer.json["spec"]["unschedulable"]) == (200, True)
    assert (line["manager"], line["fieldsV1"]) == ("cordoner", {"f:spec": {"f:unschedulable": {}}})


async def test_taints_are_one_value_and_every_patch_replaces_them(api):
    first = {"key": "a", "effect": "NoSchedule"}
    second = {"key": "b", "effect": "NoSchedule"}
    await api.patch(NODE, {"spec": {"taints": [first]}}, type="strategic")

    answer = await api.patch(NODE, {"spec": {"taints": [second]}}, type="strategic")

    assert answer.json["spec"]["taints"] == [second]


async def test_conditions_merge_by_type_through_the_status_endpoint(api):
    xid = {"type": "GpuXid", "status": "True", "reason": "Xid79"}

    answer = await api.patch(f"{NODE}/status", {"status": {"conditions": [xid]}}, type="strategic")

    assert [c["type"] for c in answer.json["status"]["conditions"]] == ["Ready", "GpuXid"]
    assert answer.json["metadata"]["managedFields"][-1]["subresource"] == "status"


async def test_the_main_endpoint_ignores_status(api):
    answer = await api.patch(NODE, {"status": {"phase": "Broken"}})

    assert "phase" not in answer.json["status"]


async def test_the_status_endpoint_ignores_the_spec(api):
    answer = await api.patch(f"{NODE}/status", {"spec": {"unschedulable": True}})

    assert "unschedulable" not in answer.json["spec"]


async def test_a_stale_put_is_a_conflict(api):
    stale = (await api.get(NODE)).json
    await api.patch(NODE, {"metadata": {"annotations": {"a": "b"}}})

    answer = await api.call("PUT", NODE, stale)

    assert (answer.status, answer.json["reason"]) == (409, "Conflict")
    assert "the object has been modified; please apply your changes" in answer.json["message"]


async def test_a_fresh_put_replaces(api):
    fresh = (await api.get(NODE)).json
    fresh["metadata"]["labels"] = {"only": "this"}

    answer = await api.call("PUT", NODE, fresh)

    assert (answer.status, answer.json["metadata"]["labels"]) == (200, {"only": "this"})
    assert answer.json["metadata"]["resourceVersion"] != fresh["metadata"]["resourceVersion"]


async def test_a_patch_can_insist_on_a_version_and_a_uid(api):
    version = await api.patch(NODE, {"metadata": {"resourceVersion": "1", "labels": {"a": "b"}}})
    uid = await api.patch(NODE, {"metadata": {"uid": "another", "labels": {"a": "b"}}})

    assert (version.status, uid.status) == (409, 422)
    assert 'metadata.uid: Invalid value: "another": field is immutable' in uid.json["message"]


async def test_a_put_of_another_uid_is_a_conflict(api):
    answer = await api.call("PUT", NODE, {"metadata": {"name": "gpu-1", "uid": "another"}})

    assert answer.status == 409
    assert "Precondition failed: UID in precondition: another" in answer.json["message"]


async def test_a_write_that_changes_nothing_makes_no_version(api):
    before = api.store.resource_version

    answer = await api.patch(NODE, {"metadata": {"labels": {"rack": "a"}}})

    assert answer.status == 200
    assert api.store.resource_version == before


async def test_identity_survives_every_patch(api):
    before = (await api.get(NODE)).json["metadata"]

    answer = await api.patch(NODE, {"metadata": {"creationTimestamp": "1999-01-01T00:00:00Z", "labels": None}})

    assert answer.json["metadata"]["creationTimestamp"] == before["creationTimestamp"]
    assert "labels" not in answer.json["metadata"]


async def test_a_lease_is_only_replaced_with_its_version(api):
    path = "/apis/coordination.k8s.io/v1/namespaces/team-a/leases"
    lease = {"metadata": {"name": "l"}, "spec": {"holderIdentity": "a"}}
    created = (await api.post(path, lease)).json

    blind = await api.call("PUT", f"{path}/l", lease)
    seeing = await api.call("PUT", f"{path}/l", {**created, "spec": {"holderIdentity": "b"}})

    assert (blind.status, seeing.status) == (422, 200)
    assert "must be specified for an update" in blind.json["message"]


async def test_the_spec_of_a_pod_is_fixed(api):
    frozen = await api.patch(POD, {"spec": {"nodeName": "gpu-2"}})
    image = await api.patch(POD, {"spec": {"containers": [{"name": "main", "image": "web:2"}]}}, type="strategic")

    assert (frozen.status, image.status) == (422, 200)
    assert "pod updates may not change fields other than" in frozen.json["message"]


async def test_generation_counts_changes_of_the_spec(api):
    path = "/apis/apps/v1/namespaces/team-a/daemonsets"
    await api.post(path, {"metadata": {"name": "d"}, "spec": {"minReadySeconds": 1}})

    label = await api.patch(f"{path}/d", {"metadata": {"labels": {"a": "b"}}})
    spec = await api.patch(f"{path}/d", {"spec": {"minReadySeconds": 2}})

    assert [answer.json["metadata"]["generation"] for answer in (label, spec)] == [1, 2]


@pytest.mark.parametrize(
    ("kind", "patch", "status", "message"),
    [
        pytest.param("json", [{"op": "test", "path": "/kind", "value": "Pod"}], 422, "rejected our request", id="test"),
        pytest.param("json", [{"op": "remove", "path": "/spec/no"}], 422, "rejected our request", id="remove"),
        pytest.param("json", [{"op": "fly", "path": "/spec"}], 422, "the server rejected our request", id="unknown op"),
        pytest.param("json", {"a": 1}, 400, "cannot unmarshal", id="no list"),
        pytest.param("merge", [1], 400, "cannot unmarshal", id="no object"),
        pytest.param("strategic", {"metadata": {"ownerReferences": [{}]}}, 400, "merge key: uid", id="no merge key"),
        pytest.param("merge", {"metadata": {"name": "other"}}, 400, "does not match the name on the URL", id="name"),
        pytest.param("merge", {"kind": "Pod"}, 422, "unknown conversion", id="kind"),
        pytest.param("merge", {"spec": {"taints": [{"key": "a", "effect": "Nap"}]}}, 422, "Unsupported", id="effect"),
        pytest.param(
            "merge",
            {"spec": {"taints": [{"key": "a", "effect": "NoExecute"}] * 2}},
            422,
            "Duplicate value",
            id="taint twice",
        ),
    ],
)
async def test_refuses(api, kind, patch, status, message):
    answer = await api.patch(NODE, patch, type=kind)

    assert answer.status == answer.json["code"] == status
    assert message in answer.json["message"]


async def test_refuses_a_patch_type_it_does_not_know(api):
    plain = await api.call("PATCH", NODE, json.dumps({"spec": {}}))
    api.store.put({"apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": {"name": "r", "namespace": "team-a"}})

    custom = await api.patch("/apis/ray.io/v1/namespaces/team-a/rayjobs/r", {"spec": {}}, type="strategic")

    assert plain.status == custom.status == 415
    assert "strategic" not in custom.json["message"]
