"""A GPU's history: what is kept, how it is paged, what is forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from tests.sentinel_core.gateway import AGENT, JANE, NOW_NS, SECOND_NS, Place, asking, batch, execution, gpu

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.directives import DirectiveStatus
from sentinel_gateway.domain.errors import Invalid, NotKnown
from sentinel_gateway.domain.health import Action, HealthState
from sentinel_gateway.domain.history import HistoryPage, ReliabilitySample, StateTransition, Window
from sentinel_gateway.domain.settings import ApprovalSettings, CoreSettings, HistorySettings
from sentinel_gateway.storage.database import Database

ALL = Window()


async def probes(place: Place, core: Core, count: int, every_s: float) -> None:
    """One batch every so often."""
    for _ in range(count):
        number = (place.clock() - NOW_NS) // SECOND_NS
        run = replace(execution(), time_ns=place.clock())
        await core.report_probes(AGENT, replace(batch(run, sequence=number), batch_time_ns=place.clock()))
        place.clock.sleep(every_s)


async def pages(core: Core, limit: int, window: Window = ALL) -> list[HistoryPage]:
    found = [await core.history(gpu().uuid, window, limit)]
    while found[-1].next_page_token:
        found.append(await core.history(gpu().uuid, window, limit, found[-1].next_page_token))
    return found


async def test_the_score_is_sampled_at_most_once_a_minute(place: Place):
    async with place.running() as core:
        await probes(place, core, 13, every_s=10)

        samples = (await core.history(gpu().uuid, ALL)).samples
    assert [(sample.time_ns - NOW_NS) // SECOND_NS for sample in samples] == [0, 60, 120]
    assert [sample.alpha for sample in samples] == [101.0, 107.0, 113.0]


async def test_a_change_of_state_is_sampled_at_once(place: Place):
    async with place.running() as core:
        await probes(place, core, 2, every_s=1)
        await core.issue(JANE, asking(Action.QUARANTINE, "d-1"))

        page = await core.history(gpu().uuid, ALL)
    assert page.samples[-1] == ReliabilitySample(gpu().uuid, NOW_NS + 2 * SECOND_NS, 102.0, 1.0)
    assert page.transitions == (
        StateTransition(
            gpu().uuid,
            HealthState.HEALTHY,
            HealthState.QUARANTINED,
            NOW_NS + 2 * SECOND_NS,
            "because",
            "jane",
            "d-1",
        ),
    )
    assert page.correlations == ()


async def test_pages_hold_everything_once_in_order_of_time(either: Place):
    async with either.running() as core:
        await probes(either, core, 3, every_s=60)
        for number, action in enumerate((Action.QUARANTINE, Action.REINSTATE) * 2):
            await core.issue(JANE, asking(action, f"d-{number}"))
        by_limit = {limit: await pages(core, limit) for limit in (1, 2, 3, 100)}

    for limit, found in by_limit.items():
        samples = [sample.time_ns for page in found for sample in page.samples]
        assert samples == sorted(set(samples))
        assert len(samples) == 4
        assert [one.directive_id for page in found for one in page.transitions] == ["d-0", "d-1", "d-2", "d-3"]
        assert all(len(page.samples) + len(page.transitions) <= limit for page in found)


async def test_correlations_stand_between_the_rest(either: Place):
    async with either.running() as core:
        await probes(either, core, 2, every_s=60)
        with core._store._database.writing() as connection:
            connection.execute(
                text(
                    "INSERT INTO correlations (event_id, gpu_id, sm_id, pattern_type, confidence, severity, events, "
                    "description, recommended_action, time_ns) "
                    "VALUES ('c-1', 1, 7, 2, 0.85, 3, '[\"p-1\"]', 'words', 'mask', :time_ns)"
                ),
                {"time_ns": NOW_NS + SECOND_NS},
            )
        found = await pages(core, 1)

    (told,) = [one for page in found for one in page.correlations]
    assert (told.event_id, told.events, told.sm_id, told.gpu) == ("c-1", ("p-1",), 7, gpu())
    assert [len(page.samples) for page in found] == [1, 0, 1]


async def test_a_window_begins_with_its_start_and_ends_before_its_end(either: Place):
    async with either.running() as core:
        await probes(either, core, 4, every_s=60)
        window = Window(NOW_NS + 60 * SECOND_NS, NOW_NS + 180 * SECOND_NS)

        found = await pages(core, 1, window)
    times = [sample.time_ns for page in found for sample in page.samples]
    assert times == [NOW_NS + 60 * SECOND_NS, NOW_NS + 120 * SECOND_NS]


async def test_a_token_of_another_query_is_refused(place: Place):
    async with place.running() as core:
        await probes(place, core, 3, every_s=60)
        await core.report_probes(AGENT, batch(execution(on=gpu(1)), sequence=999))
        token = (await core.history(gpu().uuid, ALL, 1)).next_page_token

        with pytest.raises(Invalid, match="another query"):
            await core.history(gpu(1).uuid, ALL, 1, token)
        with pytest.raises(Invalid, match="another query"):
            await core.history(gpu().uuid, Window(0), 1, token)
        with pytest.raises(Invalid, match="gave out"):
            await core.history(gpu().uuid, ALL, 1, "no token!")


async def test_what_makes_no_sense_is_refused(place: Place):
    async with place.running() as core:
        await probes(place, core, 1, every_s=1)

        with pytest.raises(NotKnown):
            await core.history(gpu(5).uuid, ALL)
        for uuid, window, limit in (("x", ALL, 1), (gpu().uuid, Window(2, 1), 1), (gpu().uuid, ALL, 10_001)):
            with pytest.raises(Invalid):
                await core.history(uuid, window, limit)


async def test_what_is_old_is_forgotten(either: Place):
    kept = HistorySettings(
        keep_samples=timedelta(days=1), keep_history=timedelta(days=2), summary_interval=timedelta(days=90)
    )
    patient = ApprovalSettings(timeout=timedelta(days=90))
    either.settings = CoreSettings(history=kept, approvals=patient, forget_interval=timedelta(0))
    async with either.running() as core:
        await probes(either, core, 2, every_s=60)
        await core.issue(JANE, asking(Action.QUARANTINE, "d-1"))
        await core.issue(JANE, asking(Action.CONDEMN, "d-2"))
        either.clock.sleep(1.5 * 86_400)
        await core.upkeep()
        page = await core.history(gpu().uuid, ALL)
        assert (len(page.samples), len(page.transitions)) == (0, 1)

        either.clock.sleep(86_400)
        await core.upkeep()
        assert (await core.history(gpu().uuid, ALL)).transitions == ()
        with pytest.raises(NotKnown):
            await core.directive("d-1")
        assert (await core.directive("d-2")).status is DirectiveStatus.WAITING
    with Database.open(either.url, create=False) as database, database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM seen_batches").scalar() == 0


async def test_kept_for_ever_nothing_is_forgotten(place: Place):
    kept = HistorySettings(keep_samples=timedelta(0), keep_history=timedelta(0))
    place.settings = CoreSettings(history=kept, forget_interval=timedelta(0))
    async with place.running() as core:
        await probes(place, core, 2, every_s=60)
        place.clock.sleep(4000 * 86_400)
        await core.upkeep()

        assert len((await core.history(gpu().uuid, ALL)).samples) == 2
