"""Measured overhead is held to its budget: agents whose probes take too long are asked for fewer, and do as asked.

Probes take fifteen times as long as they should for a while. Agents keep the schedule that acknowledgements leave them
with, so what the gateway measures is what its own overrides lead to.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.sentinel_acceptance.place import PERIODS_S, SWEEP_S, Agent, Fleet
from tests.sentinel_alerts.receivers import HttpReceiver
from tests.sentinel_gateway.driving import until

from sentinel_sdk import types

pytestmark = pytest.mark.slow

SMS = 4
TOOK_S = {1: 0.02, 2: 0.05, 3: 0.02, 4: 0.02, 5: 0.3, 6: 0.01, 7: 0.02}
"""Of one execution: 0.95 % in all by the usual schedule."""
BUDGET_PCT = 2.0


@dataclass
class Host:
    """A host that runs each probe when its period has passed, and reports how long that took."""

    fleet: Fleet
    agent: Agent
    slower: float = 1.0
    """By how much its probes take longer than they should."""
    ran_s: dict[int, int] = field(default_factory=dict)

    async def minutes(self, count: int) -> list[float]:
        """So much time passes; what the gateway measured after each minute, in percent."""
        measured = []
        for _ in range(count):
            await self._probe()
            await self.fleet.passes(SWEEP_S)
            (load,) = await self.fleet.gateway.core.host_loads()
            measured.append(load.worst[1])
        return measured

    async def _probe(self) -> None:
        now_s = self.fleet.clock.ns // 10**9
        for kind, period_s in self.agent.periods_s().items():
            if now_s - self.ran_s.get(kind, 0) >= period_s:
                self.ran_s[kind] = now_s
                self.agent.took_s = TOOK_S[kind] * self.slower
                await self.agent.sweep(probe_type=types.ProbeType(kind))

    def stretched(self) -> Mapping[str, int]:
        """Probe types that it runs less often than by its own schedule, and how much."""
        now = self.agent.periods_s()
        return {types.ProbeType(kind).name: now[kind] // own for kind, own in PERIODS_S.items() if now[kind] > own}


@pytest.fixture
async def receiver() -> AsyncIterator[HttpReceiver]:
    async with HttpReceiver.started() as started:
        yield started


@pytest.fixture
def groups(receiver: HttpReceiver) -> dict[str, Any]:
    return {"alerting": {"webhooks": [{"name": "desk", "url": f"{receiver.url}/alerts"}]}}


@pytest.fixture
async def host(fleet: Fleet) -> Host:
    return Host(fleet, await fleet.host(gpus=2, sms=SMS))


async def events(fleet: Fleet) -> list[str]:
    """What the ledger says was done about overhead, in order."""
    page = await fleet.clients["ann"].aquery_audit_trail(types.AuditQueryFilters(limit=1000))
    found = []
    for entry in page.entries:
        if b"probe.schedule" in entry.data:
            found.append("stretched" if b"probe.schedule_stretched" in entry.data else "restored")
    return found


async def test_nothing_is_asked_of_a_host_within_its_budget(host: Host):
    measured = await host.minutes(25)

    assert 0.5 < max(measured) < 1
    assert host.stretched() == {}


async def test_above_it_the_schedule_is_stretched_until_the_budget_is_kept(fleet: Fleet, host: Host):
    host.slower = 6.0

    measured = await host.minutes(60)

    assert max(measured) > BUDGET_PCT
    assert max(measured[30:]) < BUDGET_PCT
    assert host.stretched()["MEMORY"] == 8
    assert "stretched" in await events(fleet)


async def test_no_probe_is_ever_stopped(host: Host):
    host.slower = 100.0

    await host.minutes(40)

    assert set(host.stretched().values()) == {8}
    assert set(host.agent.periods_s()) == set(PERIODS_S)


async def test_when_the_cause_is_gone_the_overrides_run_out_by_themselves(fleet: Fleet, host: Host):
    host.slower = 6.0
    await host.minutes(30)
    held = host.stretched()

    host.slower = 1.0
    await host.minutes(60)

    assert held
    assert host.stretched() == {}
    assert (await events(fleet))[-1] == "restored"


async def test_a_budget_that_a_person_sets_counts_at_once(fleet: Fleet, host: Host):
    await host.minutes(12)
    before = host.stretched()
    update = types.ConfigUpdate(overhead_budget=types.OverheadBudgetUpdate(budget_pct=0.5), reason="a training run")

    assert (await fleet.clients["olga"].aupdate_config(update)).applied
    await host.minutes(1)

    assert (before, bool(host.stretched())) == ({}, True)


async def test_above_three_percent_for_five_minutes_people_are_told_until_it_is_over(
    host: Host, receiver: HttpReceiver
):
    def told() -> list[str]:
        bodies = [json.loads(one.body) for one in receiver.posted]
        return [f"{body['event']} {body['hostname']}" for body in bodies if body["rule"] == "probe_overhead_high"]

    async def both() -> bool:
        return len(told()) == 2

    host.slower = 8.0
    await host.minutes(40)

    await until(both, "the alert and its end")
    assert told() == ["trigger node-1", "resolve node-1"]
