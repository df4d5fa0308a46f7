"""The alert rules are what Prometheus loads, over metrics that exist, with words for whoever is woken."""

from __future__ import annotations

import re

from tests.charts.promql import selectors

DURATION = re.compile(r"\d+[smhd]")


def test_every_expression_is_promql_over_metrics_that_exist(rules, families):
    known = set().union(*families.values())

    asked = {selector.name for rule in rules for selector in selectors(rule["expr"])}

    assert asked
    assert asked - known == set()


def test_label_values_that_rules_ask_for_exist(rules):
    fixed = {
        (selector.name, matcher.name, matcher.value)
        for rule in rules
        for selector in selectors(rule["expr"])
        for matcher in selector.matchers.matchers
    }

    assert fixed == {
        ("gcm_sentinel_queue_jobs", "queue", "investigation"),
        ("gcm_sentinel_queue_jobs", "state", "waiting"),
        ("gcm_sentinel_investigations_total", "outcome", "failed"),
        ("gcm_sentinel_model_turn_failures_total", "outcome", "failed"),
        ("gcm_sentinel_tool_calls_total", "status", "error|unavailable|crashed"),
        ("gcm_sentinel_claims_total", "ruling", "struck"),
        ("gcm_sentinel_budget_left_usd", "pool", "any"),
        ("gcm_sentinel_budget_left_tokens", "pool", "any"),
        ("gcm_sentinel_budget_left_usd", "pool", "critical"),
        ("gcm_sentinel_budget_left_tokens", "pool", "critical"),
        ("gcm_sentinel_deliveries_total", "result", "given_up"),
        ("gcm_sentinel_actions", "state", "failed"),
    }


def test_every_rule_has_only_keys_that_prometheus_knows(rules):
    assert [rule for rule in rules if set(rule) - {"alert", "expr", "for", "labels", "annotations"}] == []
    assert all(DURATION.fullmatch(rule.get("for", "1m")) for rule in rules)


def test_every_alert_has_a_severity_and_words(rules):
    for rule in rules:
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}, rule["alert"]
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}, rule["alert"]
        assert all(len(words) > 20 for words in rule["annotations"].values()), rule["alert"]


def test_names_are_unique_and_ours(rules):
    names = [rule["alert"] for rule in rules]

    assert len(names) == len(set(names))
    assert all(name.startswith("GCMSentinel") for name in names)


def test_what_must_not_go_unnoticed_has_an_alert(rules):
    names = " ".join(rule["alert"] for rule in rules)

    for what in ("WatchStalled", "TriageBehind", "DeliveriesOwed", "BudgetDry", "InvestigationsFailing", "RestartLoop"):
        assert what in names
    assert "DatabaseUnreachable" in names


def test_settings_that_runbooks_name_exist(rules):
    from gcm_sentinel.app.settings import PREFIX, Settings

    named = set(re.findall(rf"{PREFIX}[A-Z_]+", str([rule["annotations"] for rule in rules])))

    assert named <= {PREFIX + name.upper() for name in Settings.model_fields}
