"""A broken Prometheus fails its clients the way real ones do."""

import asyncio
from typing import Any

import pytest
from aiohttp import ClientOSError, ClientSession, ClientTimeout, ServerDisconnectedError

SOURCE = ("prometheus", None)


async def test_refuse_closes_the_connection(http: ClientSession, gpu_prometheus: str, faults: Any) -> None:
    faults.broken[SOURCE] = "refuse"

    with pytest.raises((ServerDisconnectedError, ClientOSError)):
        await http.get(f"{gpu_prometheus}/api/v1/query?query=up")


@pytest.mark.parametrize("fault", ["403", "503"])
async def test_a_proxy_refuses(http: ClientSession, gpu_prometheus: str, faults: Any, fault: str) -> None:
    faults.broken[SOURCE] = fault

    async with http.get(f"{gpu_prometheus}/api/v1/query?query=up") as response:
        assert response.status == int(fault)


async def test_timeout_holds_until_the_client_gives_up(http: ClientSession, gpu_prometheus: str, faults: Any) -> None:
    faults.broken[SOURCE] = "timeout"

    with pytest.raises(asyncio.TimeoutError):
        await http.get(f"{gpu_prometheus}/-/healthy", timeout=ClientTimeout(total=0.2))


async def test_empty_is_a_success_with_nothing(http: ClientSession, gpu_prometheus: str, faults: Any) -> None:
    faults.broken[SOURCE] = "empty"

    async with http.get(f"{gpu_prometheus}/api/v1/query?query=up") as response:
        assert (await response.json())["data"] == {"resultType": "vector", "result": []}
    async with http.get(f"{gpu_prometheus}/api/v1/metadata") as response:
        assert (await response.json())["data"] == {}
