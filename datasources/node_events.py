"""Kubernetes Events as `EventSummary`: newest first, our own left out. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from gcm_sentinel.clients.kubernetes import KubeObject, metadata, parse_time
from gcm_sentinel.clients.kubernetes.objects import mapping, number, text
from gcm_sentinel.datasources.cluster_reads import OWN_COMPONENT, iso
from gcm_sentinel.domain.summaries import EventSummary, NodeEventsSummary

_OWN_REASON = "GCMSentinel"
_SHOWN = 60
_MESSAGE_MAX = 600


def is_ours(event: KubeObject) -> bool:
    """Whether this product wrote the Event; it must not count as evidence."""
    component = text(mapping(event.get("source")).get("component"))
    return OWN_COMPONENT in (component, text(event.get("reportingComponent"))) or event.get("reason") == _OWN_REASON


def last_seen(event: KubeObject) -> datetime | None:
    """When the Event last happened, in whichever of its generations' fields says so."""
    series = mapping(event.get("series"))
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    written = metadata(event).get("creationTimestamp")
    return next((moment for moment in map(parse_time, (*times, written)) if moment), None)


def summarise(node: str, events: Iterable[KubeObject]) -> NodeEventsSummary:
    """The Events of a node and its pods."""
    ordered = sorted(
        events, key=lambda event: moment.timestamp() if (moment := last_seen(event)) else 0.0, reverse=True
    )
    reasons: Counter[str] = Counter()
    for event in ordered:
        reasons[text(event.get("reason"))] += _count(event)
    return NodeEventsSummary(
        node=node,
        events=[_summary(event) for event in ordered[:_SHOWN]],
        events_total=len(ordered),
        by_reason=dict(reasons.most_common()),
    )


def about(event: KubeObject) -> tuple[str, str, str]:
    """Kind, namespace and name of what the Event is about."""
    involved = mapping(event.get("involvedObject"))
    kind, where = text(involved.get("kind")), text(involved.get("namespace"))
    return kind, "" if kind == "Node" else where, text(involved.get("name"))


def _count(event: KubeObject) -> int:
    return max(number(event.get("count")), number(mapping(event.get("series")).get("count")), 1)


def _summary(event: KubeObject) -> EventSummary:
    first = parse_time(event.get("firstTimestamp")) or parse_time(event.get("eventTime"))
    source = text(mapping(event.get("source")).get("component")) or text(event.get("reportingComponent"))
    return EventSummary(
        type=text(event.get("type")),
        reason=text(event.get("reason")),
        message=text(event.get("message"))[:_MESSAGE_MAX],
        about="/".join(part for part in about(event) if part),
        source=source,
        count=_count(event),
        first_at=iso(first or last_seen(event)),
        last_at=iso(last_seen(event)),
    )
