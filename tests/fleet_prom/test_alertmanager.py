"""Alertmanager's v2 API: the alerts of the world, filters and silences."""

from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import ClientSession

from sentinel_fleet.prom import alertmanager_app

NOW = 1_700_000_000.0


def at(offset_s: float) -> str:
    return datetime.fromtimestamp(NOW + offset_s, UTC).isoformat().replace("+00:00", "Z")


def alert(fingerprint: str, name: str, node: str, *, ends_s: float = 300, inhibited: bool = False) -> dict[str, Any]:
    return {
        "fingerprint": fingerprint,
        "labels": {"alertname": name, "node": node},
        "annotations": {"summary": "words"},
        "startsAt": at(-600),
        "updatedAt": at(0),
        "endsAt": at(ends_s),
        "generatorURL": "http://prometheus/graph",
        "receivers": [{"name": "oncall"}],
        "status": {
            "state": "suppressed" if inhibited else "active",
            "silencedBy": [],
            "inhibitedBy": ["f0"] if inhibited else [],
        },
    }


ALERTS = [
    alert("f2", "GpuHot", "gpu-2"),
    alert("f1", "GpuXid", "gpu-1"),
    alert("f3", "GpuXid", "gpu-10", inhibited=True),
    alert("f4", "GpuOld", "gpu-1", ends_s=-1),
]


@pytest.fixture
async def url(serve: Any, faults: Any) -> str:
    """An Alertmanager with three alerts that fire, one of them inhibited, and one that has ended."""
    return str(await serve(alertmanager_app(lambda now: ALERTS, lambda: NOW, faults)))


async def fingerprints(http: ClientSession, url: str, params: Any = ()) -> list[str]:
    async with http.get(f"{url}/api/v2/alerts", params=params) as response:
        assert response.status == 200
        return [one["fingerprint"] for one in await response.json()]


async def test_shows_what_fires_now_by_fingerprint(http: ClientSession, url: str) -> None:
    assert await fingerprints(http, url) == ["f1", "f2", "f3"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ([("filter", 'alertname="GpuXid"')], ["f1", "f3"]),
        ([("filter", "alertname=GpuXid")], ["f1", "f3"]),
        ([("filter", '{alertname!="GpuXid"}')], ["f2"]),
        ([("filter", 'node=~"gpu-1.*"'), ("filter", 'node!~"gpu-10"')], ["f1"]),
        ([("filter", 'rack=""')], ["f1", "f2", "f3"]),
        ([("inhibited", "false")], ["f1", "f2"]),
        ([("active", "false")], ["f3"]),
        ([("receiver", "on.*")], ["f1", "f2", "f3"]),
        ([("receiver", "on")], []),
    ],
)
async def test_filters(http: ClientSession, url: str, params: list[tuple[str, str]], expected: list[str]) -> None:
    assert await fingerprints(http, url, params) == expected


@pytest.mark.parametrize("query", ["filter=alertname", "filter=a%3D~%22(%22", "receiver=("])
async def test_says_what_is_wrong_with_a_filter(http: ClientSession, url: str, query: str) -> None:
    async with http.get(f"{url}/api/v2/alerts?{query}") as response:
        assert response.status == 400
        assert isinstance(await response.json(), str)


async def test_groups_by_alertname(http: ClientSession, url: str) -> None:
    async with http.get(f"{url}/api/v2/alerts/groups") as response:
        groups = await response.json()

    assert [(one["labels"]["alertname"], len(one["alerts"])) for one in groups] == [("GpuHot", 1), ("GpuXid", 2)]
    assert groups[0]["receiver"] == {"name": "oncall"}


def silence(**changes: object) -> dict[str, object]:
    matcher = {"name": "node", "value": "gpu-1", "isRegex": False, "isEqual": True}
    body = {"matchers": [matcher], "startsAt": at(-1), "endsAt": at(600), "createdBy": "me", "comment": "works"}
    return {**body, **changes}


async def test_a_silence_suppresses_until_it_is_expired(http: ClientSession, url: str) -> None:
    async with http.post(f"{url}/api/v2/silences", json=silence()) as response:
        silence_id = (await response.json())["silenceID"]
    assert await fingerprints(http, url, {"silenced": "false"}) == ["f2", "f3"]
    async with http.get(f"{url}/api/v2/alerts?filter=node=gpu-1") as response:
        [silenced] = await response.json()
    assert silenced["status"] == {"state": "suppressed", "silencedBy": [silence_id], "inhibitedBy": []}

    async with http.delete(f"{url}/api/v2/silence/{silence_id}") as response:
        assert response.status == 200

    assert await fingerprints(http, url, {"silenced": "false"}) == ["f1", "f2", "f3"]
    async with http.get(f"{url}/api/v2/silences") as response:
        assert [one["status"]["state"] for one in await response.json()] == ["expired"]


async def test_a_word_that_is_neither_yes_nor_no_means_no(http: ClientSession, url: str) -> None:
    assert await fingerprints(http, url, {"active": "maybe"}) == ["f3"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(silence(matchers=[]), 422, id="no matchers"),
        pytest.param(silence(endsAt=at(-10)), 400, id="over"),
        pytest.param(silence(startsAt=at(900)), 400, id="ends before it starts"),
        pytest.param(silence(matchers=[{"name": "node", "value": "(", "isRegex": True}]), 400, id="bad expression"),
        pytest.param({"comment": "nothing else"}, 422, id="fields missing"),
        pytest.param("no object", 400, id="no object"),
    ],
)
async def test_refuses_a_silence_that_is_none(http: ClientSession, url: str, body: object, status: int) -> None:
    async with http.post(f"{url}/api/v2/silences", json=body) as response:
        assert response.status == status

    async with http.get(f"{url}/api/v2/silences") as response:
        assert await response.json() == []


async def test_status_and_health(http: ClientSession, url: str) -> None:
    async with http.get(f"{url}/api/v2/status") as response:
        assert (await response.json())["versionInfo"]["version"]
    async with http.get(f"{url}/-/healthy") as response:
        assert response.status == 200


async def test_empty_shows_no_alerts(http: ClientSession, url: str, faults: Any) -> None:
    faults.broken["alertmanager", None] = "empty"

    assert await fingerprints(http, url) == []
