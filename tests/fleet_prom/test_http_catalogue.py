"""Series, labels, metadata, targets and the server's own state over HTTP."""

from typing import Any

import pytest
from aiohttp import ClientSession

NOW = 1_700_000_000.0
TEMP = "DCGM_FI_DEV_GPU_TEMP"


async def data(http: ClientSession, url: str, path: str, params: Any = ()) -> Any:
    async with http.get(f"{url}/api/v1/{path}", params=params) as response:
        assert response.status == 200
        return (await response.json())["data"]


async def test_series_by_several_selectors(http: ClientSession, gpu_prometheus: str) -> None:
    params = [("match[]", f'{TEMP}{{gpu="0"}}'), ("match[]", f'{TEMP}{{Hostname="a"}}')]

    found = await data(http, gpu_prometheus, "series", params)

    assert sorted((one["Hostname"], one["gpu"]) for one in found) == [("a", "0"), ("a", "1"), ("b", "0")]


async def test_series_of_a_time_at_which_some_had_ended(http: ClientSession, gpu_prometheus: str) -> None:
    now_only = [("match[]", TEMP), ("start", str(NOW - 60)), ("end", str(NOW))]

    assert len(await data(http, gpu_prometheus, "series", now_only)) == 3
    assert len(await data(http, gpu_prometheus, "series", [("match[]", TEMP)])) == 4


async def test_series_needs_a_selector(http: ClientSession, gpu_prometheus: str) -> None:
    async with http.get(f"{gpu_prometheus}/api/v1/series") as response:
        assert response.status == 400
        assert (await response.json())["error"] == "no match[] parameter provided"


async def test_label_names_and_values(http: ClientSession, gpu_prometheus: str) -> None:
    assert await data(http, gpu_prometheus, "labels") == ["Hostname", "__name__", "gpu", "instance", "job"]
    assert await data(http, gpu_prometheus, "label/__name__/values") == [TEMP, "up"]
    assert await data(http, gpu_prometheus, "label/gpu/values", {"match[]": "up"}) == []
    assert await data(http, gpu_prometheus, "label/Hostname/values", {"match[]": TEMP, "limit": "1"}) == ["a"]


async def test_metadata(http: ClientSession, gpu_prometheus: str) -> None:
    described = {TEMP: [{"type": "gauge", "help": "GPU temperature (in C).", "unit": ""}]}

    assert await data(http, gpu_prometheus, "metadata", {"metric": TEMP}) == described
    assert await data(http, gpu_prometheus, "metadata", {"limit": "1"}) == described
    assert await data(http, gpu_prometheus, "metadata", {"metric": "nothing"}) == {}


async def test_targets_show_who_is_down(http: ClientSession, gpu_prometheus: str) -> None:
    targets = (await data(http, gpu_prometheus, "targets"))["activeTargets"]

    assert [(one["scrapeUrl"], one["health"]) for one in targets] == [
        ("http://127.64.0.1:9400/metrics", "up"),
        ("http://127.64.0.2:9400/metrics", "down"),
    ]
    assert "deadline" in targets[1]["lastError"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [("rules", {"groups": []}), ("alerts", {"alerts": []})],
)
async def test_there_are_no_rules(http: ClientSession, gpu_prometheus: str, path: str, expected: object) -> None:
    assert await data(http, gpu_prometheus, path) == expected


async def test_it_says_which_prometheus_it_follows(http: ClientSession, gpu_prometheus: str) -> None:
    assert (await data(http, gpu_prometheus, "status/buildinfo"))["version"].startswith("3.")
    assert (await data(http, gpu_prometheus, "status/flags"))["query.lookback-delta"] == "5m"


@pytest.mark.parametrize("path", ["/", "/-/healthy", "/-/ready"])
async def test_it_is_healthy(http: ClientSession, gpu_prometheus: str, path: str) -> None:
    async with http.get(gpu_prometheus + path) as response:
        assert response.status == 200
