"""ISO/IEC 27001:2022, Annex A by its numbering of 2022, as far as a GPU ledger can speak of its controls."""

from __future__ import annotations

from sentinel_gateway.ledger.reports.document import Section
from sentinel_gateway.ledger.reports.facts import Facts
from sentinel_gateway.ledger.reports.sections import (
    assets,
    availability,
    changing,
    entry_control,
    recording,
    response,
    watching,
)
from sentinel_gateway.ledger.reports.sections.figures import unmeasurable

TITLE = "ISO/IEC 27001:2022 evidence report"
CRITERIA = "ISO/IEC 27001:2022 Annex A: A.5.9, A.5.24 to A.5.28, A.8.8, A.8.9, A.8.15, A.8.16, A.8.32"

CONTROLS = {
    "loss_accepted": "A.5.28",
    "key_changed": "A.5.28",
    "checkpoint_missing": "A.5.28",
    "tail_sealed": "A.5.28",
    "faults_injected": "A.8.16",
    "no_gpu": "A.5.9",
    "suspect_undecided": "A.5.25",
    "quarantine_undecided": "A.5.26",
    "repeated_incident": "A.5.27",
    "ledger_broken": "A.5.28",
    "unsealed_tail": "A.5.28",
    "retention_cut": "A.5.28",
    "config_without_initiator": "A.8.9",
    "config_without_reason": "A.8.9",
    "insecure_start": "A.8.15",
    "many_refusals": "A.8.15",
    "logging_gap": "A.8.15",
    "clock_went_back": "A.8.15",
    "unreadable_entries": "A.8.15",
    "signature_refused": "A.8.16",
    "gpu_without_probes": "A.8.16",
    "state_discontinuity": "A.8.32",
    "self_approved": "A.8.32",
    "condemned_unapproved": "A.8.32",
    "decided_nameless": "A.8.32",
    "directive_issuer_unproved": "A.8.32",
    "initiator_not_proved": "A.8.32",
    "directive_without_reason": "A.8.32",
}
"""The control each rule of `findings` stands under."""


def sections(facts: Facts) -> tuple[Section, ...]:
    """One for each control."""
    return (*_organisational(facts), *_technological(facts))


def _organisational(facts: Facts) -> tuple[Section, ...]:
    concluded, verdicts = response.assessments(facts)
    return (
        Section(
            "A.5.9", "Inventory of information and other associated assets",
            "Assets are inventoried and have owners. The ledger shows which GPUs reported; it knows no owners.",
            assets.figures(facts), (assets.inventory(facts),),
        ),
        Section(
            "A.5.24", "Incident management planning and preparation",
            "Responsibilities and procedures for incidents are planned. Plans are documents outside this ledger.",
            (
                unmeasurable("plans", "Incident procedures in force", "documents", "plans leave no entry here"),
                unmeasurable("exercises", "Incident exercises held", "exercises", "exercises leave no entry here"),
            ),
        ),
        Section(
            "A.5.25", "Assessment and decision on information security events",
            "Events are assessed and it is decided which are incidents. Here: which GPUs left HEALTHY, what was"
            " concluded.",
            (*response.figures(facts), *concluded), (response.incident_table(facts), *verdicts),
            availability.timeline(facts), (response.INCIDENT,),
        ),
        Section(
            "A.5.26", "Response to information security incidents",
            "Incidents are answered by procedure. Here: how long it took from the first failing signal.",
            response.times(facts), terms=(response.INCIDENT,),
        ),
        Section(
            "A.5.27", "Learning from information security incidents",
            "Incidents are learnt from. The ledger shows repeats; what was learnt stands elsewhere.",
            tuple(figure for figure in response.figures(facts) if figure.key == "incidents_repeated"),
        ),
        Section(
            "A.5.28", "Collection of evidence",
            "Evidence is identified, collected and preserved. The verification above covers every entry used here.",
            recording.figures(facts),
        ),
    )  # fmt: skip


def _technological(facts: Facts) -> tuple[Section, ...]:
    return (
        Section(
            "A.8.8", "Management of technical vulnerabilities",
            "Vulnerabilities are known, judged and treated. The ledger shows versions only.",
            assets.vulnerability_figures(), (assets.software(facts),),
        ),
        Section(
            "A.8.9", "Configuration management",
            "Configurations are established, documented, monitored. The ledger shows what was pushed to agents and"
            " monitors.",
            changing.config_figures(facts), changing.config_tables(facts),
        ),
        Section(
            "A.8.15", "Logging",
            "Activities, exceptions and faults are logged, and logs are protected. Refused calls are among what is"
            " logged.",
            entry_control.figures(facts), (*recording.tables(facts), *entry_control.tables(facts)),
        ),
        Section(
            "A.8.16", "Monitoring activities",
            "Systems are monitored for anomalous behaviour. The ledger shows what was probed and what was seen.",
            watching.figures(facts), watching.tables(facts), watching.detections(facts),
        ),
        Section(
            "A.8.32", "Change management",
            "Changes follow a procedure. Directives that change a GPU's state carry who, why, and approvals.",
            changing.directive_figures(facts), changing.directive_tables(facts),
        ),
    )  # fmt: skip
