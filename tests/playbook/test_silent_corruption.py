"""Triage of silent data corruption: what SENTINEL tells, and the verdict that follows from it, rule by rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from tests.playbook.probing import (
    ELSEWHERE,
    STRANGER,
    anomaly,
    entry,
    event,
    fleet,
    ledger,
    nothing,
    probed,
    tally,
    trust,
    verified,
)

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult

ON_CAPACITY = {
    "quarantine-gpu", "drain", "cordon", "rma", "reset-gpu", "reboot", "power-cycle", "probe-deep",
    "restore-checkpoint",
}  # fmt: skip
OTHERS = [f"GPU-{number:08x}-9999-2222-3333-000000000000" for number in range(4)]
FMA, TENSOR = "FMA", "TENSOR_CORE"


def state(sick, reason="Quarantined"):
    return sick(kind="SentinelGpuState", reason=reason, message="HEALTHY -> QUARANTINED: SM 57 failed in 4 sweeps")


def one_sm(sick):
    case = probed(state(sick), {2: {57: (6, 90)}}, gpu2={"state": "QUARANTINED"})
    tallies = [tally(kind, "FAIL", 3, [case.uuid(2)], differing_bits=[19]) for kind in (FMA, TENSOR)]
    return fleet(ledger(case, "PROBE_RESULT", probes=tallies), "one_gpu", failing=[{"gpu": 2}])


def many_sms(sick):
    case = probed(state(sick), {2: dict.fromkeys(range(40), (3, 40))})
    return fleet(case, "one_gpu", failing=[{"gpu": 2, "failed": 120}])


def intermittent(sick):
    case = probed(state(sick, "Suspect"), {2: {57: (7, 900)}})
    return fleet(case, "one_gpu", failing=[{"gpu": 2, "failed": 7}])


def only_when_warm(sick):
    case = probed(state(sick, "Suspect"), {2: {57: (9, 200)}})
    case.metrics({"GPU_TEMP": {2: {"minimum": 58.0, "maximum": 80.0}}})
    hot = tally(FMA, "FAIL", 9, [case.uuid(2)], coldest_c=75.0, hottest_c=80.0)
    return fleet(ledger(case, "PROBE_RESULT", probes=[hot]), "one_gpu", failing=[{"gpu": 2, "failed": 9}])


def single_failure(sick):
    case = probed(sick(kind="SentinelProbeFailure", message="a probe failed"), {2: {57: (1, 900)}})
    return fleet(case, "one_gpu", failing=[{"gpu": 2, "failed": 1}])


def dissent(sick):
    return probed(sick(kind="SentinelTmrDissent", message="came to another result than two other GPUs"))


def outvoted(sick):
    case = dissent(sick)
    return trust(fleet(case, "none"), [(case.uuid(2), other, 0, 2) for other in OTHERS])


def outvoted_once(sick):
    case = dissent(sick)
    pairs = [(case.uuid(2), OTHERS[0], 5, 1), (case.uuid(2), OTHERS[1], 4, 1), (case.uuid(2), OTHERS[2], 6, 0)]
    return trust(fleet(case, "none"), pairs)


def partner_is_the_bad_one(sick):
    case = dissent(sick)
    bad = OTHERS[0]
    pairs = [(case.uuid(2), bad, 0, 4), (bad, OTHERS[1], 0, 3), (bad, OTHERS[2], 0, 3), (case.uuid(2), OTHERS[3], 8, 0)]
    return trust(fleet(case, "none"), pairs)


def unlike_drivers(sick):
    case = dissent(sick)
    drivers = {case.uuid(2): "595.45", case.uuid(3): "595.45"} | dict.fromkeys(OTHERS, "580.159")
    pairs = [(case.uuid(2), other, 0, 2) for other in OTHERS] + [(case.uuid(2), case.uuid(3), 7, 0)]
    return trust(fleet(case, "none"), [*pairs, (OTHERS[0], OTHERS[1], 9, 0)], drivers)


def wrong_golden_answer(sick):
    case = sick(kind="SentinelSharedCause:golden_answer/H200/32", message="its golden answer is wrong for them")
    probed(case, {index: dict.fromkeys(range(9), (1, 40)) for index in range(8)})
    everyone = [case.uuid(index) for index in range(8)]
    ledger(case, "PROBE_RESULT", probes=[tally("TRANSCENDENTAL", "FAIL", 90, everyone)])
    rows = [{"gpu": index, "failed": 9} for index in range(8)]
    return fleet(case, "one_cohort", apart=["model=NVIDIA H200"], failing=rows)


def wrong_probe(sick):
    case = wrong_golden_answer(sick)
    return fleet(case, "everybody", failing=[{"gpu": index, "failed": 9} for index in range(8)])


def rollout(sick):
    case = sick(
        kind="SentinelSharedCause:rollout/firmware 96.01/14", message="probes fail with one version of firmware"
    )
    probed(case, {index: dict.fromkeys(range(9), (2, 40)) for index in range(8)})
    everyone = [case.uuid(index) for index in range(8)]
    ledger(case, "PROBE_RESULT", probes=[tally(kind, "FAIL", 40, everyone) for kind in (FMA, TENSOR, "MEMORY")])
    rows = [{"gpu": index, "failed": 18} for index in range(8)]
    return fleet(case, "one_cohort", apart=["firmware_version=96.01"], failing=rows)


def power_or_cooling(sick):
    case = sick(
        kind="SentinelSharedCause:facility//", message="GPUs all over the fleet fail now and then: power or cooling"
    )
    probed(case, {1: {3: (1, 40)}, 6: {90: (2, 40)}})
    ledger(case, "PROBE_RESULT", probes=[tally(kind, "FAIL", 9, OTHERS) for kind in (FMA, TENSOR, "MEMORY")])
    return fleet(case, "scattered", failing=[{"gpu": 1, "failed": 1}, {"gpu": 6, "failed": 2}])


def whole_host(sick):
    case = probed(state(sick), {1: {3: (2, 40)}, 6: {90: (2, 40)}})
    return fleet(case, "one_node", failing=[{"gpu": 1, "failed": 2}, {"gpu": 6, "failed": 2}])


def anomalous(sick, kind):
    case = sick(kind="SentinelTrainingAnomaly", message=f"{kind} at step 88120").work({"owner": "train"})
    return probed(case, anomalies=2)


def spike_on_all_ranks(sick):
    case = anomalous(sick, "LOSS_SPIKE")
    everyone = [case.uuid(index) for index in range(8)] + OTHERS
    ledger(case, "ANOMALY_EVENT", anomalies=[anomaly("LOSS_SPIKE", everyone), anomaly("GRADIENT_NORM_SPIKE", everyone)])
    return fleet(case, "none", anomalous=32, here=8)


def one_rank_diverges(sick):
    case = probed(anomalous(sick, "LOSS_SPIKE"), {5: {99: (7, 300)}}, anomalies=1)
    everyone = [case.uuid(index) for index in range(8)] + OTHERS
    named = anomaly("CROSS_RANK_DIVERGENCE", [case.uuid(5)])
    ledger(case, "ANOMALY_EVENT", anomalies=[anomaly("LOSS_SPIKE", everyone), named])
    return fleet(case, "one_gpu", failing=[{"gpu": 5, "failed": 7}], anomalous=24, here=7)


def drift_stays_with_gpu(sick):
    case = sick(kind="SentinelInferenceAnomaly", message="LOGIT_DRIFT on 1 of 12 replicas").work({"owner": "chat"})
    probed(case, gpu4={"anomalies": 7})
    replicas = anomaly("LOGIT_DRIFT", [case.uuid(4)], ["chat-replica-07", "chat-replica-11"])
    ledger(case, "ANOMALY_EVENT", anomalies=[replicas])
    return fleet(case, "none", anomalous=1, here=1)


def starved(sick):
    case = probed(sick(kind="SentinelProbeTimeout", message="40 probes did not end in time on 8 GPUs"))
    case.metrics({"GPU_UTIL": {-1: {"last": 100.0, "minimum": 100.0}}})
    everyone = [case.uuid(index) for index in range(8)]
    return fleet(ledger(case, "PROBE_RESULT", probes=[tally(FMA, "TIMEOUT", 40, everyone)]), "none")


def clock_runs_off(sick):
    case = probed(sick(kind="SentinelReportsRefused", message="the gateway refuses the reports of the probe agent"))
    refusal = event("ingest.refused", "reason 412 s in the future by the gateway's clock, hostname n")
    ledger(case, "SYSTEM_EVENT", "9 SYSTEM_EVENT: ingest.refused 412 s in the future", events=[refusal])
    return fleet(case.exporter("query_node_exporter_direct", ("node_timex_offset_seconds", {}, 412.0)), "none")


def agent_is_silent(sick):
    case = sick(kind="SentinelAgentSilent", message="nothing was heard of the probe agent").daemonset(
        "nvidia-dcgm-exporter"
    )
    note = f"SENTINEL knows no GPU whose host is exactly {case.node}."
    return fleet(nothing(case, "get_sentinel_gpu_health", note), "none", known=False)


def broken_chain(sick):
    case = sick(kind="SentinelAuditChainBroken", message="the audit ledger does not verify")
    return verified(case, valid=False, bad=184220, failure="entry 184220: changed: the entry does not have its hash")


def tampered(sick):
    case = broken_chain(sick)
    held = {"uuid": STRANGER, "node": ELSEWHERE, "failed": 6, "state": "HEALTHY"}
    return entry(fleet(case, "one_gpu", failing=[held]), 184220, STRANGER)


def torn(sick):
    case = verified(sick(kind="SentinelAuditChainBroken", message="the audit ledger does not verify"))
    sealed = event("ledger.tail_sealed", "entries 3")
    return fleet(ledger(case, "SYSTEM_EVENT", "4712 SYSTEM_EVENT ledger.tail_sealed", events=[sealed]), "none")


TABLE = [
    (one_sm, "sdc_confirmed", "critical",
     {"quarantine-gpu", "drain", "probe-deep", "restore-checkpoint", "rma"}, {"watch"}),
    (many_sms, "sdc_confirmed", "critical", {"quarantine-gpu", "probe-deep", "restore-checkpoint"}, {"watch"}),
    (intermittent, "sdc_confirmed", "critical", {"quarantine-gpu", "probe-deep"}, {"none"}),
    (only_when_warm, "sdc_confirmed", "critical", {"quarantine-gpu", "probe-deep"}, {"page-facilities"}),
    (single_failure, "sdc_suspected", "warning", {"watch", "probe-light"}, ON_CAPACITY),
    (outvoted, "sdc_confirmed", "critical", {"quarantine-gpu", "probe-deep", "restore-checkpoint"}, {"rma", "watch"}),
    (outvoted_once, "sdc_suspected", "warning", {"watch"}, ON_CAPACITY),
    (partner_is_the_bad_one, "sdc_suspected", "warning", {"watch"}, ON_CAPACITY),
    (unlike_drivers, "driver_rollout_regression", "warning", {"pause-rollout"}, ON_CAPACITY),
    (wrong_golden_answer, "sdc_probe_defect", "warning", {"rollback-rollout", "page-platform"}, ON_CAPACITY),
    (wrong_probe, "sdc_probe_defect", "warning", {"rollback-rollout", "page-platform"}, ON_CAPACITY),
    (rollout, "driver_rollout_regression", "critical", {"pause-rollout", "rollback-rollout"}, ON_CAPACITY),
    (power_or_cooling, "facility_cooling", "critical", {"page-facilities"}, ON_CAPACITY),
    (whole_host, "sdc_suspected", "critical", {"drain", "page-platform"}, {"rma", "quarantine-gpu"}),
    (spike_on_all_ranks, "training_data_anomaly", "info", {"tell-owner"}, ON_CAPACITY),
    (one_rank_diverges, "sdc_confirmed", "critical", {"quarantine-gpu", "restore-checkpoint"}, {"watch"}),
    (drift_stays_with_gpu, "sdc_suspected", "critical", {"quarantine-gpu", "probe-deep"}, {"none", "reset-gpu"}),
    (starved, "sdc_probe_starved", "info", {"page-platform"}, ON_CAPACITY),
    (clock_runs_off, "clock_skew", "warning", {"page-platform"}, ON_CAPACITY),
    (agent_is_silent, "monitoring_gap", "warning", {"page-platform"}, ON_CAPACITY | {"restart-ds"}),
    (tampered, "ledger_tampered", "critical",
     {"page-security", "capture-evidence", "quarantine-gpu"}, {"watch", "clear-condition"}),
    (torn, "ledger_torn_tail", "info", {"page-platform"}, ON_CAPACITY | {"page-security"}),
]  # fmt: skip
IDS = [row[0].__name__ for row in TABLE]


@dataclass(frozen=True)
class Told:
    """A row of the table, and what came of its investigation."""

    case: Any
    cause: str
    severity: str
    wanted: set[str]
    never: set[str]
    outcome: Any


@pytest.fixture(scope="module", params=TABLE, ids=IDS)
def told(request, sick, investigate):
    """One investigation for all that is to be said of it."""
    story, cause, severity, wanted, never = request.param
    case = story(sick)
    return Told(case, cause, severity, wanted, never, investigate(case))


def test_names_the_cause_its_severity_and_fitting_actions(told):
    assert (str(told.outcome.draft.fault_class), str(told.outcome.draft.severity)) == (told.cause, told.severity)
    assert told.wanted <= told.outcome.actions
    assert not told.never & told.outcome.actions


def test_every_claim_stands_in_the_evidence(told):
    assert told.outcome.draft.claims
    assert told.outcome.checked.struck == ()


def test_health_is_never_claimed(told):
    said = " ".join([told.outcome.draft.summary, *(claim.text for claim in told.outcome.draft.claims)]).lower()

    assert "is healthy" not in said
    assert "are healthy" not in said


@pytest.mark.parametrize(
    ("story", "index"), [(one_sm, 2), (outvoted, 2), (one_rank_diverges, 5), (drift_stays_with_gpu, 4)]
)
def test_names_the_very_gpu(sick, investigate, story, index):
    case = story(sick)

    assert investigate(case).draft.entities[0].uuid == case.uuid(index)


def test_names_the_sm(sick, investigate):
    assert investigate(one_sm(sick)).draft.summary.startswith("SM 57 of GPU 2")


def test_a_passing_probe_is_no_proof_and_the_bound_is_told(sick, investigate):
    draft = investigate(drift_stays_with_gpu(sick)).draft

    assert any("3/n" in gap for gap in draft.not_checked)
    assert draft.confidence <= 0.85


def test_a_tampered_ledger_leads_to_the_gpu_it_hides(sick, investigate):
    draft = investigate(tampered(sick)).draft
    held = next(item.target for item in draft.actions if item.action is Action.QUARANTINE_GPU)

    assert (held.uuid, held.node) == (STRANGER, ELSEWHERE)
    assert [entity.uuid for entity in draft.entities] == [STRANGER]


def test_a_broken_ledger_that_hides_nothing_known_accuses_no_gpu(sick, investigate):
    outcome = investigate(fleet(broken_chain(sick), "none"))

    assert str(outcome.draft.fault_class) == "ledger_tampered"
    assert "quarantine-gpu" not in outcome.actions


def test_a_broken_ledger_is_never_to_be_mended(sick, investigate):
    draft = investigate(tampered(sick)).draft

    assert not {str(item.action) for item in draft.actions} & {"clear-condition", "restart-pod", "none"}
    assert any("write nothing more" in item.reason for item in draft.actions)


def test_without_the_source_nothing_is_confirmed_or_called_well(sick, investigate):
    case = state(sick)
    for tool in ("get_sentinel_gpu_health", "compare_sentinel_gpus", "query_audit_ledger"):
        case.answers[tool] = ToolResult(ResultStatus.UNAVAILABLE, tool, note="no SENTINEL gateway is configured")

    draft = investigate(case).draft

    assert str(draft.fault_class) == "inconclusive"
    assert any("SENTINEL" in gap for gap in draft.not_checked)
