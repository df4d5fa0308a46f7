"""SOC 2: the Trust Services Criteria of 2017, points of focus of 2022, as far as a GPU ledger can speak of them."""

from __future__ import annotations

from sentinel_gateway.ledger.reports.document import Section
from sentinel_gateway.ledger.reports.facts import Facts
from sentinel_gateway.ledger.reports.sections import availability, changing, entry_control, response, watching

TITLE = "SOC 2 evidence report"
CRITERIA = "AICPA Trust Services Criteria 2017, points of focus revised 2022: CC6.1, CC7.2, CC7.3, CC7.4, CC8.1, A1.2"

CONTROLS = {
    "loss_accepted": "CC7.2",
    "key_changed": "CC7.2",
    "checkpoint_missing": "CC7.2",
    "tail_sealed": "CC7.2",
    "faults_injected": "CC7.2",
    "insecure_start": "CC6.1",
    "many_refusals": "CC6.1",
    "signature_refused": "CC6.1",
    "ledger_broken": "CC7.2",
    "unsealed_tail": "CC7.2",
    "gpu_without_probes": "CC7.2",
    "no_gpu": "CC7.2",
    "logging_gap": "CC7.2",
    "clock_went_back": "CC7.2",
    "unreadable_entries": "CC7.2",
    "retention_cut": "CC7.2",
    "suspect_undecided": "CC7.3",
    "quarantine_undecided": "CC7.4",
    "repeated_incident": "CC7.4",
    "state_discontinuity": "A1.2",
    "self_approved": "CC8.1",
    "condemned_unapproved": "CC8.1",
    "decided_nameless": "CC8.1",
    "directive_issuer_unproved": "CC8.1",
    "initiator_not_proved": "CC8.1",
    "directive_without_reason": "CC8.1",
    "config_without_initiator": "CC8.1",
    "config_without_reason": "CC8.1",
}
"""The criterion each rule of `findings` stands under."""


def sections(facts: Facts) -> tuple[Section, ...]:
    """One for each criterion."""
    concluded, verdicts = response.assessments(facts)
    return (
        Section(
            "CC6.1", "Logical access controls",
            "Access is restricted to those who may have it. The ledger shows who was refused and who changed"
            " something.",
            entry_control.figures(facts), entry_control.tables(facts),
        ),
        Section(
            "CC7.2", "Monitoring for anomalies",
            "Components are monitored for anomalies, which are analysed. The ledger shows what was probed and what"
            " was seen.",
            watching.figures(facts), watching.tables(facts), watching.detections(facts),
        ),
        Section(
            "CC7.3", "Evaluation of security events",
            "Events are evaluated to decide whether they are incidents. Here: which GPUs left HEALTHY, and what"
            " was concluded.",
            (*response.figures(facts), *concluded), (response.incident_table(facts), *verdicts),
            terms=(response.INCIDENT,),
        ),
        Section(
            "CC7.4", "Response to incidents",
            "Incidents are answered, contained and resolved. Here: how long that took from the first failing signal.",
            response.times(facts), terms=(response.INCIDENT,),
        ),
        Section(
            "CC8.1", "Change management",
            "Changes are authorised, documented, tested and approved. The ledger shows who, why, and which approvals.",
            (*changing.config_figures(facts), *changing.directive_figures(facts)),
            (*changing.config_tables(facts), *changing.directive_tables(facts)),
        ),
        Section(
            "A1.2", "Availability",
            "Environmental protections, recovery and capacity. The ledger shows in which state each GPU spent its time;"
            " power, cooling and backups are not in it.",
            availability.figures(facts), availability.tables(facts), availability.timeline(facts), (availability.RULE,),
        ),
    )  # fmt: skip
