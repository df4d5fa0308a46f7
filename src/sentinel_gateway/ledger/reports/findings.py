"""Rules that point an auditor at something. Each is a condition on the facts, names its entries and claims no cause."""

from __future__ import annotations

from collections.abc import Iterator

from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.ledger.reports.access_events import MANY_REFUSALS
from sentinel_gateway.ledger.reports.claims import Claims
from sentinel_gateway.ledger.reports.document import Finding, Integrity, Severity
from sentinel_gateway.ledger.reports.evidence import Evidence, Trail, merged
from sentinel_gateway.ledger.reports.facts import Facts
from sentinel_gateway.ledger.reports.fleet import GpuFacts
from sentinel_gateway.ledger.reports.sections.watching import unprobed
from sentinel_gateway.ledger.reports.window import NS_PER_DAY, NS_PER_HOUR, iso
from sentinel_gateway.ledger.wording import counted

SUSPECT_LIMIT_NS = 24 * NS_PER_HOUR
"""The runbook: escalate a suspect that has not recovered by then."""
QUARANTINE_LIMIT_NS = 30 * NS_PER_DAY
SILENCE_LIMIT_NS = NS_PER_DAY
_TOLD_AT_ONCE = 10
_SIGNATURE_WORDS = ("hmac", "signature", "forged")
"""Of the reasons for which reports are refused."""
_ORDER = {severity: place for place, severity in enumerate(Severity)}


def findings(facts: Facts, integrity: Integrity, controls: dict[str, str]) -> tuple[Finding, ...]:
    """All findings, the gravest first; `controls` says which control each rule stands under."""
    found = [*_of_integrity(integrity), *_of_fleet(facts), *_of_decisions(facts), *_of_access(facts), *_of_log(facts)]
    named = [_under(finding, controls.get(finding.rule, "")) for finding in found]
    return tuple(sorted(named, key=lambda finding: (_ORDER[finding.severity], finding.rule)))


def _under(finding: Finding, control: str) -> Finding:
    return Finding(finding.severity, finding.rule, control, finding.text, finding.evidence, finding.gpus)


def _finding(severity: Severity, rule: str, text: str, evidence: Evidence, gpus: tuple[GpuFacts, ...] = ()) -> Finding:
    return Finding(severity, rule, "", text, evidence, tuple(gpu.gpu.uuid for gpu in gpus[:10]))


def _of_integrity(integrity: Integrity) -> Iterator[Finding]:
    if not integrity.valid:
        bad = Trail()
        bad.add(integrity.first_bad_entry_id)
        text = (
            f"The ledger does not verify ({integrity.problem}): {integrity.description} No figure here can be"
            " relied on."
        )
        yield _finding(Severity.CRITICAL, "ledger_broken", text, bad.evidence())
    elif integrity.problem:
        text = f"Entries after the newest signed tree head are not part of this report. {integrity.description}"
        yield _finding(Severity.MEDIUM, "unsealed_tail", text, Evidence())


def _of_fleet(facts: Facts) -> Iterator[Finding]:
    gpus = facts.fleet.gpus
    horizon_ns = facts.fleet.horizon_ns
    if not gpus:
        yield _finding(Severity.INFO, "no_gpu", "No entry before the window's end is about a GPU.", Evidence())
    stale = (
        ("suspect_undecided", HealthState.SUSPECT, SUSPECT_LIMIT_NS, "24 hours"),
        ("quarantine_undecided", HealthState.QUARANTINED, QUARANTINE_LIMIT_NS, "30 days"),
    )
    for rule, state, limit_ns, limit in stale:
        late = tuple(gpu for gpu in gpus if _stands(gpu, state) and horizon_ns - gpu.times.since_ns > limit_ns)
        if late:
            text = f"GPUs that were {state.name} at the window's end, undecided for more than {limit}: {len(late)}."
            yield _finding(Severity.MEDIUM, rule, text, merged(*(gpu.changes for gpu in late)), late)
    if blind := unprobed(facts):
        text = f"GPUs without a probe result in the window, so that nothing shows they were tested: {len(blind)}."
        yield _finding(Severity.MEDIUM, "gpu_without_probes", text, merged(*(gpu.entries for gpu in blind)), blind)
    if broken := tuple(gpu for gpu in gpus if gpu.times.discontinuities):
        text = f"GPUs on which a state change starts from another state than the one before it ended in: {len(broken)}."
        yield _finding(Severity.HIGH, "state_discontinuity", text, merged(*(gpu.changes for gpu in broken)), broken)
    if (repeats := facts.incidents.repeats).entries:
        text = f"Incidents of a GPU that had been reinstated at most 30 days before: {repeats.entries}."
        yield _finding(Severity.MEDIUM, "repeated_incident", text, repeats)


