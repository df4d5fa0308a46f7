"""Work announced in a node's annotations and labels: what, by whom, from when to when, and whether to believe it. Pure.

There is no standard key, so a key that speaks of maintenance (or a change, an outage ...) counts, and times are taken
from the value in any of the usual spellings: two instants, an interval, JSON, epoch seconds, or ``01:00-03:00`` of the
day nearest to now. An announcement is believed only when an administrator's tool or a controller known for such work
wrote it: anybody who may patch nodes can write the words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Literal

from gcm_sentinel.clients.kubernetes import KubeObject, metadata
from gcm_sentinel.clients.kubernetes.managers import writer_of
from gcm_sentinel.clients.kubernetes.objects import strings
from gcm_sentinel.datasources.cluster_reads import foreign_annotations, iso
from gcm_sentinel.domain.summaries import MaintenanceSummary

_KEY = re.compile(
    r"maintenance|outage|downtime|decommission|scheduled-?event|(?:^|[./_-])(?:maint|change|chg|planned)(?:[./_-]|$)",
    re.IGNORECASE,
)
_EDGE = re.compile(
    r"[./_-](?P<edge>start|starts|begin|begins|from|since|end|ends|until|till|to|expires?)(?:-?(?:time|at))?$"
)
_END_WORDS = frozenset({"end", "ends", "until", "till", "to", "expire", "expires"})
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?")
_EPOCH = re.compile(r"(?<!\d)1\d{9}(?!\d)")
_HOURS = re.compile(r"(?<![\d:T])(\d{1,2}):(\d\d)\s*(?:-|–|to|/)\s*(\d{1,2}):(\d\d)(?![\d:])")
_VALUE_MAX = 300

TRUSTED_WRITERS: tuple[str, ...] = (
    "kubectl*", "*maintenance*", "*change-manage*", "nvsentinel*", "janitor*", "kured*", "karpenter*",
    "cluster-autoscaler*", "*controller-manager", "cloud-node-manager", "aws-node-termination-handler", "gke-*",
    "node-operator*", "medik8s*", "draino*", "Terraform*", "HashiCorp", "argocd*", "ansible*", "rancher*",
)  # fmt: skip
"""Field managers that administer nodes. Not here: HTTP libraries and pods' own clients, whoever runs them."""


@dataclass(frozen=True, slots=True)
class _Notice:
    key: str
    words: tuple[tuple[str, str], ...]
    """(key, value) of everything it was put together from."""
    starts_at: datetime | None
    ends_at: datetime | None
    set_by: str | None

    @property
    def dated(self) -> bool:
        return self.starts_at is not None or self.ends_at is not None

    @property
    def domain(self) -> str:
        return self.key.partition("/")[0]

    @property
    def value(self) -> str:
        if len(self.words) == 1:
            return self.words[0][1]
        return "; ".join(f"{key.rpartition('/')[2]}={value}" for key, value in self.words)


def announced(node: KubeObject, now: datetime) -> list[MaintenanceSummary]:
    """The announcements on `node`, dated ones first."""
    found = [
        _notice(node, field, key, value, now)
        for field, entries in (
            ("annotations", foreign_annotations(node)),
            ("labels", strings(metadata(node).get("labels"))),
        )
        for key, value in entries.items()
        if _KEY.search(key)
    ]
    return [_summary(notice, now) for notice in _put_together(found)]


def _notice(node: KubeObject, field: str, key: str, value: str, now: datetime) -> _Notice:
    writer = writer_of(node, "metadata", field, key)
    starts_at, ends_at = _window(key, value, now)
    return _Notice(key, ((key, value),), starts_at, ends_at, writer.manager if writer else None)


def _window(key: str, value: str, now: datetime) -> tuple[datetime | None, datetime | None]:
    instants = sorted(moment for moment in map(_instant, _INSTANT.findall(value)) if moment)
    instants = instants or sorted(datetime.fromtimestamp(int(digits), UTC) for digits in _EPOCH.findall(value))
    if len(instants) >= 2:
        return instants[0], instants[-1]
    if instants:
        edge = _EDGE.search(key.lower())
        says_end = (edge and edge["edge"] in _END_WORDS) or re.search(r"until|till|ends|expires", value.lower())
        return (None, instants[0]) if says_end else (instants[0], None)
    hours = _HOURS.search(value)
    return _of_day(*(int(part) for part in hours.groups()), now=now) if hours else (None, None)


def _instant(words: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(words)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _of_day(
    from_hour: int, from_minute: int, to_hour: int, to_minute: int, *, now: datetime
) -> tuple[datetime | None, datetime | None]:
    """The daily window nearest to `now`: the one that holds it, else the one with the nearest edge."""
    if max(from_hour, to_hour) > 24 or max(from_minute, to_minute) > 59:
        return None, None
    length = timedelta(hours=to_hour - from_hour, minutes=to_minute - from_minute) % timedelta(days=1)
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = midnight + timedelta(hours=from_hour, minutes=from_minute)
    candidates = [(start, start + length) for start in (first - timedelta(days=1), first, first + timedelta(days=1))]
    return min(candidates, key=lambda window: max(window[0] - now, now - window[1], timedelta(0)))


def _put_together(notices: list[_Notice]) -> list[_Notice]:
    """``x-start`` and ``x-end`` become one notice; undated keys of its domain (a ticket) lend it their words."""
    by_stem: dict[str, _Notice] = {}
    for notice in notices:
        stem = _EDGE.sub("", notice.key)
        known = by_stem.get(stem)
        by_stem[stem] = notice if known is None else _joined(known, notice, stem)
    dated = [notice for notice in by_stem.values() if notice.dated]
    alone = []
    for notice in by_stem.values():
        hosts = [place for place, host in enumerate(dated) if host.domain == notice.domain and "/" in notice.key]
        if notice.dated or len(hosts) != 1:
            alone += [] if notice.dated else [notice]
            continue
        dated[hosts[0]] = _joined(dated[hosts[0]], notice, dated[hosts[0]].key)
    return [*dated, *alone]


def _joined(one: _Notice, other: _Notice, key: str) -> _Notice:
    """Both as one; it is only as good as its worst writer."""
    doubtful = [writer for writer in (one.set_by, other.set_by) if not _trusted(writer)]
    return _Notice(
        key,
        (*one.words, *other.words),
        one.starts_at or other.starts_at,
        one.ends_at or other.ends_at,
        doubtful[0] if doubtful else one.set_by,
    )


def _trusted(writer: str | None) -> bool:
    return writer is not None and any(fnmatchcase(writer, pattern) for pattern in TRUSTED_WRITERS)


def _state(notice: _Notice, now: datetime) -> Literal["upcoming", "active", "over", "undated"]:
    if not notice.dated:
        return "undated"
    if notice.starts_at is not None and now < notice.starts_at:
        return "upcoming"
    return "over" if notice.ends_at is not None and now > notice.ends_at else "active"


def _summary(notice: _Notice, now: datetime) -> MaintenanceSummary:
    return MaintenanceSummary(
        key=notice.key,
        value=notice.value[:_VALUE_MAX],
        set_by=notice.set_by,
        starts_at=iso(notice.starts_at),
        ends_at=iso(notice.ends_at),
        state=_state(notice, now),
        trusted=_trusted(notice.set_by),
    )
