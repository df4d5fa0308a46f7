"""What was changed, by whom, why, and who agreed (SOC 2 CC8.1, ISO 27001 A.8.9 and A.8.32).

By whom is what the connection proved. Names that only a request gave stand apart, or say that nobody proved them.
"""

from __future__ import annotations

from sentinel_gateway.domain.directives import DirectiveStatus
from sentinel_gateway.ledger.reports.claims import ANONYMOUS, Claim
from sentinel_gateway.ledger.reports.counted import Row
from sentinel_gateway.ledger.reports.document import Cell, Figure, Table
from sentinel_gateway.ledger.reports.evidence import Evidence, merged
from sentinel_gateway.ledger.reports.facts import Facts
from sentinel_gateway.ledger.reports.sections.figures import count, counts_table, ids, select, total, unmeasurable

_STATUSES = tuple(DirectiveStatus.__members__)
_CLAIMED, _CLAIMED_TITLE = "directives_claimed_otherwise", "Directives that name somebody else than was proved"


def config_figures(facts: Facts) -> tuple[Figure, ...]:
    """Pushed configuration."""
    found = facts.decisions
    wording = ("Configuration updates that were taken.", select("CONFIG_CHANGE", "", "count(*)"))
    changes = total("config_changes", "Configuration changes", found.config, "changes", wording)
    return (
        changes,
        _carrying(
            "config_with_initiator",
            "Configuration changes that name who, as claimed",
            changes.evidence,
            found.config_without_initiator,
            "ConfigUpdate.initiated_by",
        ),
        _carrying(
            "config_with_reason",
            "Configuration changes that say why",
            changes.evidence,
            found.config_without_reason,
            "ConfigUpdate.reason",
        ),
        unmeasurable(
            "config_proved",
            "Configuration changes whose author is proved",
            "share",
            "sentinel.v1.ConfigUpdate carries only the name its request gave; who its connection proved to be is in the"
            " gateway's database, not in this ledger",
        ),
        unmeasurable(
            "config_approved",
            "Configuration changes that somebody else approved",
            "share",
            "sentinel.v1.ConfigUpdate carries no approval; approvals of configuration, if there are any, stand"
            " elsewhere",
        ),
        unmeasurable(
            "config_tested",
            "Changes that were tested before",
            "share",
            "tests of a change leave no entry in this ledger",
        ),
    )


def directive_figures(facts: Facts) -> tuple[Figure, ...]:
    """Directives about GPUs, and approvals."""
    found = facts.decisions
    by_status = {label: (number, evidence) for label, number, evidence in found.directives}
    executed = by_status.get("EXECUTED", (0, Evidence()))[1]
    return (
        *(_status(name, by_status.get(name, (0, Evidence()))[1]) for name in _STATUSES),
        count(
            "state_changes_automatic",
            "State changes by the gateway itself",
            found.automatic,
            "State changes without a directive: made by the gateway's own rules.",
            select("QUARANTINE_ACTION", "StateChange.directive IS NULL", "count(*)"),
        ),
        count(
            "directives_approved",
            "Executed directives with a recorded approval",
            found.executed_with_approval,
            "Executed directives whose approval says approved.",
            select("QUARANTINE_ACTION", "status = EXECUTED AND directive.approval.approved", "count(*)"),
        ),
        count(
            "directives_self_approved",
            "Directives decided by their own initiator",
            found.own_approvals,
            "Decisions whose reviewer has the name given as initiated_by, or that of the connection that issued"
            " the directive. The gateway refuses them; any is worth a"
            " look.",
            select(
                "QUARANTINE_ACTION",
                "directive.approval.reviewer IN (directive.initiated_by, fields.issued_by)",
                "count(*)",
            ),
        ),
        count(
            "directives_decided_nameless",
            "Decisions by somebody who did not show who they are",
            found.nameless,
            "Decisions behind which no certificate and no token stood, as insecure access allows.",
            select(
                "QUARANTINE_ACTION",
                "directive.approval.reviewer = 'anonymous' OR fields.note contains 'did not show who they are'",
                "count(*)",
            ),
        ),
        _carrying(
            "directives_with_issuer",
            "Executed directives whose issuer is proved",
            executed,
            found.executed_unproved,
            "fields.issued_by",
            nobody=ANONYMOUS,
        ),
        _claimed(facts),
        _carrying(
            "directives_with_reason",
            "Executed directives that say why",
            executed,
            found.executed_without_reason,
            "directive.reason",
        ),
    )


