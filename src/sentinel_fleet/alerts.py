"""Alerts as Alertmanager's API v2 shows them (`GettableAlert`)."""

from __future__ import annotations

from sentinel_fleet import facts as f
from sentinel_fleet.history.book import Book
from sentinel_fleet.objects import KubeObject
from sentinel_fleet.stable import seed64
from sentinel_fleet.times import rfc3339_milli

_RESEND_S = 240.0


def alerts(book: Book, now: float) -> list[KubeObject]:
    """The alerts that fire at `now`."""
    found = []
    for fact in book.of(f.AlertFact):
        if book.anchor + fact.at <= now and (fact.until is None or now < book.anchor + fact.until):
            nodes: list[str | None] = [*fact.node] if fact.node is not None else [None]
            found += [_alert(book, fact, node, now) for node in nodes]
    return found


def _alert(book: Book, fact: f.AlertFact, node: str | None, now: float) -> KubeObject:
    labels = {"alertname": fact.name, "severity": "warning"}
    if node is not None:
        labels["node"] = node
    if node is not None and fact.gpu is not None:
        labels |= {"gpu": str(fact.gpu), "UUID": book.fleet.gpu(node, fact.gpu).uuid}
    labels |= fact.labels
    started = book.anchor + fact.at
    return {
        "annotations": dict(fact.annotations),
        "startsAt": rfc3339_milli(started),
        "endsAt": rfc3339_milli(now + _RESEND_S),
        "updatedAt": rfc3339_milli(now),
        "fingerprint": f"{seed64(*sorted(labels.items())):016x}",
        "generatorURL": f"http://prometheus.monitoring.svc:9090/graph?g0.expr={fact.name}",
        "labels": labels,
        "receivers": [{"name": "oncall"}],
        "status": {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []},
    }
