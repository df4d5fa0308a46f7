"""Whatever could be an alert is told to alerting with the round in which it happened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from tests.sentinel_core.gateway import AGENT, JANE, OMAR, Place, asking, batch, execution
from tests.sentinel_core.sweeps import Sweeps, fleet

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.alerts import AlertChanges, Alerts, Group, GroupKey
from sentinel_gateway.domain.anomalies import AnomalyBatch, AnomalyEvent
from sentinel_gateway.domain.errors import Unavailable
from sentinel_gateway.domain.happenings import DirectiveChanged, FailuresInARow, Happening, Overstayed, StateChanged
from sentinel_gateway.domain.health import Action, HealthState
from sentinel_gateway.domain.probes import ProbeResult
from sentinel_gateway.domain.telemetry import TelemetryBatch, TelemetryReport, Thermal
from sentinel_gateway.domain.tmr import TmrGpuResult, TmrReport
from sentinel_gateway.ledger.keys import load_signer
from sentinel_gateway.ledger.writer import LedgerWriter
from sentinel_gateway.storage.alert_rows import load_groups
from sentinel_gateway.storage.database import Database
from sentinel_gateway.storage.store import Store

GPUS = fleet(2)
BAD, DEAD = GPUS[3], 2
KEY = GroupKey("a_rule", "cluster")


class Heard:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.happenings: list[Happening] = []
        self.open: AlertChanges | None = None
        self.missed_rounds = 0

    def decide(self, happenings: Sequence[Happening], now_ns: int) -> AlertChanges:
        assert self.open is None
        self.happenings += happenings
        self.open = AlertChanges(now_ns=now_ns)
        return self.open

    def committed(self, changes: AlertChanges) -> None:
        assert changes is self.open
        self.open = None

    def missed(self) -> None:
        self.missed_rounds += 1
        self.open = None

    def of(self, kind: type[Happening]) -> list[Happening]:
        return [one for one in self.happenings if type(one) is kind]


class Broken(Heard):
    """Fails."""

    def decide(self, happenings: Sequence[Happening], now_ns: int) -> AlertChanges:
        raise RuntimeError("no")


class Remembering(Heard):
    """Has something stored with every round."""

    def decide(self, happenings: Sequence[Happening], now_ns: int) -> AlertChanges:
        self.open = AlertChanges(groups={KEY: Group(KEY, told_ns=now_ns)}, now_ns=now_ns)
        return self.open


@asynccontextmanager
async def running(place: Place, alerts: Alerts) -> AsyncIterator[Core]:
    """A core that tells alerts."""
    signer, note = load_signer(place.folder / "key.pem", "test"), place.folder / "checkpoint"
    with Database.open(place.url) as database, LedgerWriter.open(database, signer, note, place.clock) as ledger:
        core = Core(Store(database), ledger, place.settings, place.keys, place.clock, alerts)
        await core.load()
        async with asyncio.TaskGroup() as group:
            group.create_task(core.run())
            yield core
            await core.stop()


async def told(place: Place) -> Heard:
    """A dead SM is found; something of everything else happens once."""
    heard = Heard()
    async with running(place, heard) as core:
        sweeps = Sweeps(place, GPUS)
        for _ in range(3):
            await sweeps.sweep(core, {(BAD, DEAD)})
        await sweeps.sweep(core, {(GPUS[0], 0)}, result=ProbeResult.TIMEOUT)
        await core.report_anomalies(AGENT, AnomalyBatch("m", (AnomalyEvent("a", 1, BAD),), 0))
        report = TelemetryReport(BAD, Thermal(90.0))
        await core.report_telemetry(AGENT, TelemetryBatch("node-9", (report,), 0))
        await core.report_tmr(AGENT, TmrReport("c", tuple(TmrGpuResult(gpu, b"x") for gpu in GPUS[:3])))
    return heard


async def test_everything_is_told(place: Place):
    kinds = {type(one).__name__ for one in (await told(place)).happenings}

    assert kinds == {
        *("ProbeFailed", "FailuresInARow", "ProbeTimedOut", "AnomalySeen", "StateChanged", "Correlated"),
        *("TmrVoted", "TelemetryRead", "Heard", "DirectiveChanged"),
    }


async def test_rows_of_failures_grow(place: Place):
    rows = [one.row for one in (await told(place)).of(FailuresInARow) if isinstance(one, FailuresInARow)]

    assert rows == [2, 3]


async def test_changes_of_state(place: Place):
    states = [one.to_state.name for one in (await told(place)).of(StateChanged) if isinstance(one, StateChanged)]

    assert states == ["SUSPECT", "QUARANTINED", "DEEP_TEST"]


async def test_directives_that_begin_to_wait_and_how_they_end(place: Place):
    heard = Heard()
    async with running(place, heard) as core:
        await Sweeps(place, GPUS).sweep(core)
        for _ in range(2):
            await core.issue(JANE, asking(Action.CONDEMN, on=BAD))
        first = heard.of(DirectiveChanged)[0]
        assert isinstance(first, DirectiveChanged)
        await core.decide(OMAR, first.directive_id, approve=False)
        place.clock.sleep(30 * 86400)
        await core.upkeep()

    statuses = [one.status.name for one in heard.of(DirectiveChanged) if isinstance(one, DirectiveChanged)]
    assert statuses == ["WAITING", "WAITING", "DENIED", "EXPIRED"]


async def test_gpus_that_nobody_decides_about_are_told_once(place: Place):
    heard = Heard()
    async with running(place, heard) as core:
        await Sweeps(place, GPUS).sweep(core)
        await core.issue(JANE, asking(Action.QUARANTINE, on=BAD))
        place.clock.sleep(25 * 3600)
        await core.upkeep()
        await core.upkeep()

    [told] = heard.of(Overstayed)
    assert isinstance(told, Overstayed)
    assert (told.gpu, told.state, told.hours) == (BAD, HealthState.QUARANTINED, 25)


async def test_rounds_that_cannot_be_stored_are_told_because_nobody_was_heard_in_them(place: Place):
    heard = Heard()
    async with running(place, heard) as core:
        await Sweeps(place, GPUS).sweep(core)
        with core._store._database.writing() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        large = [execution(n, 2, n) for n in range(400)]
        with pytest.raises(Unavailable, match="full disk"):
            await core.report_probes(AGENT, batch(*large, sequence=1))

        assert heard.missed_rounds == 1


async def test_alerting_that_fails_keeps_nothing_from_being_stored(place: Place):
    async with running(place, Broken()) as core:
        await Sweeps(place, GPUS).sweep(core)

        assert (await core.gpu_health(BAD.uuid)).probe_pass_count == 4


async def test_what_alerting_remembers_is_stored_with_the_round(either: Place):
    async with running(either, Remembering()) as core:
        await Sweeps(either, GPUS).sweep(core)
    with Database.open(either.url) as database, database.reading() as connection:
        (group,) = load_groups(connection)

    assert (group.key, group.told_ns) == (KEY, either.clock.ns)
