"""Server-side apply and field ownership."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel_fleet.kube.fieldsets import compare, decode, describe, encode, paths_of

NODE = "/api/v1/nodes/gpu-1"


def taint(key):
    return {"key": key, "effect": "NoSchedule"}


def config(**parts):
    return {"apiVersion": "v1", "kind": "Node", "metadata": parts.pop("metadata", {}), **parts}


async def apply(api, manager, body, path=NODE, **query):
    return await api.patch(path, body, type="apply", fieldManager=manager, **query)


def owners(answer):
    return {line["manager"]: line["fieldsV1"] for line in answer.json["metadata"]["managedFields"]}


async def test_owns_what_it_applies(api):
    answer = await apply(api, "me", config(metadata={"annotations": {"a": "1"}}))

    assert answer.status == 200
    assert answer.json["metadata"]["annotations"] == {"a": "1"}
    assert owners(answer)["me"] == {"f:metadata": {"f:annotations": {"f:a": {}}}}


async def test_creates_what_is_not_there(api):
    answer = await apply(api, "me", config(metadata={"labels": {"a": "b"}}), path="/api/v1/nodes/gpu-9")

    assert (answer.status, answer.json["metadata"]["labels"]) == (201, {"a": "b"})


async def test_drops_what_it_no_longer_applies(api):
    await apply(api, "me", config(metadata={"annotations": {"a": "1", "b": "2"}}))

    answer = await apply(api, "me", config(metadata={"annotations": {"b": "2"}}))

    assert answer.json["metadata"]["annotations"] == {"b": "2"}


async def test_keeps_what_somebody_else_owns_too(api):
    await apply(api, "me", config(metadata={"annotations": {"a": "1"}}))
    await apply(api, "you", config(metadata={"annotations": {"a": "1"}}))

    answer = await apply(api, "me", config())

    assert answer.json["metadata"]["annotations"] == {"a": "1"}
    assert set(owners(answer)) >= {"you"}
    assert "me" not in owners(answer)


async def test_another_managers_value_is_a_conflict_that_names_it(api):
    await api.patch(NODE, {"spec": {"taints": [taint("theirs")]}}, fieldManager="them")

    answer = await apply(api, "me", config(spec={"taints": [taint("mine")]}))

    assert (answer.status, answer.json["reason"]) == (409, "Conflict")
    assert answer.json["message"] == 'Apply failed with 1 conflict: conflict with "them" using v1: .spec.taints'
    assert answer.json["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "them" using v1', "field": ".spec.taints"}
    ]


async def test_force_takes_the_field_over(api):
    await api.patch(NODE, {"spec": {"taints": [taint("theirs")]}}, fieldManager="them")

    answer = await apply(api, "me", config(spec={"taints": [taint("mine")]}), force="true")

    assert answer.json["spec"]["taints"] == [taint("mine")]
    assert owners(answer)["me"] == {"f:spec": {"f:taints": {}}}
    assert "them" not in owners(answer)


async def test_applies_to_the_status_of_one_condition(api):
    wanted = {"type": "GpuXid", "status": "True"}

    answer = await apply(api, "npd", config(status={"conditions": [wanted]}), path=f"{NODE}/status")

    key = 'k:{"type":"GpuXid"}'
    assert [c["type"] for c in answer.json["status"]["conditions"]] == ["Ready", "GpuXid"]
    assert owners(answer)["npd"] == {"f:status": {"f:conditions": {key: {".": {}, "f:status": {}, "f:type": {}}}}}


async def test_fields_without_a_known_owner_belong_to_before_first_apply(api):
    answer = await apply(api, "me", config(metadata={"labels": {"rack": "z"}}))

    assert answer.status == 409
    assert 'conflict with "before-first-apply" using v1: .metadata.labels.rack' in answer.json["message"]


async def test_several_conflicts_are_listed_by_manager(api):
    await api.patch(NODE, {"metadata": {"annotations": {"a": "1", "b": "1"}}}, fieldManager="them")

    answer = await apply(api, "me", config(metadata={"annotations": {"a": "2", "b": "2"}}))

    lines = answer.json["message"].split("\n")
    assert lines[0] == 'Apply failed with 2 conflicts: conflicts with "them" using v1:'
    assert lines[1:] == ["- .metadata.annotations.a", "- .metadata.annotations.b"]


async def test_applying_the_same_again_changes_nothing(api):
    await apply(api, "me", config(metadata={"annotations": {"a": "1"}}))
    before = api.store.resource_version

    await apply(api, "me", config(metadata={"annotations": {"a": "1"}}))

    assert api.store.resource_version == before


async def test_a_plain_write_takes_the_field_from_its_applier(api):
    await apply(api, "me", config(metadata={"annotations": {"a": "1"}}))

    answer = await api.patch(NODE, {"metadata": {"annotations": {"a": "2"}}}, fieldManager="them")

    assert "me" not in owners(answer)
    assert owners(answer)["them"] == {"f:metadata": {"f:annotations": {"f:a": {}}}}


@pytest.mark.parametrize(
    ("body", "query", "status", "message"),
    [
        pytest.param(config(), {}, 422, "fieldManager: Required value: is required for apply patch", id="no manager"),
        pytest.param({"metadata": {}}, {"fieldManager": "m"}, 400, "invalid object type", id="no kind"),
        pytest.param(config(metadata={"managedFields": [{}]}), {"fieldManager": "m"}, 400, "must be nil", id="managed"),
        pytest.param(config(metadata={"name": "x"}), {"fieldManager": "m"}, 400, "does not match", id="other name"),
    ],
)
async def test_refuses(api, body, query, status, message):
    answer = await api.patch(NODE, body, type="apply", **query)

    assert answer.status == status
    assert message in answer.json["message"]


PATHS = st.frozensets(
    st.lists(st.sampled_from(["f:a", "f:b", 'k:{"type":"Ready"}', 'v:"x"']), min_size=1, max_size=4).map(tuple)
)


@given(PATHS)
def test_field_sets_survive_their_encoding(paths):
    assert decode(encode(paths)) == paths


def test_a_path_reads_as_in_messages():
    assert (
        describe(("f:status", "f:conditions", 'k:{"type":"Ready"}', "f:status"))
        == '.status.conditions[type="Ready"].status'
    )


def test_comparing_counts_parents_that_are_new():
    difference = compare({"metadata": {}}, {"metadata": {"labels": {"a": "b"}}}, "Node")

    assert difference.added == {("f:metadata", "f:labels"), ("f:metadata", "f:labels", "f:a")}


def test_an_applied_empty_list_map_and_set_claim_their_items():
    claimed = paths_of({"metadata": {"finalizers": ["x"], "labels": {}}}, "Node")

    assert claimed == {("f:metadata", "f:finalizers", 'v:"x"'), ("f:metadata", "f:labels")}
