"""How the gateway says that it is: the worst of its parts, in words; who restarts it looks elsewhere."""

from __future__ import annotations

import sqlite3

import httpx2
from tests.sentinel_gateway.driving import settings, until

from sentinel_gateway.app.condition import Condition
from sentinel_gateway.app.loading import Groups
from sentinel_gateway.app.running import running_gateway
from sentinel_gateway.domain.errors import Unavailable
from sentinel_gateway.services.liveness import Liveness

REST: Groups = {"rest": {"listen": "127.0.0.1:0"}}


async def test_all_is_well_without_a_problem(gateway):
    told = await gateway.condition.report()

    assert (told["status"], told["problems"]) == ("healthy", [])


async def test_a_ledger_that_was_changed_makes_it_degraded_and_no_less_alive(tmp_path):
    async with running_gateway(settings(tmp_path)):
        pass
    with sqlite3.connect(tmp_path / "gateway.db") as database:
        database.execute("UPDATE ledger_entries SET data = x'00' WHERE entry_id = 1")
    database.close()

    async with (
        running_gateway(settings(tmp_path, REST)) as gateway,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.rest_port}") as http,
    ):
        await until(lambda: _verified(gateway), "the ledger was verified")
        answer = await http.get("/api/v1/health")
        alive = [(await http.get(path)).status_code for path in ("/livez", "/readyz")]

    told = answer.json()
    assert (answer.status_code, told["status"], told["ledger"]) == (200, "degraded", "changed")
    assert "does not verify" in told["problems"][0]
    assert alive == [200, 200]


async def _verified(gateway) -> bool:
    return bool(gateway.condition.ledger.result != "not_yet")


async def test_a_database_that_does_not_answer_makes_it_unhealthy(gateway):
    condition = Condition(Liveness(["a"]), _away, gateway.core)

    await condition.look()

    told = await condition.report()
    assert (told["status"], told["database_connected"], condition.is_ready()) == ("unhealthy", False, False)
    assert "the database does not answer" in str(told["problems"])


def _away() -> None:
    raise Unavailable("away")
