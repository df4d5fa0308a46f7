"""Who was let in, who was refused, and who acted (SOC 2 CC6.1, ISO 27001 A.8.15)."""

from __future__ import annotations

from sentinel_gateway.ledger.reports.access_events import AUTH_REFUSED, GATEWAY_STARTED, INGEST_REFUSED
from sentinel_gateway.ledger.reports.document import Figure, Table
from sentinel_gateway.ledger.reports.evidence import merged
from sentinel_gateway.ledger.reports.facts import Facts
from sentinel_gateway.ledger.reports.sections.changing import people
from sentinel_gateway.ledger.reports.sections.figures import counts_table, select, total, unmeasurable


def figures(facts: Facts) -> tuple[Figure, ...]:
    """Refusals and acting names."""
    found = facts.system
    refused = (
        "Refused calls. One entry may stand for many: the same refusal is recorded once a minute with its count, so the"
        " value is the sum of fields.count (1 where it is absent).",
        select("SYSTEM_EVENT", f"SystemRecord.event = '{AUTH_REFUSED}'", "sum(fields.count)"),
    )
    ingest = (
        "Reports or parts of reports that were refused, such as missing or wrong signatures or unknown types; the sum"
        " of fields.count.",
        select("SYSTEM_EVENT", f"SystemRecord.event = '{INGEST_REFUSED}'", "sum(fields.count)"),
    )
    actors = people(facts)
    return (
        total("calls_refused", "Calls refused", found.refused_by_reason, "calls", refused),
        total("reports_refused", "Reports refused", found.ingest_refused, "reports", ingest),
        _insecure(facts),
        Figure(
            "acting_names",
            "Names that changed something",
            len(actors),
            "names",
            "Distinct issuers of executed directives and reviewers, as their connections proved, and initiators of"
            " configuration, as claimed. Whoever proved nothing counts once, as `anonymous`, however many they were.",
            "count(distinct fields.issued_by, directive.approval.reviewer, ConfigUpdate.initiated_by)",
            merged(*(row[2] for row in actors)),
        ),
        unmeasurable(
            "calls_allowed",
            "Calls allowed",
            "calls",
            "reading calls that were allowed leave no entry; those that changed something appear under changes",
        ),
        unmeasurable(
            "role_assignments",
            "Who holds which role",
            "callers",
            "roles are assigned in the gateway's configuration, not in the ledger; attach access.certificates and"
            " access.tokens of the period",
        ),
        unmeasurable(
            "tls_inventory",
            "Connections by TLS version and certificate",
            "connections",
            "accepted connections leave no entry",
        ),
    )


def _insecure(facts: Facts) -> Figure:
    key, title = "insecure_starts", "Starts without access control"
    definition = "Starts whose entry says that the gateway ran insecure (no TLS, everybody may do everything)."
    query = select("SYSTEM_EVENT", f"SystemRecord.event = '{GATEWAY_STARTED}' AND fields.insecure", "count(*)")
    told, found = facts.system.starts_told, facts.system.insecure_starts
    if not told.entries:
        missing = "no start in the window is recorded with whether access was controlled"
        return Figure(key, title, None, "starts", definition, query, missing=missing)
    return Figure(
        key, title, found.entries, "starts", definition, query, found if found.entries else told, n=told.entries
    )


def tables(facts: Facts) -> tuple[Table, ...]:
    """Refusals by reason, caller and method; acting names."""
    found = facts.system
    return (
        counts_table("refused_by_reason", "Refused calls by reason", "reason", found.refused_by_reason),
        counts_table("refused_by_caller", "Refused calls by caller", "caller", found.refused_by_caller),
        counts_table("refused_by_method", "Refused calls by method", "method", found.refused_by_method),
        counts_table("reports_refused_by_reason", "Refused reports by reason", "reason", found.ingest_refused),
        counts_table("acting_names", "Names that changed something", "name", people(facts)),
    )