def _of_decisions(facts: Facts) -> Iterator[Finding]:
    found = facts.decisions
    high, medium, low = Severity.HIGH, Severity.MEDIUM, Severity.LOW
    rules = (
        (high, "self_approved", found.own_approvals, "Directives decided by their own initiator"),
        (high, "condemned_unapproved", found.condemned_without_approval, "GPUs condemned without a recorded approval"),
        (high, "decided_nameless", found.nameless, "Directives decided by somebody who did not show who they are"),
        (
            medium,
            "directive_issuer_unproved",
            found.executed_unproved,
            "Executed directives whose issuer nobody proved",
        ),
        (low, "directive_without_reason", found.executed_without_reason, "Executed directives that do not say why"),
        (medium, "config_without_initiator", found.config_without_initiator, "Configuration changes naming nobody"),
        (low, "config_without_reason", found.config_without_reason, "Configuration changes that do not say why"),
    )
    for severity, rule, evidence, words in rules:
        if evidence.entries:
            yield _finding(severity, rule, f"{words}: {evidence.entries}.", evidence)
    if found.claims.listed:
        yield _finding(medium, "initiator_not_proved", _named_otherwise(found.claims), found.claims.entries)


def _named_otherwise(claims: Claims) -> str:
    told = [
        f"{one.directive_id} (proved {repr(one.proved) if one.proved else 'nobody'}, claimed {one.claimed!r})"
        for one in claims.listed[:_TOLD_AT_ONCE]
    ]
    rest = len(claims.listed) - len(told)
    more = " and more" if claims.left_out else ""
    others = f", and {counted(rest, 'others')} in the table" if rest else ""
    words = "Directives that name somebody else than their connection proved"
    return f"{words}: {len(claims.listed)}{more}; {', '.join(told)}{others}."


def _of_access(facts: Facts) -> Iterator[Finding]:
    found = facts.system
    if found.insecure_starts.entries:
        text = f"Starts of the gateway without access control: {found.insecure_starts.entries}."
        yield _finding(Severity.HIGH, "insecure_start", text, found.insecure_starts)
    for caller, number, evidence in found.refused_by_caller:
        if number >= MANY_REFUSALS:
            text = f"Refused calls of {caller!r}: {number}."
            yield _finding(Severity.MEDIUM, "many_refusals", text, evidence)
    refused = tuple(row for row in found.ingest_refused if any(word in row[0].lower() for word in _SIGNATURE_WORDS))
    if refused:
        text = f"Reports refused because their signature was missing or wrong: {sum(row[1] for row in refused)}."
        yield _finding(Severity.HIGH, "signature_refused", text, merged(*(row[2] for row in refused)))


_TOLD = (
    (Severity.HIGH, "ledger.loss_accepted", "loss_accepted", "The ledger was continued though entries were lost"),
    (Severity.MEDIUM, "ledger.key_changed", "key_changed", "The key that signs the ledger was changed"),
    (Severity.MEDIUM, "ledger.checkpoint_missing", "checkpoint_missing", "The checkpoint file was missing"),
    (Severity.LOW, "ledger.tail_sealed", "tail_sealed", "Entries that a crash had left unsigned were sealed later"),
    (Severity.INFO, "fault.injected", "faults_injected", "Faults were injected; their signals count like real ones"),
)
"""Severity, event, rule, and what the event means."""


def _of_log(facts: Facts) -> Iterator[Finding]:
    told = {event: evidence for event, _, evidence in facts.system.events}
    for severity, event, rule, words in _TOLD:
        if event in told:
            yield _finding(severity, rule, f"{words}: {counted(told[event].entries, 'times')}.", told[event])
    activity = facts.activity
    if activity.longest_silence_ns > SILENCE_LIMIT_NS and activity.in_window.entries:
        hours = activity.longest_silence_ns / NS_PER_HOUR
        text = f"Nothing was recorded for {hours:.1f} hours from {iso(activity.silence_from_ns)} on."
        yield _finding(Severity.MEDIUM, "logging_gap", text, activity.silence_after)
    if activity.clock_back.entries:
        text = f"Entries more than an hour older than one recorded before them: {activity.clock_back.entries}."
        yield _finding(Severity.LOW, "clock_went_back", text, activity.clock_back)
    if activity.undecodable.entries:
        text = (
            "Entries whose data are not what their type says, and which no figure counts:"
            f" {activity.undecodable.entries}."
        )
        yield _finding(Severity.LOW, "unreadable_entries", text, activity.undecodable)
    cuts = tuple(cut for cut in facts.cuts if cut.timestamp_ns in facts.window)
    if cuts:
        trail = Trail()
        for cut in cuts:
            trail.add(cut.entry_id)
        removed = sum(cut.entries_removed for cut in cuts)
        text = f"Entries removed by retention during the window: {removed}, by cuts: {len(cuts)}."
        yield _finding(Severity.INFO, "retention_cut", text, trail.evidence())


def _stands(gpu: GpuFacts, state: HealthState) -> bool:
    return gpu.times.final_state == state
