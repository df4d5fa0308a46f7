"""From what an agent reports to the message somebody gets, stored with the change; and what is told from outside."""

from __future__ import annotations

import json
import time

import pytest
from tests.sentinel_alerts.receivers import HttpReceiver
from tests.sentinel_gateway.driving import GPU, Client, batch, execution, neighbours, until

from sentinel_gateway.app.alert_desk import AlertDesk
from sentinel_gateway.app.running import Running
from sentinel_gateway.domain.alert_settings import AlertSettings
from sentinel_gateway.domain.happenings import FleetRate
from sentinel_gateway.storage.database import Database


@pytest.fixture
async def receiver():
    async with HttpReceiver.started() as receiver:
        yield receiver


@pytest.fixture
def groups(receiver):
    """A webhook that gets every alert, and a ledger that is verified all the time."""
    webhooks = [{"name": "desk", "url": f"{receiver.url}/alerts"}]
    return {"alerting": {"webhooks": webhooks}, "ledger": {"verification_interval_seconds": 0.2}}


async def _rules(receiver: HttpReceiver, wanted: str) -> list[dict[str, object]]:
    """What was posted, until an alert of a rule is among it."""

    async def is_there() -> bool:
        return any(json.loads(one.body)["rule"] == wanted for one in receiver.posted)

    await until(is_there, f"an alert {wanted}")
    return [json.loads(one.body) for one in receiver.posted]


async def test_a_failing_sm_and_the_quarantine_that_follows_are_told(client: Client, receiver: HttpReceiver):
    for number in range(3):
        await client.report(batch(*neighbours(), execution(2, sm=7, age_s=120 * (3 - number)), sequence=number))

    posted = await _rules(receiver, "gpu_quarantined")
    told = {str(one["rule"]): one for one in posted}
    assert {"probe_single_failure", "gpu_quarantined"} <= set(told)
    assert told["gpu_quarantined"]["severity"] == "HIGH"
    assert all(GPU in json.dumps(one) for one in posted)


async def test_a_ledger_that_does_not_verify_is_told(gateway: Running, client: Client, receiver: HttpReceiver, tamper):
    await client.report(batch(execution(2)))
    tamper("UPDATE ledger_entries SET data = X'00' WHERE entry_id = 1")

    await until(_broken(gateway), "that the ledger is broken")
    await gateway.core.upkeep()

    assert (await _rules(receiver, "audit_chain_broken"))[-1]["severity"] == "CRITICAL"


def _broken(gateway: Running):
    async def is_broken() -> bool:
        return gateway.condition.ledger.is_broken

    return is_broken


async def test_what_happens_outside_the_core_is_told_once_and_not_lost_with_a_round_that_fails(sqlite_with_tables):
    notes: list[str] = []
    with Database.open(f"sqlite:///{sqlite_with_tables}") as database:
        desk = AlertDesk(AlertSettings(), database, lambda event, **_: notes.append(event), time.time_ns)
        desk.tell(FleetRate(time_ns=1, rate=0.5, gpus=10))

        decided = [desk.decide((), number) for number in (1, 2)]
        desk.committed(decided[-1])
        afterwards = desk.decide((), 3)
        desk.committed(afterwards)

    assert [[alert.key.rule for alert in one.alerts] for one in decided] == [["fleet_sdc_rate_elevated"]] * 2
    assert (afterwards.alerts, notes) == ((), [])
