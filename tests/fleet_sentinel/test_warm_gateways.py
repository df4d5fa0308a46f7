"""Whoever plays many worlds starts their gateways as forks of one process that has loaded the command."""

from __future__ import annotations

import json
import signal

import pytest
import pytest_asyncio

from sentinel_fleet.sentinel.command import GatewayFailed
from sentinel_fleet.sentinel.process import INVESTIGATOR, GatewayProcess, new_tokens
from sentinel_fleet.sentinel.warm import warm_gateways
from sentinel_sdk import AuthenticationError, SentinelClient

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def launch():
    async with warm_gateways() as launch:
        yield launch


@pytest.fixture
def gateway(tmp_path, launch):
    return GatewayProcess(tmp_path, new_tokens(set()), launch)


async def test_each_has_settings_and_a_database_of_its_own(tmp_path, launch, gateway):
    (tmp_path / "other").mkdir()
    other = GatewayProcess(tmp_path / "other", new_tokens(set()), launch)
    await gateway.spawn()
    await other.spawn()
    first, second = await gateway.endpoint(), await other.endpoint()

    async with await SentinelClient.aconnect(first, tls_config=False, token=gateway.tokens[INVESTIGATOR]) as client:
        assert (await client.aquery_fleet_health()).total_gpus == 0
    async with await SentinelClient.aconnect(second, tls_config=False, token=gateway.tokens[INVESTIGATOR]) as stranger:
        with pytest.raises(AuthenticationError):
            await stranger.aquery_fleet_health()
    assert gateway.database.exists()
    assert other.database.exists()
    await gateway.stop()
    await other.kill()


async def test_it_ends_in_order_and_starts_again(gateway):
    await gateway.spawn()
    before = await gateway.endpoint()
    await gateway.stop()
    await gateway.spawn()
    assert await gateway.endpoint() != before
    await gateway.kill()


async def test_what_it_says_of_its_settings_is_told(tmp_path, launch, gateway):
    child = await launch(("serve", "--config", str(tmp_path / "nothing.yaml")), tmp_path / "gateway.log")

    assert await child.first_line() == b""
    await child.ended()
    assert "nothing.yaml" in (tmp_path / "gateway.log").read_text()
    with pytest.raises(GatewayFailed, match="not spawned"):
        await gateway.endpoint()


async def test_those_that_are_left_end_with_the_block(tmp_path):
    async with warm_gateways() as launch:
        (tmp_path / "c.json").write_text(json.dumps({"access": {"insecure": True}, "rest": {"listen": ""}}))
        child = await launch(
            ("serve", "--config", str(tmp_path / "c.json"), "--listen", "127.0.0.1:0", "--database-url",
             f"sqlite:///{tmp_path}/g.db"), tmp_path / "log"
        )  # fmt: skip
        assert await child.first_line()

    await child.ended()
    child.signal(signal.SIGTERM)  # nobody is there, and that is no error
