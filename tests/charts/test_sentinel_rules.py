"""The operational alerts about SENTINEL are what Prometheus loads, and fire when they should."""

from __future__ import annotations

import re

import pytest
import yaml
from tests.charts.conftest import CHART
from tests.charts.fed_gateway import Scraped

from sentinel_gateway.alerts.counters import AlertCounters
from sentinel_gateway.app.core_metrics import Times
from sentinel_gateway.app.metrics import GatewayMetrics
from sentinel_gateway.core.counters import Counters
from sentinel_gateway.core.durations import Durations

RULES = {
    rule["alert"]: rule
    for group in yaml.safe_load((CHART / "rules" / "sentinel.yaml").read_text())["groups"]
    for rule in group["rules"]
}
NOW_S, STEP_S, STEPS = 1_800_000_000.0, 30.0, 40
SLOW = 'sentinel_correlation_processing_latency_seconds_bucket{source="probe",le="%s"} %s'


def held(text: str, *, per_step: float = 0) -> Scraped:
    """Prometheus after twenty minutes in which every series stood at its value, or grew by `per_step` each scrape."""
    kept = Scraped()
    series = [line.rpartition(" ") for line in text.splitlines()]
    for step in range(STEPS):
        lines = [f"{name} {float(value) + per_step * step}\n" for name, _, value in series]
        kept.add("".join(lines), NOW_S + (step - STEPS) * STEP_S)
    return kept


@pytest.mark.parametrize(
    ("alert", "text"),
    [
        ("SentinelGatewayAbsent", "up 1"),
        ("SentinelAgentSilent", f'sentinel_agent_last_report_timestamp_seconds{{hostname="n"}} {NOW_S - 400}'),
        ("SentinelQueueFilling", "sentinel_correlation_buffer_size 9000\nsentinel_correlation_buffer_max 10000"),
        ("SentinelAuditChainBroken", "sentinel_audit_chain_verified 0"),
        ("SentinelAuditWritesStalled", "sentinel_audit_pending_entries 5"),
        ("SentinelProbeOverheadHigh", 'sentinel_probe_overhead_pct{hostname="n"} 3.1'),
    ],
)
def test_it_fires_while_its_condition_holds(alert, text):
    assert held(text).answer(RULES[alert]["expr"])


@pytest.mark.parametrize(
    ("alert", "text"),
    [
        ("SentinelProcessingSlow", f"{SLOW % ('5', '0')}\n{SLOW % ('10', '100')}\n{SLOW % ('+Inf', '100')}"),
        ("SentinelAuditWritesStalled", 'sentinel_transactions_total{result="failed"} 3'),
    ],
)
def test_it_fires_while_something_grows(alert, text):
    slow = held(text, per_step=1)
    for key in [key for key in slow.points if ("le", "5") in key]:
        slow.points[key] = [(time_s, 0.0) for time_s, _ in slow.points[key]]

    assert slow.answer(RULES[alert]["expr"])


@pytest.mark.parametrize(
    ("alert", "text"),
    [
        ("SentinelAgentSilent", f'sentinel_agent_last_report_timestamp_seconds{{hostname="n"}} {NOW_S - 200}'),
        ("SentinelAgentSilent", f'sentinel_agent_last_report_timestamp_seconds{{hostname="n"}} {NOW_S - 90_000}'),
        ("SentinelAuditChainBroken", "sentinel_audit_chain_verified 1"),
        ("SentinelProbeOverheadHigh", 'sentinel_probe_overhead_pct{hostname="n"} 2.9'),
    ],
    ids=["reports", "is gone", "verifies", "within"],
)
def test_it_is_quiet_otherwise(alert, text):
    assert held(text).answer(RULES[alert]["expr"]) == {}


def test_a_gateway_that_has_just_begun_or_never_verifies_fires_nothing():
    fresh = GatewayMetrics(Counters(), Times({}, Durations(), 10), AlertCounters(), version="1").expose().decode()
    kept = held("".join(line for line in fresh.splitlines(keepends=True) if not line.startswith("#")))

    assert "sentinel_gateway_build_info" in kept.names()
    assert [name for name, rule in RULES.items() if kept.answer(rule["expr"])] == []


def test_what_a_gateway_tells_of_a_broken_ledger_fires():
    metrics = GatewayMetrics(Counters(), Times({}, Durations(), 10), AlertCounters(), version="1")
    metrics.verified("changed", NOW_S)
    kept = held("".join(line for line in metrics.expose().decode().splitlines(keepends=True) if line[0] != "#"))

    assert [name for name, rule in RULES.items() if kept.answer(rule["expr"])] == ["SentinelAuditChainBroken"]


def test_a_gateway_that_stores_what_comes_next_has_not_stalled():
    text = 'sentinel_transactions_total{result="failed"} 3\nsentinel_transactions_total{result="stored"} 3'

    assert held(text, per_step=1).answer(RULES["SentinelAuditWritesStalled"]["expr"]) == {}


def test_every_rule_has_only_keys_that_prometheus_knows_and_words_for_whoever_is_woken():
    for name, rule in RULES.items():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, name
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}, name
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}, name
        assert all(len(words) > 20 for words in rule["annotations"].values()), name
        assert re.fullmatch(r"\d+m", rule.get("for", "1m")), name


def test_the_documented_times_are_kept():
    assert {name: rule.get("for") for name, rule in RULES.items()} == {
        "SentinelGatewayAbsent": "5m",
        "SentinelAgentSilent": None,
        "SentinelQueueFilling": "5m",
        "SentinelProcessingSlow": "10m",
        "SentinelAuditChainBroken": None,
        "SentinelAuditWritesStalled": "10m",
        "SentinelProbeOverheadHigh": "5m",
    }
