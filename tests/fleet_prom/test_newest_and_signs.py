"""What is drawn and written sparingly is what would be drawn and written in full."""

from aiohttp import ClientSession
from tests.fleet_prom.conftest import NOW, Faults, MakeSource, Serve

from sentinel_fleet.prom import prometheus_app

DAY = [(NOW - 86_400 + 30 * n, float(n)) for n in range(2881)]
LONG_GONE = DAY[:100]


async def _asked(http: ClientSession, url: str, query: str) -> dict[str, list[list[object]]]:
    async with http.get(f"{url}/api/v1/query", params={"query": query}) as response:
        rows = (await response.json())["data"]["result"]
    return {row["metric"].get("gpu", ""): row.get("values") or [row["value"]] for row in rows}


async def test_the_newest_sample_of_a_day_is_found_however_long_ago(
    http: ClientSession, make_source: MakeSource, serve: Serve
) -> None:
    source = make_source(({"__name__": "m", "gpu": "0"}, DAY), ({"__name__": "m", "gpu": "1"}, LONG_GONE))
    url = await serve(prometheus_app(source, lambda: NOW, Faults()))

    found = await _asked(http, url, "last_over_time(m[1d])")

    assert found == {"0": [[NOW, "2880"]], "1": [[NOW, "99"]]}


async def test_nothing_after_the_asked_moment_is_the_newest(
    http: ClientSession, make_source: MakeSource, serve: Serve
) -> None:
    source = make_source(({"__name__": "m", "gpu": "0"}, DAY))
    url = await serve(prometheus_app(source, lambda: NOW, Faults()))

    assert await _asked(http, url, "last_over_time(m[6h] offset 12h)") == {"0": [[NOW, "1440"]]}


async def test_a_zero_keeps_its_sign_beside_the_other(
    http: ClientSession, make_source: MakeSource, serve: Serve
) -> None:
    points = [(NOW - 90, 0.0), (NOW - 60, -0.0), (NOW - 30, 0.0), (NOW, 1.5)]
    source = make_source(({"__name__": "m", "gpu": "0"}, points), ({"__name__": "m", "gpu": "1"}, points[2:]))
    url = await serve(prometheus_app(source, lambda: NOW, Faults()))

    found = await _asked(http, url, "m[5m]")

    assert [value for _, value in found["0"]] == ["0", "-0", "0", "1.5"]
    assert [value for _, value in found["1"]] == ["0", "1.5"]
