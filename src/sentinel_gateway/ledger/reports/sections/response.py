"""How incidents were answered, and how fast (SOC 2 CC7.3 and CC7.4, ISO 27001 A.5.25 to A.5.27)."""

from __future__ import annotations

from sentinel_gateway.ledger.reports.document import Cell, Figure, Table
from sentinel_gateway.ledger.reports.evidence import Evidence
from sentinel_gateway.ledger.reports.facts import Facts
from sentinel_gateway.ledger.reports.incident_line import Incident, Moment
from sentinel_gateway.ledger.reports.sections.figures import counts_table, select, spread, total, unmeasurable
from sentinel_gateway.ledger.reports.window import to_seconds

INCIDENT = (
    "An incident is a GPU leaving HEALTHY. Failing signals are failed probes, anomaly events and TMR dissents on"
    " the same"
    " GPU; those at most 24 h apart form an episode, and an incident's clock starts with the first signal of the"
    " episode"
    " whose last signal is at most 24 h before the GPU left HEALTHY."
)
_CHANGES = (
    "FROM state changes of each GPU, with its failing signals, ORDER BY entry_id WHERE start <= {} < end SELECT {}"
)


def figures(facts: Facts) -> tuple[Figure, ...]:
    """Counts of incidents and the times they took."""
    found = facts.incidents
    return (
        _incidents("incidents_detected", "Incidents detected", found.detected, "the GPU left HEALTHY"),
        _incidents(
            "incidents_contained",
            "Incidents contained",
            found.contained,
            "the GPU became QUARANTINED or, at once, CONDEMNED",
        ),
        _incidents(
            "incidents_reinstated",
            "Incidents that ended with the GPU HEALTHY again",
            found.reinstated,
            "the GPU became HEALTHY",
        ),
        _incidents(
            "incidents_condemned",
            "Incidents that ended with the GPU condemned",
            found.condemned,
            "the GPU became CONDEMNED",
        ),
        _open(found.open_at_end),
        _incidents(
            "incidents_without_signal",
            "Incidents without a recorded signal",
            found.without_signal,
            "the GPU left HEALTHY, and no failing signal is at most 24 h older",
        ),
        _incidents(
            "incidents_begun_earlier",
            "Incidents that began before the kept ledger",
            found.before_ledger,
            "the incident was resolved, but the GPU left HEALTHY before its first kept entry",
        ),
        _incidents(
            "incidents_repeated",
            "Repeated incidents",
            found.repeats,
            "the GPU left HEALTHY at most 30 days after it had become HEALTHY again",
        ),
    )


def times(facts: Facts) -> tuple[Figure, ...]:
    """Medians from the first failing signal on."""
    found = facts.incidents
    none = "no incident with a recorded signal {} in the window"
    return (
        spread(
            "time_to_detect",
            "Time to detect (MTTD)",
            found.to_detect,
            _time("first failing signal", "detected"),
            none.format("was detected"),
        ),
        spread(
            "time_to_contain",
            "Time to quarantine (MTTQ)",
            found.to_contain,
            _time("first failing signal", "contained"),
            none.format("was contained"),
        ),
        spread(
            "time_to_resolve",
            "Time to resolve (MTTR)",
            found.to_resolve,
            _time("first failing signal", "resolved"),
            none.format("was resolved"),
        ),
        spread(
            "time_away",
            "Time from detection to resolution",
            found.away,
            _time("detected", "resolved"),
            "no incident whose detection is kept was resolved in the window",
        ),
        unmeasurable(
            "time_from_onset",
            "Time from a fault's onset to its first signal",
            "s",
            "when a fault began stands in no ledger entry; every time here starts with the first recorded failing"
            " signal",
        ),
    )


def incident_table(facts: Facts) -> Table:
    """One line for each incident that touches the window."""
    found = facts.incidents
    columns = ("GPU", "first failing signal", "detected", "contained", "resolved", "end", "entries")
    left_out = found.listed_of - len(found.listed)
    note = f"{left_out} more are not listed; the counts and times include them." if left_out else ""
    rows = tuple(_row(one) for one in found.listed)
    return Table("incidents", "Incidents that touch the window", columns, rows, note)


def assessments(facts: Facts) -> tuple[tuple[Figure, ...], tuple[Table, ...]]:
    """What investigators concluded, as far as they recorded it."""
    found = facts.system
    wording = (
        "Recorded verdicts of investigators (SystemRecord.assessment).",
        select("SYSTEM_EVENT", "SystemRecord.detail = assessment", "count(*)"),
    )
    evidenced = found.assessments_with_evidence
    return (
        (
            total("assessments", "Assessments recorded", found.assessments, "assessments", wording),
            Figure(
                "assessments_with_evidence",
                "Assessments that name digests of their evidence",
                evidenced.entries,
                "assessments",
                "Recorded verdicts with at least one EvidenceDigest.",
                select("SYSTEM_EVENT", "count(assessment.evidence) > 0", "count(*)"),
                evidenced,
            ),
        ),
        (counts_table("assessments_by_severity", "Assessments by severity", "severity", found.assessments),),
    )


def _incidents(key: str, title: str, evidence: Evidence, when: str) -> Figure:
    definition = f"{INCIDENT} Counted where, within the window, {when}."
    query = _CHANGES.format("that moment", "count(*)")
    return Figure(key, title, evidence.entries, "incidents", definition, query, evidence)


def _open(evidence: Evidence) -> Figure:
    definition = f"{INCIDENT} Counted where the GPU left HEALTHY before the window's end and was not resolved by then."
    query = (
        "FROM state changes of each GPU WHERE detected < end AND (resolved IS NULL OR resolved >= end) SELECT count(*)"
    )
    return Figure(
        "incidents_open", "Incidents open at the end", evidence.entries, "incidents", definition, query, evidence
    )


def _time(since: str, until: str) -> tuple[str, str]:
    definition = (
        f"{INCIDENT} Seconds from {since} to {until}; measured for incidents {until} within the window. The value"
        " is the"
        " median; mean and extremes stand beside it."
    )
    return definition, _CHANGES.format(f"{until}.timestamp", f"median({until}.timestamp - {since}.timestamp)")


def _row(incident: Incident) -> tuple[Cell, ...]:
    moments = (incident.signal, incident.detected, incident.contained, incident.resolved)
    end = "" if not incident.resolved else "condemned" if incident.condemned else "reinstated"
    entries = ", ".join(str(moment.entry_id) for moment in moments if moment)
    repeat = " (repeat)" if incident.repeat else ""
    return (incident.gpu_uuid, *(_at(moment) for moment in moments), (end or "open") + repeat, entries)


def _at(moment: Moment | None) -> str:
    return to_seconds(moment.at_ns) if moment else ""
