"""DELETE: grace periods, preconditions, finalizers, dependents."""

from __future__ import annotations

import asyncio

import pytest

PODS = "/api/v1/namespaces/team-a/pods"
MAPS = "/api/v1/namespaces/team-a/configmaps"


async def gone(api, path):
    async with asyncio.timeout(5):
        while (await api.get(path)).status != 404:
            pass


async def test_a_pod_terminates_and_then_vanishes(api):
    answer = await api.call("DELETE", f"{PODS}/web-1")

    metadata = answer.json["metadata"]
    assert (answer.status, answer.json["kind"]) == (200, "Pod")
    assert (metadata["deletionTimestamp"], metadata["deletionGracePeriodSeconds"]) == ("2027-01-15T08:00:30Z", 30)
    assert (await api.get(f"{PODS}/web-1")).status == 200
    await gone(api, f"{PODS}/web-1")


async def test_a_watch_sees_a_pod_terminate(api):
    async with api.watch(PODS, resourceVersion=api.store.resource_version) as watch:
        await api.call("DELETE", f"{PODS}/web-1")
        seen = await watch.seen(2)

    assert seen == [("MODIFIED", "web-1"), ("DELETED", "web-1")]


@pytest.mark.parametrize("query", [{"gracePeriodSeconds": "0"}], ids=["no grace"])
async def test_a_pod_without_grace_is_gone_at_once(api, query):
    answer = await api.call("DELETE", f"{PODS}/web-1", **query)

    assert answer.json["status"] == "Success"
    assert (await api.get(f"{PODS}/web-1")).status == 404


async def test_a_finished_pod_is_gone_at_once(api):
    api.store.patch("pods", "web-1", {"status": {"phase": "Failed"}}, namespace="team-a")

    await api.call("DELETE", f"{PODS}/web-1")

    assert (await api.get(f"{PODS}/web-1")).status == 404


@pytest.mark.parametrize("field", ["uid", "resourceVersion"])
async def test_a_precondition_that_does_not_hold_is_a_conflict(api, field):
    answer = await api.call("DELETE", f"{PODS}/web-1", {"preconditions": {field: "another"}})

    assert (answer.status, answer.json["reason"]) == (409, "Conflict")
    assert "in the precondition (another) does not match" in answer.json["message"]


async def test_a_finalizer_holds_an_object_until_it_is_removed(api):
    await api.post(MAPS, {"metadata": {"name": "x", "finalizers": ["a/b"]}})
    marked = await api.call("DELETE", f"{MAPS}/x")
    held = await api.get(f"{MAPS}/x")

    await api.patch(f"{MAPS}/x", {"metadata": {"finalizers": None}})

    assert marked.json["metadata"]["deletionTimestamp"] == held.json["metadata"]["deletionTimestamp"]
    assert (await api.get(f"{MAPS}/x")).status == 404


@pytest.mark.parametrize(("policy", "survives"), [("Background", False), ("Orphan", True)])
async def test_dependents_follow_their_owner_unless_orphaned(api, make_pod, policy, survives):
    job = (await api.post("/apis/batch/v1/namespaces/team-a/jobs", {"metadata": {"name": "j"}, "spec": {}})).json
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": job["metadata"]["uid"]}
    api.store.put(make_pod("worker", ownerReferences=[owner]))

    await api.call("DELETE", "/apis/batch/v1/namespaces/team-a/jobs/j", {"propagationPolicy": policy})

    worker = (await api.get(f"{PODS}/worker")).json
    assert ("deletionTimestamp" in worker["metadata"]) is not survives
    assert bool(worker["metadata"].get("ownerReferences")) is not survives


async def test_a_dry_run_deletes_nothing(api):
    answer = await api.call("DELETE", f"{PODS}/web-1", {"dryRun": ["All"]})

    assert answer.status == 200
    assert "deletionTimestamp" not in (await api.get(f"{PODS}/web-1")).json["metadata"]


async def test_deletes_a_selection(api, make_pod):
    api.store.put(make_pod("other", app="other"))

    answer = await api.call("DELETE", PODS, labelSelector="app=web", gracePeriodSeconds=0)

    assert answer.names == ["web-1", "web-2", "web-3"]
    assert (await api.get(PODS)).names == ["other"]


async def test_a_namespace_takes_its_contents_along(api):
    await api.call("DELETE", "/api/v1/namespaces/team-a")

    assert (await api.get("/api/v1/pods")).names == []


async def test_what_is_not_there_is_not_found(api):
    answer = await api.call("DELETE", f"{PODS}/nobody")

    assert (answer.status, answer.json["message"]) == (404, 'pods "nobody" not found')
