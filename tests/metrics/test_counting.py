"""What the metrics say after something happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gcm_sentinel.domain.assessment import Assessment, Claim, Draft, Outcome, Severity, Spend, StruckClaim
from gcm_sentinel.domain.conditions import Family
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.incident_record import IncidentState, TriggerState, Urgency
from gcm_sentinel.domain.transcript import ModelTurn, StopReason, Usage

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)


def test_rulings_count_by_family(metrics, value):
    metrics.incidents.ruled(Family.XID, TriggerState.HELD, 3)

    assert value("gcm_sentinel_triggers_ruled_total", family="xid", ruling="held") == 3


@pytest.mark.parametrize("what", ["opened", "closed", "merged"])
def test_incidents_count_by_the_kind_of_their_scope(metrics, value, what):
    getattr(metrics.incidents, what)("leaf_switch")

    assert value(f"gcm_sentinel_incidents_{what}_total", scope="leaf_switch") == 1
    assert value(f"gcm_sentinel_incidents_{what}_total", scope="node") == 0


def test_open_incidents_are_replaced_whole(metrics, value):
    metrics.incidents.open_now({(IncidentState.OPEN, Urgency.CRITICAL): 4})
    metrics.incidents.open_now({(IncidentState.OPEN, Urgency.INFO): 1})

    assert value("gcm_sentinel_incidents_open", state="open", urgency="critical") == 0
    assert value("gcm_sentinel_incidents_open", state="open", urgency="info") == 1


def test_waiting_triggers_and_the_last_pass_of_triage(metrics, value):
    metrics.incidents.pending(7, timedelta(seconds=90))
    metrics.incidents.triaged(NOW, timedelta(milliseconds=20))

    assert value("gcm_sentinel_triggers_pending") == 7
    assert value("gcm_sentinel_triggers_oldest_pending_age_seconds") == 90
    assert value("gcm_sentinel_triage_last_pass_timestamp_seconds") == NOW.timestamp()
    assert value("gcm_sentinel_triage_pass_duration_seconds_bucket", le="0.025") == 1


def assessment(outcome=Outcome.CONCLUDED):
    claim = Claim("GPU 3 fell off the bus", ())
    draft = Draft(Severity.CRITICAL, FaultClass.INCONCLUSIVE, "s", "r", 0.9, claims=(claim, claim))
    struck = (StruckClaim(claim, "no such evidence"),)
    return Assessment(
        "inc-1", "gpu-7", "GpuXid", outcome, draft, struck, "anthropic", "m", NOW, Spend(rounds=3, wall_s=42.0)
    )


def test_an_investigation_counts_once_with_engine_outcome_and_severity(metrics, value):
    metrics.investigations.ended(assessment())

    labels = {"engine": "anthropic", "outcome": "concluded", "severity": "critical"}
    assert value("gcm_sentinel_investigations_total", **labels) == 1
    assert value("gcm_sentinel_investigation_duration_seconds_sum", engine="anthropic") == 42


def test_claims_count_as_kept_or_struck(metrics, value):
    metrics.investigations.ended(assessment())

    assert value("gcm_sentinel_claims_total", engine="anthropic", ruling="kept") == 2
    assert value("gcm_sentinel_claims_total", engine="anthropic", ruling="struck") == 1


def test_an_expected_engine_shows_no_failures_before_its_first(metrics, value):
    metrics.investigations.expect(["anthropic"])

    labels = {"engine": "anthropic", "outcome": "failed", "severity": "warning"}
    assert value("gcm_sentinel_investigations_total", **labels) == 0


def test_jobs_are_replaced_whole(metrics, value):
    metrics.investigations.jobs_now({("investigation", "queued"): 3})
    metrics.investigations.jobs_now({("delivery", "running"): 1})

    assert value("gcm_sentinel_queue_jobs", queue="investigation", state="queued") is None
    assert value("gcm_sentinel_queue_jobs", queue="delivery", state="running") == 1


def turn(model="m"):
    return ModelTurn("", (), StopReason.END, Usage(input_tokens=10), engine="openai", model=model)


def test_a_turn_without_a_price_is_counted_apart(metrics, value):
    metrics.engines.turn(turn(), None)

    assert value("gcm_sentinel_model_turns_unpriced_total", engine="openai", model="m") == 1
    assert value("gcm_sentinel_model_cost_usd_total", engine="openai", model="m") is None


def test_a_budget_shows_what_is_left_for_everyone_and_for_critical_incidents(metrics, value):
    metrics.engines.budget("hour", "usd", limit=10.0, left=4.0, reserve=2.5)

    name = "gcm_sentinel_budget_left_usd"
    assert (value(name, window="hour", pool="any"), value(name, window="hour", pool="critical")) == (1.5, 4.0)
    assert value("gcm_sentinel_budget_limit_usd", window="hour", pool="any") == 7.5


def test_a_budget_that_is_overdrawn_has_nothing_left(metrics, value):
    metrics.engines.budget("day", "tokens", limit=1000, left=-20, reserve=250)

    assert value("gcm_sentinel_budget_left_tokens", window="day", pool="any") == 0
    assert value("gcm_sentinel_budget_left_tokens", window="day", pool="critical") == 0


def test_a_budget_without_a_limit_is_absent(value):
    assert value("gcm_sentinel_budget_left_usd", window="hour", pool="any") is None


def test_deliveries_count_by_sink_and_result(metrics, value):
    metrics.deliveries.expect(["webhook"])
    metrics.deliveries.attempted("webhook", "failed")

    name = "gcm_sentinel_deliveries_total"
    assert [value(name, notifier="webhook", result=result) for result in ("failed", "given_up")] == [1, 0]


def test_owed_deliveries_are_replaced_whole(metrics, value):
    metrics.deliveries.owed_now({"webhook": 2}, timedelta(minutes=5))
    metrics.deliveries.owed_now({}, timedelta())

    assert value("gcm_sentinel_deliveries_owed", notifier="webhook") is None
    assert value("gcm_sentinel_deliveries_oldest_owed_age_seconds") == 0


def test_storage_shows_latency_size_and_what_was_pruned(metrics, value):
    metrics.storage.took("triggers.store", timedelta(milliseconds=4))
    metrics.storage.size(4096)
    metrics.storage.pruned({"incidents": 2})
    metrics.storage.up(answers=False)

    labels = {"operation": "triggers.store", "le": "0.005"}
    assert value("gcm_sentinel_storage_operation_duration_seconds_bucket", **labels) == 1
    assert value("gcm_sentinel_storage_size_bytes") == 4096
    assert value("gcm_sentinel_storage_pruned_total", what="incidents") == 2
    assert value("gcm_sentinel_storage_up") == 0


class Watch:
    """A watcher that cannot watch."""

    synced = False
    last_event_at = NOW
    problem = "forbidden"
    lists = 1


def test_a_watch_is_sampled_whole(metrics, value):
    metrics.watch.sampled("kubernetes", Watch())
    metrics.watch.sampled("kubernetes", Watch())

    assert value("gcm_sentinel_watch_heard_timestamp_seconds", source="kubernetes") == NOW.timestamp()
    assert value("gcm_sentinel_watch_synced", source="kubernetes") == 0
    assert value("gcm_sentinel_watch_problem", source="kubernetes") == 1
    assert value("gcm_sentinel_watch_relists_total", source="kubernetes") == 1
