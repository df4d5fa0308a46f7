"""An investigation whose incident is merged into another one while it runs ends without a word to anybody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.storage.deciding import Triage, observed
from tests.storage.given import assessment, at, transcript

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.life.budget import EngineChoice
from gcm_sentinel.app.life.dispatch import Dispatch
from gcm_sentinel.app.life.investigation_job import Audience, Engines, InvestigationJob
from gcm_sentinel.app.life.pulse import Pulse
from gcm_sentinel.app.stores import IN_MEMORY, Stores, open_stores
from gcm_sentinel.domain.incident_record import InvestigationState
from gcm_sentinel.domain.steps import Unrecorded
from gcm_sentinel.domain.triage_changes import Merge
from gcm_sentinel.engine.investigation import Investigation
from gcm_sentinel.storage.investigations import StoredInvestigation
from gcm_sentinel.triage.budget import Pools


class MergedMeanwhile:
    """An engine during whose work triage merges the incident."""

    name = "any"

    def __init__(self, triage: Triage) -> None:
        self._triage = triage

    async def investigate(self, _incident, _on_step, **_others):
        await self._triage.decide(Merge("inc-2", "inc-1", at(1)))
        return Investigation(assessment(), (), transcript())


class Queue:
    """What was handed to the deliveries' queue."""

    def __init__(self) -> None:
        self.submitted: list[str] = []

    async def submit(self, key, *, priority):
        self.submitted.append(key)


@pytest.fixture
async def stores() -> AsyncIterator[Stores]:
    """Two incidents, one of which was merged into the other while it was investigated."""
    async with open_stores(IN_MEMORY, SystemClock()) as opened:
        triage = Triage(opened.database)
        await triage.open("inc-1", observed())
        await triage.open("inc-2", observed(node="gpu-2"))
        engine: Any = MergedMeanwhile(triage)
        choice = EngineChoice(opened.spending, Pools(), SystemClock(), paid=True)
        audience = Audience(("kubernetes-event", "webhook"))
        job = InvestigationJob(opened, Engines(engine, engine, engine, choice), audience, Pulse(), executor="pod-a")
        with capture_logs() as logs:
            await job("inc-2.1", Unrecorded())
        assert {"investigation.not_published"} <= {entry["event"] for entry in logs}
        yield opened


async def merged(stores: Stores) -> StoredInvestigation:
    """The investigation of the incident that was merged."""
    found = await stores.investigations.get("inc-2.1")
    assert found is not None
    return found


async def test_no_sink_is_owed_or_told_anything(stores):
    investigations, deliveries = Queue(), Queue()
    dispatch = Dispatch(stores.investigations, stores.deliveries, (investigations, deliveries), SystemClock(), Pulse())

    await dispatch.hand_over()

    assert deliveries.submitted == []
    assert investigations.submitted == ["inc-1.1"]


async def test_what_it_found_is_kept_with_a_note(stores):
    found = await merged(stores)

    assert (found.record.state, found.record.note) == (InvestigationState.DROPPED, "merged into inc-1")
    assert found.assessment == assessment()


async def test_the_other_incident_still_waits_for_its_own_verdict(stores):
    view = await stores.incidents.get("inc-1")

    assert view is not None
    assert (view.record.severity, view.record.investigation) == (None, InvestigationState.WANTED)
