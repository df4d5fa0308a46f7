"""The query endpoints over HTTP: parameters, formats and errors as clients of Prometheus know them."""

from typing import Any

import pytest
from aiohttp import ClientSession

NOW = 1_700_000_000.0
TEMP = "DCGM_FI_DEV_GPU_TEMP"


async def ask(http: ClientSession, url: str, path: str, **params: str) -> tuple[int, Any]:
    async with http.get(f"{url}/api/v1/{path}", params=params) as response:
        return response.status, await response.json()


async def test_an_instant_query(http: ClientSession, gpu_prometheus: str) -> None:
    status, body = await ask(http, gpu_prometheus, "query", query=f'{TEMP}{{Hostname="b"}}')

    assert status == 200
    assert body["status"] == "success"
    assert "warnings" not in body
    assert body["data"] == {
        "resultType": "vector",
        "result": [
            {
                "metric": {"__name__": TEMP, "Hostname": "b", "gpu": "0", "job": "dcgm-exporter"},
                "value": [1700000000, "60.5"],
            }
        ],
    }


async def test_a_range_query_by_form(http: ClientSession, gpu_prometheus: str) -> None:
    form = {"query": f"max({TEMP})", "start": "2023-11-14T22:12:20Z", "end": str(NOW), "step": "30s"}

    async with http.post(f"{gpu_prometheus}/api/v1/query_range", data=form) as response:
        body = await response.json()

    assert body["data"]["resultType"] == "matrix"
    [series] = body["data"]["result"]
    assert series["values"] == [[1699999940, "60.5"], [1699999970, "60.5"], [1700000000, "60.5"]]


async def test_a_fraction_of_a_second(http: ClientSession, gpu_prometheus: str) -> None:
    _, body = await ask(http, gpu_prometheus, "query", query="time()", time="1700000000.25")

    assert body["data"] == {"resultType": "scalar", "result": [1700000000.25, "1700000000.25"]}


async def test_a_string(http: ClientSession, gpu_prometheus: str) -> None:
    _, body = await ask(http, gpu_prometheus, "query", query='"hello"', time="5")

    assert body["data"] == {"resultType": "string", "result": [5, "hello"]}


async def test_a_limit_cuts_and_says_so(http: ClientSession, gpu_prometheus: str) -> None:
    _, body = await ask(http, gpu_prometheus, "query", query=TEMP, limit="2")

    assert len(body["data"]["result"]) == 2
    assert body["warnings"] == ["results truncated due to limit"]


async def test_a_rate_of_a_gauge_is_remarked(http: ClientSession, gpu_prometheus: str) -> None:
    _, body = await ask(http, gpu_prometheus, "query", query=f"rate({TEMP}[5m])")

    assert "metric might not be a counter" in body["infos"][0]


RANGE = {"query": "up", "start": "0", "end": "60", "step": "30"}


@pytest.mark.parametrize(
    ("path", "params", "status", "error_type", "words"),
    [
        ("query", {"query": "up{"}, 400, "bad_data", 'invalid parameter "query": 1:4: parse error'),
        ("query", {}, 400, "bad_data", "no expression found"),
        ("query", {"query": "sin(up)"}, 400, "bad_data", 'function "sin" is not supported'),
        ("query", {"query": "up", "time": "noon"}, 400, "bad_data", 'cannot parse "noon" to a valid timestamp'),
        ("query", {"query": "up", "timeout": "soon"}, 400, "bad_data", 'cannot parse "soon" to a valid duration'),
        ("query", {"query": "up", "limit": "-1"}, 400, "bad_data", "limit must be non-negative"),
        ("query", {"query": "up", "lookback_delta": "1m"}, 400, "bad_data", "lookback_delta is not supported"),
        ("query", {"query": "up + on(job) up"}, 422, "execution", "found duplicate series for the match group"),
        ("query", {"query": "up", "timeout": "0"}, 503, "timeout", "timed out"),
        ("query_range", {**RANGE, "step": "0"}, 400, "bad_data", "zero or negative query resolution"),
        ("query_range", {**RANGE, "end": "-1"}, 400, "bad_data", "end timestamp must not be before start"),
        ("query_range", {**RANGE, "start": ""}, 400, "bad_data", 'invalid parameter "start"'),
        ("query_range", {**RANGE, "end": "330030"}, 400, "bad_data", "exceeded maximum resolution of 11,000 points"),
        ("query_range", {**RANGE, "query": "up[5m]"}, 400, "bad_data", 'invalid expression type "range vector"'),
    ],
)
async def test_errors_have_prometheus_shape(
    http: ClientSession,
    gpu_prometheus: str,
    path: str,
    params: dict[str, str],
    status: int,
    error_type: str,
    words: str,
) -> None:
    answered, body = await ask(http, gpu_prometheus, path, **params)

    assert (answered, body["status"], body["errorType"]) == (status, "error", error_type)
    assert words in body["error"]


async def test_eleven_thousand_points_are_allowed(http: ClientSession, gpu_prometheus: str) -> None:
    status, _ = await ask(http, gpu_prometheus, "query_range", **{**RANGE, "end": "330000"})

    assert status == 200
