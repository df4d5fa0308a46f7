"""Fields that a type does not have are dropped and told of, and values of another type than their field are refused."""

from __future__ import annotations

import pytest

NODE = "/api/v1/nodes/gpu-1"
EVENTS = "/api/v1/namespaces/team-a/events"
TAINT = {"key": "a", "effect": "NoSchedule"}


def event(**parts):
    about = {"kind": "Pod", "name": "web-1", "namespace": "team-a"}
    return {"metadata": {"name": "e", "namespace": "team-a"}, "involvedObject": about, **parts}


@pytest.mark.parametrize("kind", ["merge", "strategic"])
async def test_an_unknown_field_is_dropped_with_a_warning(api, kind):
    answer = await api.patch(NODE, {"spec": {"colour": "red", "taints": [{**TAINT, "hue": 1}]}}, type=kind)

    assert (answer.status, answer.json["spec"]["taints"]) == (200, [TAINT])
    assert "colour" not in answer.json["spec"]
    assert answer.headers["Warning"] == r'299 - "unknown field \"spec.colour\""'


async def test_nobody_is_warned_who_does_not_want_to_be(api):
    answer = await api.patch(NODE, {"spec": {"colour": "red"}}, fieldValidation="Ignore")

    assert "colour" not in answer.json["spec"]
    assert "Warning" not in answer.headers


@pytest.mark.parametrize(
    ("kind", "status", "message"),
    [
        ("merge", 422, 'strict decoding error: unknown field "spec.colour"'),
        ("strategic", 422, 'map[spec:map[colour:red]]": strict decoding error: unknown field "spec.colour"'),
    ],
)
async def test_an_unknown_field_is_refused_where_that_is_asked_for(api, kind, status, message):
    answer = await api.patch(NODE, {"spec": {"colour": "red"}}, type=kind, fieldValidation="Strict")

    assert answer.status == status
    assert message in answer.json["message"]


async def test_server_side_apply_takes_no_unknown_field(api):
    body = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "gpu-1"}, "spec": {"colour": "red"}}

    answer = await api.patch(NODE, body, type="apply", fieldManager="me")

    why = "failed to create typed patch object (/gpu-1; /v1, Kind=Node): .spec.colour: field not declared in schema"
    assert (answer.status, answer.json["message"]) == (500, why)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("merge", "json: cannot unmarshal string into Go struct field NodeSpec.spec.unschedulable of type bool"),
        ("strategic", "unrecognized type: bool"),
    ],
)
async def test_a_value_of_another_type_is_refused(api, kind, message):
    answer = await api.patch(NODE, {"spec": {"unschedulable": "yes"}}, type=kind)

    assert answer.status == 422
    assert answer.json["message"].endswith(message)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"count": 1.5}, "cannot unmarshal number 1.5 into Go struct field Event.count of type int32"),
        ({"source": "x"}, "cannot unmarshal string into Go struct field Event.source of type v1.EventSource"),
        ({"firstTimestamp": "now"}, 'parsing time "now" as "2006-01-02T15:04:05Z07:00": cannot parse "now" as "2006"'),
        ({"eventTime": "2026-11-20T20:00:00Z"}, 'cannot parse "Z" as ".000000"'),
    ],
    ids=["number", "object", "time", "microseconds"],
)
async def test_an_object_that_cannot_be_read_is_refused_in_the_words_of_the_decoder(api, parts, message):
    answer = await api.post(EVENTS, event(**parts))

    assert answer.status == 400
    assert 'Event in version "v1" cannot be handled as a Event: ' in answer.json["message"]
    assert message in answer.json["message"]


async def test_times_are_kept_to_the_second(api):
    answer = await api.post(EVENTS, event(firstTimestamp="2026-11-20T21:00:00.25+01:00"))

    assert answer.json["firstTimestamp"] == "2026-11-20T20:00:00Z"


async def test_who_adds_a_condition_owns_its_times_though_they_are_not_said(api):
    condition = {"type": "X", "status": "True"}

    answer = await api.patch(f"{NODE}/status", {"status": {"conditions": [condition]}}, type="strategic")

    unset = {"lastHeartbeatTime": None, "lastTransitionTime": None}
    owned = answer.json["metadata"]["managedFields"][-1]["fieldsV1"]["f:status"]["f:conditions"]['k:{"type":"X"}']
    assert answer.json["status"]["conditions"][-1] == {**condition, **unset}
    assert {"f:lastHeartbeatTime", "f:lastTransitionTime"} <= owned.keys()


async def test_fields_of_a_kind_that_a_crd_defines_are_anybodys(api):
    api.store.put(
        {"apiVersion": "kubeflow.org/v1", "kind": "PyTorchJob", "metadata": {"name": "j", "namespace": "team-a"}}
    )

    path = "/apis/kubeflow.org/v1/namespaces/team-a/pytorchjobs/j"
    answer = await api.patch(path, {"spec": {"colour": "red"}}, type="merge")

    assert answer.json["spec"] == {"colour": "red"}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"fieldManager": "x" * 129}, "fieldManager: Too long: may not be more than 128 bytes"),
        ({"force": "true"}, "force: Forbidden: may not be specified for non-apply patch"),
        ({"fieldValidation": "No"}, 'fieldValidation: Unsupported value: "No"'),
    ],
    ids=["manager", "force", "validation"],
)
async def test_refuses_options_that_a_patch_has_not(api, query, message):
    answer = await api.patch(NODE, {"metadata": {"labels": {"a": "b"}}}, **query)

    assert (answer.status, answer.json["details"]["kind"]) == (422, "PatchOptions")
    assert message in answer.json["message"]
