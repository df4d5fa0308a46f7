"""A job waits for storage where going on would lose what was paid for, or take another path than the record."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.storage.given import NOW, Given, evidence

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.life import patience
from gcm_sentinel.app.life.budget import EngineChoice
from gcm_sentinel.app.life.investigation_job import Audience, Engines, InvestigationJob
from gcm_sentinel.app.life.patient_evidence import PatientEvidence
from gcm_sentinel.app.life.pulse import Pulse
from gcm_sentinel.app.stores import IN_MEMORY, open_stores
from gcm_sentinel.domain.errors import Refused, Retryable
from gcm_sentinel.domain.steps import Unrecorded
from gcm_sentinel.domain.transcript import ModelTurn, StopReason, Usage
from gcm_sentinel.storage.memory import MemoryEvidenceStore
from gcm_sentinel.storage.spending import Spending
from gcm_sentinel.triage.budget import Pools


class Away(MemoryEvidenceStore):
    """A store that answers the third time it is asked."""

    asked = 0

    async def get(self, investigation_id, evidence_id):
        self.asked += 1
        if self.asked < 3:
            raise Retryable("away")
        return await super().get(investigation_id, evidence_id)


class SpendingAway(Spending):
    """Accounts that can be written the third time."""

    asked = 0

    async def record(self, *bill):
        self.asked += 1
        if self.asked < 3:
            raise Retryable("away")
        await super().record(*bill)


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
    await store.put("inc-1.1", evidence())

    assert await PatientEvidence(store).get("inc-1.1", "E1") == evidence()


async def test_a_turn_is_booked_although_the_accounts_are_away_when_it_ends():
    async with open_stores(IN_MEMORY, SystemClock()) as stores:
        given = Given(stores.database)
        await given.incident()
        await given.investigation(state="queued")
        away = replace(stores, spending=SpendingAway(stores.database))
        engine: Any = OneTurn()
        choice = EngineChoice(stores.spending, Pools(), SystemClock(), paid=True)
        engines = Engines(engine, engine, engine, choice)
        job = InvestigationJob(away, engines, Audience(()), Pulse(), executor="pod-a")

        with pytest.raises(Refused):
            await job("inc-1.1", Unrecorded())

        assert (await stores.spending.since(NOW - timedelta(days=3650))).usd == 0.25
