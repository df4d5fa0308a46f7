"""The patch formats as pure functions."""

from __future__ import annotations

import pytest

from sentinel_fleet.kube.patch import BadPatch, PatchFailed, json_patch, merge_patch
from sentinel_fleet.kube.strategic import strategic_patch


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": 1}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
    ],
    ids=["add", "delete", "nested", "lists replace", "scalar becomes object"],
)
def test_merge_patch(target, patch, result):
    assert merge_patch(target, patch) == result


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ({"op": "add", "path": "/list/1", "value": 9}, {"list": [1, 9, 2], "a/b": {"c~d": 0}}),
        ({"op": "add", "path": "/list/-", "value": 9}, {"list": [1, 2, 9], "a/b": {"c~d": 0}}),
        ({"op": "remove", "path": "/list/0"}, {"list": [2], "a/b": {"c~d": 0}}),
        ({"op": "replace", "path": "/a~1b/c~0d", "value": 5}, {"list": [1, 2], "a/b": {"c~d": 5}}),
        ({"op": "move", "from": "/list/0", "path": "/x"}, {"list": [2], "x": 1, "a/b": {"c~d": 0}}),
        ({"op": "copy", "from": "/list", "path": "/x"}, {"list": [1, 2], "x": [1, 2], "a/b": {"c~d": 0}}),
        ({"op": "test", "path": "/list", "value": [1, 2]}, {"list": [1, 2], "a/b": {"c~d": 0}}),
    ],
    ids=lambda value: value.get("op", "") if isinstance(value, dict) else "",
)
def test_json_patch(operation, result):
    target = {"list": [1, 2], "a/b": {"c~d": 0}}

    assert json_patch(target, [operation]) == result
    assert target == {"list": [1, 2], "a/b": {"c~d": 0}}


@pytest.mark.parametrize("path", ["/list/5", "/list/x", "/nowhere/x", "/list/0/x"])
def test_json_patch_needs_the_place_it_names(path):
    with pytest.raises(PatchFailed):
        json_patch({"list": [1]}, [{"op": "add", "path": path, "value": 1}])


@pytest.mark.parametrize(
    "operation", [{"op": "add", "path": "/a"}, {"op": "add", "path": "a", "value": 1}, {"op": "add"}, "add"]
)
def test_json_patch_refuses_what_is_no_operation(operation):
    with pytest.raises(BadPatch):
        json_patch({}, [operation])


CONTAINERS = {"containers": [{"name": "a", "image": "1"}, {"name": "b", "env": [{"name": "X", "value": "1"}]}]}


@pytest.mark.parametrize(
    ("patch", "result"),
    [
        pytest.param(
            {"containers": [{"name": "a", "image": "2"}, {"name": "c"}]},
            {"containers": [{"name": "a", "image": "2"}, CONTAINERS["containers"][1], {"name": "c"}]},
            id="by key",
        ),
        pytest.param(
            {"containers": [{"name": "b", "env": [{"name": "Y", "value": "2"}]}]},
            {
                "containers": [
                    CONTAINERS["containers"][0],
                    {"name": "b", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]},
                ]
            },
            id="nested by key",
        ),
        pytest.param(
            {"containers": [{"name": "a", "$patch": "delete"}]},
            {"containers": CONTAINERS["containers"][1:]},
            id="delete",
        ),
        pytest.param(
            {"containers": [{"$patch": "replace"}, {"name": "z"}]}, {"containers": [{"name": "z"}]}, id="replace list"
        ),
        pytest.param({"$patch": "replace", "nodeName": "n"}, {"nodeName": "n"}, id="replace object"),
        pytest.param({"$retainKeys": ["nodeName"], "nodeName": "n"}, {"nodeName": "n"}, id="retain keys"),
        pytest.param(
            {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]},
            {"containers": CONTAINERS["containers"][::-1]},
            id="order",
        ),
        pytest.param({"containers": None}, {}, id="null"),
        pytest.param({"tolerations": [{"key": "a"}]}, {**CONTAINERS, "tolerations": [{"key": "a"}]}, id="atomic"),
    ],
)
def test_strategic_merge(patch, result):
    assert strategic_patch(CONTAINERS, patch, "PodSpec") == result


def test_strategic_merge_of_lists_of_scalars():
    metadata = {"finalizers": ["a", "b"]}

    added = strategic_patch(metadata, {"finalizers": ["c"]}, "ObjectMeta")
    removed = strategic_patch(metadata, {"$deleteFromPrimitiveList/finalizers": ["a"]}, "ObjectMeta")

    assert (added, removed) == ({"finalizers": ["a", "b", "c"]}, {"finalizers": ["b"]})


def test_a_strategic_patch_does_not_change_its_target():
    target = {"conditions": [{"type": "Ready", "status": "True"}]}

    strategic_patch(target, {"conditions": [{"type": "Ready", "status": "False"}]}, "NodeStatus")

    assert target == {"conditions": [{"type": "Ready", "status": "True"}]}


@pytest.mark.parametrize("patch", [{"$patch": "dance"}, {"$deleteFromPrimitiveList/finalizers": "a"}])
def test_malformed_directives_are_refused(patch):
    with pytest.raises(BadPatch):
        strategic_patch({}, patch, "ObjectMeta")