def config_tables(facts: Facts) -> tuple[Table, ...]:
    """What configuration was changed, and by whom."""
    found = facts.decisions
    return (
        counts_table("config_by_subject", "Configuration changes by subject", "subject", found.config),
        counts_table(
            "config_by_initiator",
            "Configuration changes by initiator, as claimed",
            "initiator",
            found.config_initiators,
        ),
    )


def directive_tables(facts: Facts) -> tuple[Table, ...]:
    """Directives by status and action, and the names behind them."""
    found = facts.decisions
    return (
        counts_table("directives_by_status", "Directives by status", "status", found.directives),
        counts_table("directives_by_action", "Executed directives by action", "action", found.executed),
        counts_table("directives_by_issuer", "Executed directives by issuer, as proved", "issuer", found.issuers),
        _claims(facts),
        counts_table("directives_by_reviewer", "Decisions by reviewer, as proved", "reviewer", found.reviewers),
    )


def _claimed(facts: Facts) -> Figure:
    found = facts.decisions.claims
    definition = (
        "Directives whose initiated_by, which the request gives, is not the name that the issuing connection proved."
        " Where more than 1000 are found, the rest is counted by entries under `not listed`."
    )
    query = select(
        "QUARANTINE_ACTION",
        "directive.initiated_by <> fields.issued_by",
        "count(distinct directive.directive_id)",
    )
    parts = (("not listed", found.left_out),) if found.left_out else ()
    return Figure(
        _CLAIMED, _CLAIMED_TITLE, len(found.listed), "directives", definition, query, found.entries, parts=parts
    )


def _claims(facts: Facts) -> Table:
    found = facts.decisions.claims
    columns = ("directive", "action", "status", "issued by (proved)", "initiated by (claimed)", "sample entries")
    rows = tuple(_claim(one) for one in found.listed)
    note = f"Entries of further directives that are not listed: {found.left_out}." if found.left_out else ""
    return Table(
        "directives_claimed_otherwise", "Directives that name somebody else than was proved", columns, rows, note
    )


def _claim(one: Claim) -> tuple[Cell, ...]:
    return (one.directive_id, one.action, one.status, one.proved or "nobody", one.claimed, ids(one.evidence))


def _status(name: str, evidence: Evidence) -> Figure:
    definition = (
        f"Entries that record a directive as {name}. A directive that waits and is executed later has an entry of each."
    )
    query = select("QUARANTINE_ACTION", f"status(SystemRecord) = {name}", "count(*)")
    return count(f"directives_{name.lower()}", f"Directives {name.lower()}", evidence, definition, query)


def _carrying(key: str, title: str, entries: Evidence, lacking: Evidence, field: str, *, nobody: str = "") -> Figure:
    also = f" and not `{nobody}`" if nobody else ""
    definition = (
        f"Share of these entries whose {field} is not empty{also}; the evidence names the others or, where there are"
        " none, all."
    )
    query = (
        f"count({field} NOT IN ({', '.join(map(repr, dict.fromkeys(('', nobody))))})) / count(*) of the same entries"
    )
    n = entries.entries
    if not n:
        return Figure(key, title, None, "share", definition, query, missing="there were none in the window")
    return Figure(
        key, title, (n - lacking.entries) / n, "share", definition, query, lacking if lacking.entries else entries, n=n
    )


def people(facts: Facts) -> tuple[Row, ...]:
    """Everybody who issued, decided or is named as the author of configuration, with how often."""
    found: dict[str, tuple[int, Evidence]] = {}
    decisions = facts.decisions
    for label, number, evidence in (*decisions.issuers, *decisions.reviewers, *decisions.config_initiators):
        before = found.get(label, (0, Evidence()))
        found[label] = (before[0] + number, merged(before[1], evidence))
    return tuple((label, *found[label]) for label in sorted(found, key=lambda name: (-found[name][0], name)))
