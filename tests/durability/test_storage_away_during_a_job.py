"""A job waits for storage where going on would lose what was paid for, or take another path than the record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.storage.given import NOW, Given, evidence

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.life import patience, patient_evidence
from gcm_sentinel.app.life.budget import EngineChoice
from gcm_sentinel.app.life.investigation_job import Audience, Engines, InvestigationJob
from gcm_sentinel.app.life.patient_evidence import PatientEvidence
from gcm_sentinel.app.life.pulse import Pulse
from gcm_sentinel.app.stores import IN_MEMORY, Stores, open_stores
from gcm_sentinel.domain.errors import Refused, Retryable
from gcm_sentinel.domain.steps import Unrecorded
from gcm_sentinel.domain.transcript import ModelTurn, StopReason, Usage
from gcm_sentinel.storage.memory import MemoryEvidenceStore
from gcm_sentinel.storage.spending import Spending
from gcm_sentinel.triage.budget import Pools


class Away(MemoryEvidenceStore):
    """A store that answers the third time it is asked."""

    asked, answers_at = 0, 3

    async def get(self, investigation_id, evidence_id):
        self._ask()
        return await super().get(investigation_id, evidence_id)

    async def put(self, investigation_id, evidence):
        self._ask()
        await super().put(investigation_id, evidence)

    def _ask(self):
        self.asked += 1
        if self.asked < self.answers_at:
            raise Retryable("away")


class SpendingAway(Spending):
    """Accounts that can be written the third time."""

    asked = 0

    async def record(self, *bill):
        self.asked += 1
        if self.asked < 3:
            raise Retryable("away")
        await super().record(*bill)


class SpendingUnheard(Spending):
    """Accounts that are written, and lost before they say so, the first time."""

    asked = 0

    async def record(self, *bill):
        await super().record(*bill)
        self.asked += 1
        if self.asked == 1:
            raise Retryable("away")


class OneTurn:
    """An engine whose one turn is paid and whose investigation goes no further."""

    name = "paid"

    async def investigate(self, incident, on_step, *, on_turn, **_others):
        turn = ModelTurn("", (), StopReason.END, usage=Usage(900, 90))
        await on_turn(incident.investigation_id, 1, turn, 0.25)
        raise Refused("that is all")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(patience, "_FIRST_PAUSE_S", 0.0)


async def test_evidence_is_not_lost_because_storage_is_away_when_it_is_read_back():
    store = Away()
    await MemoryEvidenceStore.put(store, "inc-1.1", evidence())

    assert await PatientEvidence(store).get("inc-1.1", "E1") == evidence()


async def test_a_tool_s_result_is_not_thrown_away_because_storage_is_away_for_a_moment():
    store = Away()

    await PatientEvidence(store).put("inc-1.1", evidence())

    assert await MemoryEvidenceStore.get(store, "inc-1.1", "E1") == evidence()


async def test_storing_a_result_gives_up_before_it_costs_the_investigation_its_time(monkeypatch):
    monkeypatch.setattr(patient_evidence, "STORING_AT_MOST", timedelta(seconds=0.05))
    store = Away()
    store.answers_at = 10**9

    async with asyncio.timeout(5):
        with pytest.raises(Retryable):
            await PatientEvidence(store).put("inc-1.1", evidence())


@asynccontextmanager
async def one_turn(accounts: type[Spending] = Spending) -> AsyncIterator[tuple[Stores, InvestigationJob]]:
    """A job whose investigation is one paid turn, and its stores."""
    async with open_stores(IN_MEMORY, SystemClock()) as stores:
        given = Given(stores.database)
        await given.incident()
        await given.investigation(state="queued")
        engine: Any = OneTurn()
        choice = EngineChoice(stores.spending, Pools(), SystemClock(), paid=True)
        engines = Engines(engine, engine, engine, choice)
        booking = replace(stores, spending=accounts(stores.database))
        yield stores, InvestigationJob(booking, engines, Audience(()), Pulse(), executor="pod-a")


async def test_a_turn_is_booked_although_the_accounts_are_away_when_it_ends():
    async with one_turn(SpendingAway) as (stores, job):
        with pytest.raises(Refused):
            await job("inc-1.1", Unrecorded())

        assert (await stores.spending.since(NOW - timedelta(days=3650))).usd == 0.25


async def test_a_bill_whose_commit_was_not_heard_of_is_written_once():
    async with one_turn(SpendingUnheard) as (stores, job):
        with pytest.raises(Refused):
            await job("inc-1.1", Unrecorded())

        assert (await stores.spending.since(NOW - timedelta(days=3650))).usd == 0.25


async def test_a_turn_that_is_asked_again_because_its_record_was_lost_is_booked_again():
    async with one_turn() as (stores, job):
        for _ in range(2):
            with pytest.raises(Refused):
                await job("inc-1.1", Unrecorded())

        assert (await stores.spending.since(NOW - timedelta(days=3650))).usd == 0.5
