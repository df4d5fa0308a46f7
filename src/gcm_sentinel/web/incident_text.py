"""One stored incident as plain text: what came in, what was made of it, what was found, what became of the verdict.

The assessment itself is printed by `terminal`; here is what stands around it. All text is hostile and goes through
`one_line`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from gcm_sentinel.domain.evidence import Evidence, ToolResult
from gcm_sentinel.domain.incident_record import (
    DeliveryRecord,
    DeliveryState,
    InvestigationRecord,
    InvestigationState,
    StoredTrigger,
    Symptom,
)
from gcm_sentinel.web.incident_table import running_words, scope_words, severity_words
from gcm_sentinel.web.incident_view import cost
from gcm_sentinel.web.order_text import history_lines, in_its_place, plan_or_damage, standing_lines
from gcm_sentinel.web.plain import moment, one_line, printable, span
from gcm_sentinel.web.stored_incident import AskedFor, ShownIncident
from gcm_sentinel.web.terminal import render_text

_LABEL = 14
_MOST_NODES = 20
_INDENT = "    "


def render_incident(shown: ShownIncident, *, width: int = 100) -> str:
    """Everything about the incident, ending in a new line."""
    parts = ["\n".join(_facts(shown))]
    for title, lines in _sections(shown):
        parts.append("\n".join([f"{title}:", *(f"  {line}" for line in lines)]))
    publication = shown.publication
    if publication is not None:
        heading = f"Assessment of {publication.incident.investigation_id}:"
        parts.append(f"{heading}\n\n{render_text(publication, width=width).rstrip()}")
        parts.append(
            "\n".join(["Evidence (--evidence ID shows one whole):", *map(_evidence_line, publication.evidence)])
        )
    return "\n\n".join(parts) + "\n"


def render_evidence(evidence: Evidence) -> str:
    """One piece of evidence whole, as it was stored."""
    result = evidence.result
    lines = [
        f"{evidence.id}  {evidence.source}  {evidence.tool}  {result.status}  {moment(evidence.observed_at)} UTC",
        f"{'Query:':<{_LABEL}}{one_line(result.query)}",
        f"{'Arguments:':<{_LABEL}}{one_line(str(dict(evidence.arguments)))}",
        f"{'Digest:':<{_LABEL}}{evidence.digest}",
    ]
    if result.time_range:
        asked = result.time_range
        lines.append(f"{'Time range:':<{_LABEL}}{moment(asked.start)} to {moment(asked.end)} UTC")
    if result.note:
        lines.append(f"{'Note:':<{_LABEL}}{one_line(result.note)}")
    body = plan_or_damage(evidence) or [printable(result.raw or _summary(result))]
    return "\n".join([*lines, "", *body]).rstrip() + "\n"


def _summary(result: ToolResult) -> str:
    """What there is of a result without raw text; empty where there is nothing."""
    return json.dumps(result.summary, indent=1, ensure_ascii=False, default=str) if result.summary else ""


def _facts(shown: ShownIncident) -> Iterator[str]:
    record = shown.whole.record
    yield f"{'Incident:':<{_LABEL}}{record.id}"
    yield f"{'State:':<{_LABEL}}{record.state}" + (f" ({one_line(record.close_reason)})" if record.close_reason else "")
    if shown.whole.merged_into:
        yield f"{'Merged into:':<{_LABEL}}{shown.whole.merged_into}"
    yield f"{'Severity:':<{_LABEL}}{severity_words(record)} (urgency of the triggers: {record.urgency.name.lower()})"
    yield f"{'Scope:':<{_LABEL}}{scope_words(record)}"
    nodes = sorted(record.nodes)
    if len(nodes) > 1:
        more = f" and {len(nodes) - _MOST_NODES} more" if len(nodes) > _MOST_NODES else ""
        yield f"{'Nodes:':<{_LABEL}}{', '.join(map(one_line, nodes[:_MOST_NODES]))}{more}"
    yield f"{'Opened:':<{_LABEL}}{moment(record.opened_at)} UTC, {span(shown.now - record.opened_at)} ago"
    yield f"{'Last trigger:':<{_LABEL}}{moment(record.last_trigger_at)} UTC"
    if record.closed_at:
        yield f"{'Closed:':<{_LABEL}}{moment(record.closed_at)} UTC"
    if record.flaps:
        yield f"{'Flaps:':<{_LABEL}}went quiet and came back {record.flaps} times"


def _sections(shown: ShownIncident) -> Iterator[tuple[str, list[str]]]:
    whole = shown.whole
    hidden = whole.trigger_count - len(whole.triggers)
    more = [f"and {hidden} more"] if hidden > 0 else []
    sections = (
        ("Wrong now", [_symptom_line(item) for item in whole.symptoms]),
        (
            "Still stands, but for what people gave back since",
            [in_its_place(line) for line in standing_lines(shown.orders)],
        ),
        (f"Triggers ({whole.trigger_count})", [_trigger_line(item) for item in whole.triggers] + more),
        ("Investigations", [line for item in whole.investigations for line in _investigation_lines(item)]),
        ("Deliveries", [_delivery_line(item) for item in whole.deliveries]),
        ("Asked for", [_request_line(item) for item in whole.requests]),
        (
            f"Orders ({shown.orders.count}; approvals show ID shows the requests)",
            list(_order_lines(shown)),
        ),
    )
    return ((title, lines) for title, lines in sections if lines)


def _symptom_line(item: Symptom) -> str:
    return _cells(item.node, item.kind, f"{item.status} since {moment(item.since)} UTC", item.gpu_uuid)


def _trigger_line(item: StoredTrigger) -> str:
    trigger = item.trigger
    ruling = str(item.state) + (f" until {moment(item.hold_until)} UTC" if item.hold_until else "")
    return _cells(
        moment(trigger.transition_at or trigger.observed_at),
        trigger.node,
        trigger.kind,
        str(trigger.status),
        f"[{ruling}: {item.reason}]" if item.reason else f"[{ruling}]",
        f"{trigger.reason}: {trigger.message}" if trigger.message else trigger.reason,
    )


def _investigation_lines(item: InvestigationRecord) -> Iterator[str]:
    who = " ".join(dict.fromkeys(filter(None, (item.engine, item.model))))
    spent = f"{item.spend.tokens} tokens, {cost(item.spend)}" if item.spend else ""
    state = running_words(item) if item.state is InvestigationState.RUNNING else str(item.state)
    yield _cells(item.id, state, f"why: {item.why}", f"{moment(item.requested_at)} UTC", who, spent)
    if item.outcome:
        trust = "" if item.confidence is None else f"confidence {item.confidence:.0%}"
        parts = (str(item.severity or ""), item.fault_class, trust, item.action)
        yield _INDENT + _cells(f"{item.outcome}:", ", ".join(filter(None, parts)))
    if item.summary:
        yield _INDENT + one_line(item.summary)
    if item.note:
        yield _INDENT + one_line(f"note: {item.note}")


def _delivery_line(item: DeliveryRecord) -> str:
    if item.state is DeliveryState.DELIVERED:
        return _cells(item.investigation_id, item.notifier, f"{item.state} {moment(item.delivered_at)} UTC")
    if item.state is DeliveryState.LEFT_OUT:
        return _cells(item.investigation_id, item.notifier, str(item.state), item.reason)
    again = f", again {moment(item.next_at)} UTC" if item.next_at else ""
    tried = f"{item.state} after {item.attempts} attempts{again}"
    return _cells(item.investigation_id, item.notifier, tried, item.reason)


def _request_line(item: AskedFor) -> str:
    return _cells(f"{moment(item.at)} UTC", f"{item.kind} by {item.by}", item.reason)


def _order_lines(shown: ShownIncident) -> Iterator[str]:
    orders = shown.orders
    for item in orders.shown:
        yield from map(in_its_place, history_lines(item, shown.now))
    if orders.more:
        yield f"and {orders.more} older ones"
    if orders.unreadable:
        yield orders.unreadable_words


def _evidence_line(item: Evidence) -> str:
    result = item.result
    return "  " + _cells(f"{item.id:<4}", f"{item.tool:<22}", f"{result.status:<11}", result.query[:120], result.note)


def _cells(*cells: str) -> str:
    """Cells with two spaces between them; empty ones are left out, and a short one keeps its width."""
    return "  ".join(one_line(cell).ljust(len(cell)) for cell in cells if cell).rstrip()
