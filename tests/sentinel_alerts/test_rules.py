"""Each rule of the reference's file: what it tells of, what it does not, how loudly, where, how often, about what."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sentinel_alerts.made import NOW_NS, Desk, gpu

from sentinel_gateway.domain.alert_rules import AlertRule, GroupBy, Thresholds, default_rules
from sentinel_gateway.domain.alerts import Medium, Severity
from sentinel_gateway.domain.anomalies import AnomalyType
from sentinel_gateway.domain.happened import GuardChange
from sentinel_gateway.domain.happenings import (
    AgentSilent,
    AnomalySeen,
    CommonCause,
    Correlated,
    FailuresInARow,
    FailuresOnSms,
    FleetRate,
    Happening,
    LedgerVerified,
    ProbeFailed,
    ProbeTimedOut,
    StateChanged,
    TelemetryRead,
    TmrVoted,
)
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.tmr import TmrOutcome

AT: dict[str, Any] = {"time_ns": NOW_NS, "gpu": gpu()}
CHAT = {Medium.SLACK, Medium.WEBHOOK}
PAGE = CHAT | {Medium.PAGERDUTY}
ALL = set(Medium)
INFO, WARNING, HIGH, CRITICAL = Severity
H, S, Q, D, C = HealthState


def anomaly(kind: AnomalyType, source: int, severity: int = 2) -> AnomalySeen:
    return AnomalySeen(**AT, anomaly_type=int(kind), source=source, severity=severity)


def moved(before: HealthState, to: HealthState, directive_id: str = "d-1") -> StateChanged:
    return StateChanged(**AT, from_state=before, to_state=to, directive_id=directive_id)


def pattern(pattern_type: int, confidence: float) -> Correlated:
    return Correlated(**AT, pattern_type=pattern_type, confidence=confidence)


def drift(severity: int, source: int = 1) -> AnomalySeen:
    return anomaly(AnomalyType.LOGIT_DRIFT, source, severity)


def cause(shared: str, *, is_over: bool = False) -> CommonCause:
    value = "node-1" if shared == "host" else ""
    change = GuardChange(shared, shared, value, gpus=5, of=8, raised=not is_over, description="", probe_types=(1, 3))
    return CommonCause.of(change, NOW_NS)


TABLE: list[tuple[str, Happening, Happening | None, Severity, set[Medium], int, GroupBy]] = [
    ("probe_single_failure", ProbeFailed(**AT, sm_id=3, probe_type=1), None, WARNING, CHAT, 300, GroupBy.GPU),
    ("probe_consecutive_failures", FailuresInARow(**AT, sm_id=3, row=3), FailuresInARow(**AT, sm_id=3, row=2),
     HIGH, PAGE, 60, GroupBy.GPU),
    ("probe_multi_sm_failure", FailuresOnSms(**AT, sms=3, window_s=600), FailuresOnSms(**AT, sms=2, window_s=600),
     CRITICAL, ALL, 0, GroupBy.GPU),
    ("probe_timeout", ProbeTimedOut(**AT, sm_id=3, probe_type=1), None, WARNING, CHAT, 600, GroupBy.GPU),
    ("inference_anomaly_warning", drift(2), drift(2, source=2), WARNING, CHAT, 600, GroupBy.GPU),
    ("inference_anomaly_high", drift(3), drift(3, source=2), HIGH, PAGE, 120, GroupBy.GPU),
    ("inference_anomaly_critical", drift(4), drift(4, source=2), CRITICAL, ALL, 0, GroupBy.GPU),
    ("training_anomaly_gradient_spike", anomaly(AnomalyType.GRADIENT_NORM_SPIKE, 2), anomaly(AnomalyType.LOSS_SPIKE, 2),
     HIGH, PAGE, 120, GroupBy.GPU),
    ("training_anomaly_cross_rank", anomaly(AnomalyType.CROSS_RANK_DIVERGENCE, 2), anomaly(AnomalyType.LOSS_SPIKE, 2),
     CRITICAL, ALL, 0, GroupBy.GPU),
    ("training_anomaly_loss_spike", anomaly(AnomalyType.LOSS_SPIKE, 2), anomaly(AnomalyType.KL_DIVERGENCE, 2),
     HIGH, PAGE, 300, GroupBy.GPU),
    ("invariant_violation", anomaly(AnomalyType.INVARIANT_VIOLATION, 3), anomaly(AnomalyType.KL_DIVERGENCE, 3),
     CRITICAL, ALL, 0, GroupBy.GPU),
    ("gpu_quarantined", moved(S, Q), moved(Q, D), HIGH, ALL, 0, GroupBy.GPU),
    ("gpu_condemned", moved(Q, C), moved(S, Q), CRITICAL, ALL, 0, GroupBy.GPU),
    ("gpu_reinstated", moved(Q, H), moved(S, H, ""), INFO, CHAT, 0, GroupBy.GPU),
    ("high_confidence_correlation", pattern(2, 0.8), pattern(2, 0.79), HIGH, PAGE, 120, GroupBy.GPU),
    ("node_correlated_failures", pattern(4, 0.7), pattern(2, 0.7), CRITICAL, ALL, 0, GroupBy.HOSTNAME),
    ("tmr_dissent", TmrVoted(**AT, canary_id="c", outcome=TmrOutcome.DISSENT),
     TmrVoted(**AT, canary_id="c", outcome=TmrOutcome.UNANIMOUS), HIGH, PAGE, 120, GroupBy.GPU),
    ("gpu_thermal_throttle", TelemetryRead(**AT, throttled=True), TelemetryRead(**AT, throttled=False),
     WARNING, CHAT, 600, GroupBy.GPU),
    ("gpu_ecc_uncorrected", TelemetryRead(**AT, uncorrected=1), TelemetryRead(**AT, uncorrected=0),
     CRITICAL, ALL, 0, GroupBy.GPU),
    ("gpu_retired_pages", TelemetryRead(**AT, retired_pages=1), TelemetryRead(**AT, retired_pages=0),
     HIGH, PAGE, 3600, GroupBy.GPU),
    ("audit_chain_broken", LedgerVerified(time_ns=NOW_NS, valid=False), LedgerVerified(time_ns=NOW_NS, valid=True),
     CRITICAL, ALL, 0, GroupBy.CLUSTER),
    ("agent_heartbeat_lost", AgentSilent(time_ns=NOW_NS, hostname="node-1"),
     AgentSilent(time_ns=NOW_NS, hostname="node-1", is_over=True), HIGH, PAGE, 300, GroupBy.HOSTNAME),
    ("fleet_sdc_rate_elevated", FleetRate(time_ns=NOW_NS, rate=0.0011, gpus=9),
     FleetRate(time_ns=NOW_NS, rate=0.001, gpus=9), HIGH, ALL, 1800, GroupBy.CLUSTER),
]  # fmt: skip
NAMES = [row[0] for row in TABLE]


def rule(name: str) -> AlertRule:
    return next(one for one in default_rules(Thresholds()) if one.name == name)


OURS = [
    "fleet_common_cause",
    "directive_waiting",
    "directive_expired",
    "quarantine_timeout",
    "deep_test_timeout",
    "probe_overhead_high",
]


def test_a_common_cause_names_the_probes_that_fail_for_it():
    told = cause("rollout")

    assert told.words == "5 of 8 GPUs fail together with FMA and TRANSCENDENTAL probes; what they share: rollout"
    assert told.facts()["probe_types"] == "FMA, TRANSCENDENTAL"


def test_all_23_rules_of_the_reference_are_there_and_ours():
    assert [one.name for one in default_rules(Thresholds())] == [*NAMES, *OURS]


@pytest.mark.parametrize("row", TABLE, ids=NAMES)
def test_a_rule_tells_when_its_condition_holds(row):
    assert row[0] in Desk().rules(row[1])


@pytest.mark.parametrize("row", [row for row in TABLE if row[2]], ids=[row[0] for row in TABLE if row[2]])
def test_a_rule_is_quiet_when_it_does_not(row):
    assert row[0] not in Desk().rules(row[2])


@pytest.mark.parametrize("row", TABLE, ids=NAMES)
def test_severity_channels_cooldown_and_group_are_the_references(row):
    name, _, _, severity, media, cooldown_s, group_by = row

    found = rule(name)

    assert (found.severity, found.media, found.cooldown.total_seconds()) == (severity, media, cooldown_s)
    assert found.group_by is group_by


@pytest.mark.parametrize("row", TABLE, ids=NAMES)
def test_the_words_of_an_alert_name_what_happened(row):
    alert = next(one for one in Desk().told(row[1]) if one.key.rule == row[0])

    assert alert.summary
    assert alert.severity is row[3]
    assert alert.key.group.partition("/")[0] == {"gpu": "gpu", "hostname": "host", "cluster": "cluster"}[row[6]]


def test_a_common_cause_on_one_host_is_a_node_failure_and_others_are_the_fleets():
    assert Desk().rules(cause("host")) == ["node_correlated_failures"]
    assert Desk().rules(cause("rollout")) == ["fleet_common_cause"]


def test_fewer_than_three_answers_are_no_dissent():
    assert Desk().told(TmrVoted(**AT, canary_id="c", outcome=TmrOutcome.INSUFFICIENT)) == []


def test_a_gpu_that_does_not_report_a_reading_is_not_judged_by_it():
    assert Desk().told(TelemetryRead(**AT)) == []
