"""Events: where they may live, and their two API versions over one storage."""

from __future__ import annotations

import pytest

CORE = "/api/v1/namespaces/{}/events"
MODERN = "/apis/events.k8s.io/v1/namespaces/{}/events"
NODE = {"kind": "Node", "name": "gpu-1", "uid": "u"}
POD = {"kind": "Pod", "name": "web-1", "namespace": "team-a"}


def event(about, **more):
    metadata = {"generateName": "e-"}
    return {"metadata": metadata, "involvedObject": about, "reason": "Xid", "message": "79", "type": "Warning", **more}


def modern(about, **more):
    base = {"eventTime": "2027-01-15T08:00:00.000001Z", "reportingController": "sentinel", "reportingInstance": "s-0"}
    metadata = {"generateName": "e-"}
    return {"metadata": metadata, "regarding": about, "reason": "Xid", "note": "79", "type": "Warning", **base, **more}


STAMPED = {"eventTime": "2027-01-15T08:00:00.000001Z", "reportingComponent": "s", "reportingInstance": "s-0"}


@pytest.mark.parametrize(
    ("namespace", "body", "accepted"),
    [
        pytest.param("default", event(NODE), True, id="node in default"),
        pytest.param("kube-system", event(NODE), False, id="node in kube-system"),
        pytest.param("team-a", event(NODE), False, id="node in a team's namespace"),
        pytest.param("team-a", event(POD), True, id="pod in its namespace"),
        pytest.param("default", event(POD), False, id="pod elsewhere"),
        pytest.param("kube-system", event(NODE, action="Look", **STAMPED), True, id="stamped node in kube-system"),
        pytest.param("team-a", event(NODE, action="Look", **STAMPED), False, id="stamped node in a team's namespace"),
        pytest.param("default", event(NODE, **STAMPED), False, id="stamped without action"),
        pytest.param("default", event(NODE, action="a" * 129, **STAMPED), False, id="action too long"),
        pytest.param("default", {**event(NODE, action="a", **STAMPED), "message": "m" * 1025}, False, id="message"),
        pytest.param("default", {**event(NODE), "message": "m" * 5000}, True, id="unstamped messages are free"),
    ],
)
async def test_core_events(api, namespace, body, accepted):
    answer = await api.post(CORE.format(namespace), body)

    assert answer.status == (201 if accepted else 422)


async def test_says_why_an_event_is_in_the_wrong_place(api):
    answer = await api.post(CORE.format("team-a"), event(NODE))

    assert 'involvedObject.namespace: Invalid value: "": does not match event.namespace' in answer.json["message"]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        pytest.param(modern(NODE, action="Look"), "", id="complete"),
        pytest.param(modern(NODE), "action: Required value", id="no action"),
        pytest.param(modern(NODE, action="Look", type="Odd"), "type: Invalid value", id="type"),
        pytest.param(modern(NODE, action="Look", deprecatedCount=3), "count: Invalid value", id="count"),
        pytest.param(modern(NODE, action="Look", eventTime=None), "eventTime: Required value", id="no time"),
    ],
)
async def test_modern_events(api, body, complaint):
    answer = await api.post(MODERN.format("default"), body)

    assert answer.status == (422 if complaint else 201)
    assert complaint in answer.text


async def test_one_event_shows_in_both_versions(api):
    created = (await api.post(CORE.format("default"), event(NODE, count=3))).json

    (shown,) = (await api.get(MODERN.format("default"), fieldSelector="regarding.name=gpu-1")).json["items"]

    assert created["involvedObject"] == shown["regarding"]
    assert (shown["note"], shown["deprecatedCount"], shown["eventTime"]) == ("79", 3, None)
    assert "involvedObject" not in shown


async def test_unset_times_are_printed_as_null(api):
    created = (await api.post(CORE.format("default"), event(NODE))).json

    assert (created["eventTime"], created["firstTimestamp"], created["source"]) == (None, None, {})


async def test_patches_in_the_modern_version(api):
    name = (await api.post(MODERN.format("default"), modern(NODE, action="Look"))).json["metadata"]["name"]

    answer = await api.patch(f"{MODERN.format('default')}/{name}", {"series": {"count": 2}})

    assert (answer.status, answer.json["series"], answer.json["note"]) == (200, {"count": 2}, "79")


async def test_a_node_with_a_uid_finds_its_events_as_describe_does(api):
    await api.post(CORE.format("default"), event(NODE))
    await api.post(CORE.format("default"), event({**NODE, "uid": "another"}))
    fields = "involvedObject.name=gpu-1,involvedObject.kind=Node,involvedObject.uid=u"

    answer = await api.get("/api/v1/events", fieldSelector=fields)

    assert len(answer.names) == 1
