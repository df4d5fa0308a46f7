"""The store as scenario players use it, and the record of what clients tried to write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel_fleet.kube import ObjectStore
from sentinel_fleet.kube.history import Compacted

NODE = "/api/v1/nodes/gpu-1"


def config_map(name, value="1"):
    metadata = {"name": name, "namespace": "default", "uid": name, "creationTimestamp": "2027-01-01T00:00:00Z"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": value}}


def test_a_new_cluster_has_its_namespaces():
    names = [obj["metadata"]["name"] for obj in ObjectStore().list("namespaces")]

    assert names == ["default", "kube-node-lease", "kube-public", "kube-system"]


def test_put_fills_in_identity_and_keeps_it(store, make_node):
    first = store.put(make_node("n"))
    second = store.put(make_node("n", changed="yes"))

    assert first["metadata"]["uid"] == second["metadata"]["uid"]
    assert int(second["metadata"]["resourceVersion"]) == int(first["metadata"]["resourceVersion"]) + 1


def test_put_of_the_same_is_no_change(store, make_node):
    before = store.resource_version

    store.put(make_node("gpu-1", rack="a"))

    assert store.resource_version == before


def test_put_and_patch_record_a_named_manager(store):
    obj = store.patch(
        "nodes", "gpu-1", {"status": {"conditions": [{"type": "GpuXid", "status": "True"}]}}, manager="npd"
    )

    line = obj["metadata"]["managedFields"][-1]
    assert line["manager"] == "npd"
    assert 'k:{"type":"GpuXid"}' in line["fieldsV1"]["f:status"]["f:conditions"]


def test_what_was_handed_out_never_changes(store):
    before = store.get("nodes", "gpu-1")
    text = repr(before)

    store.patch("nodes", "gpu-1", {"metadata": {"labels": {"rack": "z"}}})

    assert repr(before) == text


def test_refuses_a_kind_it_does_not_know(store):
    with pytest.raises(ValueError, match="no resource for apiVersion 'v9', kind 'Dragon'"):
        store.put({"apiVersion": "v9", "kind": "Dragon", "metadata": {"name": "x"}})


def test_refuses_to_patch_what_is_not_there(store):
    with pytest.raises(KeyError, match="no nodes 'x'"):
        store.patch("nodes", "x", {})


def test_listeners_hear_every_change(store):
    heard = []
    store.listen(lambda plural, change: heard.append((plural, change.type)))

    store.put(config_map("x"))
    store.delete("configmaps", "x", "default")

    assert heard == [("configmaps", "ADDED"), ("configmaps", "DELETED")]


async def test_a_subscription_follows_changes(store):
    with store.subscribe("configmaps") as subscription:
        store.put(config_map("x"))

        woken = await subscription.wait(1)
        changes = subscription.take()

    assert woken
    assert [(change.type, change.record.key) for change in changes] == [("ADDED", ("default", "x"))]


async def test_a_slow_subscriber_is_told_what_it_lost():
    store = ObjectStore(history=4)
    with store.subscribe("configmaps") as subscription:
        for number in range(10):
            store.put(config_map("x", str(number)))

        with pytest.raises(Compacted, match="too old resource version"):
            subscription.take()


OPERATIONS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["put", "delete"])), max_size=25)


@given(OPERATIONS)
def test_every_past_version_can_be_looked_at(operations):
    store = ObjectStore()
    seen = {}
    for number, (name, operation) in enumerate(operations):
        if operation == "put":
            store.put(config_map(name, str(number)))
        else:
            store.delete("configmaps", name, "default")
        seen[store.resource_version] = list(store.list("configmaps"))

    for rv, objects in seen.items():
        keys, records = store.collection("configmaps").at(rv)
        assert [records[key].obj for key in keys] == objects


async def test_records_every_write_and_its_outcome(api):
    await api.get(NODE)
    await api.patch(NODE, {"metadata": {"labels": {"a": "b"}}}, fieldManager="me")
    await api.call("DELETE", "/api/v1/nodes/gpu-9")

    writes = [(w.method, w.path, w.query, w.status, w.user_agent) for w in api.store.writes]
    assert writes == [
        ("PATCH", NODE, "fieldManager=me", 200, "tester/1.0"),
        ("DELETE", "/api/v1/nodes/gpu-9", "", 404, "tester/1.0"),
    ]
    assert api.store.writes[0].body == '{"metadata": {"labels": {"a": "b"}}}'
