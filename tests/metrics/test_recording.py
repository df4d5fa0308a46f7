"""What the stages of an incident's life tell, as counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.metering import Metering
from gcm_sentinel.domain.incident_record import (
    DeliveryState,
    IncidentRecord,
    IncidentState,
    StoredTrigger,
    TriggerState,
    Urgency,
)
from gcm_sentinel.domain.triage_changes import Join, Merge, Move, OpenIncident, RuleOn, TriageSnapshot
from gcm_sentinel.domain.trigger import FaultScope, Trigger, TriggerStatus
from gcm_sentinel.notify.publish import Delivery

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
TOOK = timedelta(milliseconds=3)
RACK = FaultScope("rack", "r1")


def trigger(kind="GcmXidErrorsProblem"):
    return Trigger("kubernetes", "gpu-7", kind, TriggerStatus.PROBLEM, "r", "m", NOW)


@pytest.fixture
def snapshot():
    pending = tuple(
        StoredTrigger(number, trigger(kind), TriggerState.PENDING, NOW)
        for number, kind in enumerate(["GcmXidErrorsProblem", "Ready", "Ready"], 1)
    )
    open_one = IncidentRecord("inc-0", RACK, IncidentState.OPEN, Urgency.WARNING, NOW, NOW)
    return TriageSnapshot(pending, (), (open_one,), ())


@pytest.fixture
def metering(metrics):
    return Metering(metrics, SystemClock())


def test_a_batch_counts_what_was_told_and_what_was_new(metering, value):
    metering.stored([trigger(), trigger("Ready")], 1)

    assert value("gcm_sentinel_triggers_observed_total", source="kubernetes", family="kubelet") == 1
    assert value("gcm_sentinel_triggers_stored_total", source="kubernetes") == 1


def test_an_opened_incident_folds_its_triggers(metering, value, snapshot):
    metering.decided(snapshot, [OpenIncident("inc-1", FaultScope("node", "gpu-7"), Urgency.WARNING, NOW, (1, 2))], TOOK)

    assert value("gcm_sentinel_incidents_opened_total", scope="node") == 1
    assert value("gcm_sentinel_triggers_ruled_total", family="xid", ruling="folded") == 1
    assert value("gcm_sentinel_triggers_ruled_total", family="kubelet", ruling="folded") == 1


def test_joined_and_refused_triggers_count_by_family(metering, value, snapshot):
    changes = [Join("inc-0", (1,), NOW, Urgency.WARNING), RuleOn((2, 3), TriggerState.REFUSED, "not on the allow-list")]

    metering.decided(snapshot, changes, TOOK)

    assert value("gcm_sentinel_triggers_ruled_total", family="xid", ruling="folded") == 1
    assert value("gcm_sentinel_triggers_ruled_total", family="kubelet", ruling="refused") == 2


def test_an_incident_closes_under_the_scope_it_has(metering, value, snapshot):
    metering.decided(snapshot, [Move("inc-0", IncidentState.CLOSED, NOW, "recovered")], TOOK)

    assert value("gcm_sentinel_incidents_closed_total", scope="rack") == 1


def test_an_incident_that_recovers_has_not_closed(metering, value, snapshot):
    metering.decided(snapshot, [Move("inc-0", IncidentState.RECOVERING, NOW)], TOOK)

    assert value("gcm_sentinel_incidents_closed_total", scope="rack") == 0


def test_a_merged_incident_counts_under_its_own_scope(metering, value, snapshot):
    metering.decided(snapshot, [Merge("inc-0", "inc-9", NOW)], TOOK)

    assert value("gcm_sentinel_incidents_merged_total", scope="rack") == 1


@pytest.mark.parametrize(
    ("state", "result"),
    [
        (DeliveryState.DELIVERED, "delivered"),
        (DeliveryState.OWED, "failed"),
        (DeliveryState.GIVEN_UP, "given_up"),
    ],
)
def test_an_attempt_counts_by_what_follows(metering, value, state, result):
    delivery = Delivery("webhook", delivered=state is DeliveryState.DELIVERED, took_s=0.1)

    metering.attempted("inc-0.1", delivery, state)

    assert value("gcm_sentinel_deliveries_total", notifier="webhook", result=result) == 1
