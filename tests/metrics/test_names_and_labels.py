"""Names, units and label values hold to Prometheus' rules, and no label is unbounded."""

from __future__ import annotations

import re

from gcm_sentinel.app.metrics import AgentMetrics
from gcm_sentinel.domain.transcript import ModelTurn, StopReason

UNITS = ("_seconds", "_bytes", "_usd", "_tokens", "_total", "_info")
COUNTED_THINGS = {
    "gcm_sentinel_actions",
    "gcm_sentinel_breaker_open",
    "gcm_sentinel_incidents_open",
    "gcm_sentinel_triggers_pending",
    "gcm_sentinel_queue_jobs",
    "gcm_sentinel_deliveries_owed",
    "gcm_sentinel_watch_synced",
    "gcm_sentinel_watch_problem",
    "gcm_sentinel_storage_up",
    "gcm_sentinel_process_open_fds",
    "gcm_sentinel_process_max_fds",
}


def names(metrics):
    return {family.name + ("_total" if family.type == "counter" else "") for family in metrics.families()}


def test_every_name_begins_with_ours_and_says_its_unit(metrics):
    odd = [name for name in names(metrics) - COUNTED_THINGS if not name.endswith(UNITS)]

    assert odd == []
    assert all(re.fullmatch(r"gcm_sentinel_[a-z_]+", name) for name in names(metrics))


def test_every_metric_has_a_sentence_of_help(metrics):
    assert [family.name for family in metrics.families() if not family.documentation.endswith(".")] == []


def test_two_agents_in_one_process_do_not_share_counts(metrics):
    other = AgentMetrics(version="1", engine="playbook", mode="recommend")
    other.incidents.opened("rack")

    assert b'incidents_opened_total{scope="rack"} 0.0' in metrics.expose()


def test_no_series_of_creation_times_is_exposed(metrics):
    metrics.incidents.opened("node")

    assert b"_created" not in metrics.expose()


def test_models_beyond_the_twentieth_share_one_label(metrics):
    for number in range(50):
        metrics.engines.turn(ModelTurn("", (), StopReason.END, engine="openai", model=f"m-{number}"), 0.0)

    models = {
        sample.labels["model"]
        for family in metrics.families()
        for sample in family.samples
        if sample.name == "gcm_sentinel_model_turns_total"
    }
    assert len(models) == 21
    assert "other" in models


def test_an_idle_agent_exposes_a_few_hundred_lines(metrics):
    assert len(metrics.expose().splitlines()) < 500
