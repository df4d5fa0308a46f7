"""Every kind of patch our client sends, and how a real API server refuses one."""

from __future__ import annotations

import pytest
from tests.cluster.things import condition

from gcm_sentinel.clients.kubernetes.managers import writer_of
from gcm_sentinel.domain.errors import Rejected

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
OURS = {"key": "gcm-sentinel/unfit", "value": "xid-79", "effect": "NoSchedule"}
FOREIGN = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}


@pytest.fixture
def path(make_node):
    return f"/api/v1/nodes/{make_node()}"


def writers(obj):
    return {entry["manager"] for entry in obj["metadata"]["managedFields"]}


def configuration(path, **parts):
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": path.rpartition("/")[2]}, **parts}


async def test_a_merge_patch_annotates_under_our_name(client, path):
    body = {"metadata": {"annotations": {"gcm-sentinel/severity": "critical"}}}

    node = await client.patch(path, body, content_type=MERGE, field_manager="gcm-sentinel")

    assert node["metadata"]["annotations"]["gcm-sentinel/severity"] == "critical"
    assert "gcm-sentinel" in writers(node)


async def test_a_merge_patch_takes_away_what_is_null(client, path):
    for value in ("critical", None):
        body = {"metadata": {"annotations": {"gcm-sentinel/severity": value}}}
        node = await client.patch(path, body, content_type=MERGE)

    assert "gcm-sentinel/severity" not in node["metadata"]["annotations"]


async def test_a_strategic_patch_changes_one_condition_and_keeps_the_others(client, path):
    found = condition("GpuXid", "True", "Xid79")

    node = await client.patch(f"{path}/status", {"status": {"conditions": [found]}}, content_type=STRATEGIC)

    assert [entry["type"] for entry in node["status"]["conditions"]] == ["GpuXid", "Ready"]


async def test_a_json_patch_appends_one_taint(client, cluster, path):
    cluster.admin.patch(path, {"spec": {"taints": [FOREIGN]}})

    node = await client.patch(path, [{"op": "add", "path": "/spec/taints/-", "value": OURS}], content_type=JSON)

    assert node["spec"]["taints"] == [FOREIGN, OURS]


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        ({"op": "test", "path": "/spec/taints/0", "value": OURS}, 422),
        ({"op": "remove", "path": "/spec/taints/7"}, 422),
        ({"op": "add", "path": "/spec/taints/-", "value": {**OURS, "effect": "Never"}}, 422),
        ({"op": "frobnicate", "path": "/spec"}, 422),
    ],
    ids=["a test that fails", "nothing there", "no such effect", "no such operation"],
)
async def test_a_json_patch_that_does_not_fit_is_refused(client, cluster, path, operation, status):
    cluster.admin.patch(path, {"spec": {"taints": [FOREIGN]}})

    with pytest.raises(Rejected) as refused:
        await client.patch(path, [operation], content_type=JSON)

    assert refused.value.status == status


async def test_a_patch_bound_to_an_old_version_is_a_conflict(client, cluster, path):
    read = await client.get(path)
    cluster.admin.patch(path, {"spec": {"unschedulable": True}})
    body = {"metadata": {"resourceVersion": read["metadata"]["resourceVersion"], "labels": {"a": "b"}}}

    with pytest.raises(Rejected, match="the object has been modified") as refused:
        await client.patch(path, body, content_type=MERGE)

    assert refused.value.status == 409


async def test_a_patch_bound_to_another_uid_is_refused(client, path):
    body = {"metadata": {"uid": "another", "labels": {"a": "b"}}}

    with pytest.raises(Rejected, match="field is immutable") as refused:
        await client.patch(path, body, content_type=MERGE)

    assert refused.value.status == 422


async def test_of_an_object_without_managed_fields_no_later_writer_is_known(client, cluster, path):
    cluster.admin.patch(path, {"metadata": {"managedFields": [{}]}}, kind="merge")

    node = await client.patch(path, {"spec": {"unschedulable": True}}, content_type=MERGE, field_manager="gcm-sentinel")

    assert writer_of(node, "spec", "unschedulable") is None


async def test_a_patch_bound_to_an_old_version_of_another_object_is_a_conflict_too(client, cluster, path):
    read = await client.get(path)
    cluster.admin.patch(path, {"spec": {"unschedulable": True}})
    old = {"resourceVersion": read["metadata"]["resourceVersion"], "uid": "another", "labels": {"a": "b"}}

    with pytest.raises(Rejected) as refused:
        await client.patch(path, {"metadata": old}, content_type=MERGE)

    assert refused.value.status == 409


class TestServerSideApply:
    """Fields have owners."""

    async def test_another_managers_field_is_a_conflict_that_names_it(self, client, cluster, path):
        cluster.admin.patch(path, {"spec": {"taints": [FOREIGN]}}, manager="gpu-operator")
        body = configuration(path, spec={"taints": [OURS]})

        with pytest.raises(Rejected, match='conflict with "gpu-operator" using v1: .spec.taints') as refused:
            await client.patch(path, body, content_type=APPLY, field_manager="gcm-sentinel")

        assert refused.value.status == 409

    async def test_force_takes_it_over(self, client, cluster, path):
        cluster.admin.patch(path, {"spec": {"taints": [FOREIGN]}}, manager="gpu-operator")
        body = configuration(path, spec={"taints": [OURS]})

        node = await client.patch(path, body, content_type=APPLY, field_manager="gcm-sentinel", force=True)

        assert node["spec"]["taints"] == [OURS]
        assert "gpu-operator" not in writers(node)

    async def test_what_is_not_applied_any_more_goes(self, client, path):
        for spec in ({"unschedulable": True}, {}):
            body = configuration(path, spec=spec)
            node = await client.patch(path, body, content_type=APPLY, field_manager="gcm-sentinel")

        assert "unschedulable" not in node["spec"]
