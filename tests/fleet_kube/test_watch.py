"""Watches: what is seen through a selector, bookmarks, initial events, expiry and broken connections."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from sentinel_fleet.kube import KubeSettings

NODES = "/api/v1/nodes"


async def test_sees_every_change_after_its_resource_version(api, make_node):
    since = api.store.resource_version
    api.store.put(make_node("gpu-4"))

    async with api.watch(NODES, resourceVersion=since) as watch:
        first = await watch.seen(1)
        api.store.patch("nodes", "gpu-4", {"spec": {"podCIDR": "10.0.0.0/24"}})
        api.store.delete("nodes", "gpu-4")
        later = await watch.seen(2)

    assert first + later == [("ADDED", "gpu-4"), ("MODIFIED", "gpu-4"), ("DELETED", "gpu-4")]


@pytest.mark.parametrize("query", [{}, {"resourceVersion": "0"}], ids=["no version", "version zero"])
async def test_begins_with_what_is_there(api, query):
    async with api.watch(NODES, **query) as watch:
        seen = await watch.seen(3)

    assert seen == [("ADDED", "gpu-1"), ("ADDED", "gpu-2"), ("ADDED", "gpu-3")]


async def test_an_object_that_leaves_the_selector_is_deleted_and_one_that_enters_is_added(api):
    since = api.store.resource_version

    async with api.watch(NODES, resourceVersion=since, labelSelector="rack=a") as watch:
        api.store.patch("nodes", "gpu-1", {"metadata": {"labels": {"rack": "b"}}})
        api.store.patch("nodes", "gpu-3", {"metadata": {"labels": {"rack": "a"}}})
        left, entered = await watch.next(), await watch.next()

    assert (left["type"], left["object"]["metadata"]["labels"]["rack"]) == ("DELETED", "a")
    assert int(left["object"]["metadata"]["resourceVersion"]) == since + 1
    assert (entered["type"], entered["object"]["metadata"]["name"]) == ("ADDED", "gpu-3")


async def test_a_quiet_watch_sends_bookmarks(api, make_pod):
    async with api.watch(NODES, resourceVersion=api.store.resource_version, allowWatchBookmarks="true") as watch:
        api.store.put(make_pod("elsewhere"))
        event = await watch.next()

    assert event["type"] == "BOOKMARK"
    assert event["object"]["kind"] == "Node"
    assert event["object"]["metadata"]["resourceVersion"] == str(api.store.resource_version)


async def test_bookmarks_come_at_intervals_until_some_time_before_the_end(api, settings):
    query = {"resourceVersion": api.store.resource_version, "allowWatchBookmarks": "true", "timeoutSeconds": 1}

    async with api.watch(NODES, **query) as watch:
        events = [event async for event in _all(watch)]

    assert {event["type"] for event in events} == {"BOOKMARK"}
    assert 2 <= len(events) <= 1 / settings.bookmark_interval_s + 1


class TestBookmarksOfARealServer:
    """A minute apart, and the last one two seconds before the end."""

    @pytest.fixture
    def settings(self):
        return KubeSettings()

    async def test_a_watch_that_is_shorter_gets_none(self, api):
        query = {"resourceVersion": api.store.resource_version, "allowWatchBookmarks": "true", "timeoutSeconds": 1}

        async with api.watch(NODES, **query) as watch:
            assert await watch.next() is None


async def _all(watch):
    while (event := await watch.next()) is not None:
        yield event


async def test_streams_the_list_and_marks_its_end(api):
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}

    async with api.watch(NODES, **query) as watch:
        seen = await watch.seen(3)
        end = await watch.next()

    assert [type_ for type_, _ in seen] == ["ADDED"] * 3
    assert end["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_initial_events_need_a_version_match(api):
    answer = await api.get(NODES, watch="true", sendInitialEvents="true")

    assert answer.status == 422
    assert "sendInitialEvents requires setting resourceVersionMatch" in answer.json["message"]


async def test_a_version_older_than_history_is_an_error_event(api):
    since = api.store.resource_version
    api.store.delete("nodes", "gpu-1")
    api.store.compact()

    async with api.watch(NODES, resourceVersion=since) as watch:
        event, end = await watch.next(), await watch.next()

    assert watch.status == 200
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
    assert end is None


class TestWithoutAWatchCache:
    """The other way in which servers refuse an old version."""

    @pytest.fixture
    def settings(self):
        return KubeSettings(expired_watch_as_status=True)

    async def test_a_version_older_than_history_is_gone(self, api):
        since = api.store.resource_version
        api.store.delete("nodes", "gpu-1")
        api.store.compact()

        answer = await api.get(NODES, watch="true", resourceVersion=since)

        assert (answer.status, answer.json["reason"], answer.json["code"]) == (410, "Expired", 410)
        assert answer.json["message"].startswith(f"too old resource version: {since} (")


async def test_compaction_does_not_disturb_a_watch_that_keeps_up(api):
    async with api.watch(NODES, resourceVersion=api.store.resource_version) as watch:
        api.store.delete("nodes", "gpu-1")
        before = await watch.seen(1)
        api.store.compact()
        api.store.delete("nodes", "gpu-2")
        after = await watch.seen(1)

    assert before + after == [("DELETED", "gpu-1"), ("DELETED", "gpu-2")]


async def test_an_expired_watch_ends_with_an_error_event(api):
    async with api.watch(NODES, resourceVersion=api.store.resource_version) as watch:
        api.store.end_watches("expire")
        event, end = await watch.next(), await watch.next()

    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
    assert end is None


async def test_a_server_that_shuts_down_ends_its_watches(api):
    async with api.watch(NODES, resourceVersion=api.store.resource_version) as watch:
        api.store.end_watches("close")

        assert await watch.next() is None


async def test_a_dropped_watch_breaks_off(api):
    async with api.watch(NODES, resourceVersion=api.store.resource_version) as watch:
        api.store.end_watches("drop")

        with pytest.raises(aiohttp.ClientError):
            await watch.next()


async def test_a_source_that_fails_breaks_its_watches(api, make_node):
    async with api.watch(NODES, resourceVersion=api.store.resource_version) as watch:
        api.faults.broken["kubernetes", None] = "refuse"
        api.store.put(make_node("gpu-9"))

        with pytest.raises(aiohttp.ClientError):
            await watch.seen(2)


async def test_forgets_a_client_that_left(api):
    async with api.watch(NODES, resourceVersion=api.store.resource_version):
        assert api.store.open_watches == 1

    async with asyncio.timeout(5):
        while api.store.open_watches:
            await api.get("/healthz")


async def test_many_watchers_see_a_burst_in_order(api):
    since = api.store.resource_version
    for beat in range(300):
        api.store.patch("nodes", "gpu-1", {"metadata": {"annotations": {"beat": str(beat)}}})

    async def beats():
        async with api.watch(NODES, resourceVersion=since) as watch:
            events = [await watch.next() for _ in range(300)]
        return [event["object"]["metadata"]["annotations"]["beat"] for event in events]

    seen = await asyncio.gather(*(beats() for _ in range(5)))

    assert seen == [[str(beat) for beat in range(300)]] * 5
