"""What many ledger entries say together: how probes ended, which anomalies came, what happened, who stands where. Pure.

Single entries are many and alike; whether one probe type fails or five, on one SM or on forty, hot or cold, is what
tells causes apart. Everything here was written by whoever recorded it and was bounded when it was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gcm_sentinel.datasources.cluster_reads import iso
from gcm_sentinel.datasources.sentinel_gpus import plain
from gcm_sentinel.domain.audit import AuditEntry
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.summaries import AnomalyTally, EventTally, ProbeTally, RecordedState

_MAX_NAMES = 40
_MAX_FEW = 20


@dataclass(slots=True)
class _Group:
    """Entries that count together."""

    count: int = 0
    uuids: dict[str, None] = field(default_factory=dict)
    nodes: set[str] = field(default_factory=set)
    times: list[str] = field(default_factory=list)
    contents: list[JsonObject] = field(default_factory=list)

    def add(self, entry: AuditEntry, content: JsonObject, count: int = 1) -> None:
        self.count += count
        if entry.gpu_uuid:
            self.uuids[plain(entry.gpu_uuid, 90)] = None
        if entry.node:
            self.nodes.add(entry.node)
        self.times += [moment] if (moment := iso(entry.at)) else []
        self.contents.append(content)


def probes(entries: Iterable[AuditEntry]) -> list[ProbeTally]:
    """How probes ended: single results and the summaries of many."""
    groups: dict[tuple[str, str], _Group] = {}
    for entry in entries:
        content = entry.content or {}
        if "probe_type" in content:
            groups.setdefault(_ended(content), _Group()).add(entry, content)
        for count in _dicts(_dict(content.get("probe_summary")).get("counts")):
            groups.setdefault(_ended(count), _Group()).add(entry, {}, _int(count.get("count")))
    tallies = [_probe(kind, result, group) for (kind, result), group in groups.items()]
    return sorted(tallies, key=lambda item: (item["result"] != "FAIL", -item["count"], item["probe_type"]))


def anomalies(entries: Iterable[AuditEntry]) -> list[AnomalyTally]:
    """Which anomalies came, the most frequent first."""
    groups: dict[str, _Group] = {}
    for entry in entries:
        content = entry.content or {}
        if "anomaly_type" in content:
            kind = _short(content.get("anomaly_type"), "ANOMALY_TYPE_")
            groups.setdefault(kind, _Group()).add(entry, content)
    tallies = [
        AnomalyTally(
            anomaly_type=kind,
            count=group.count,
            gpus=len(group.uuids),
            uuids=list(group.uuids)[:_MAX_NAMES],
            nodes=len(group.nodes),
            models=_texts(group.contents, "model_id"),
            steps=sorted({_int(item["step_number"]) for item in group.contents if "step_number" in item})[:_MAX_FEW],
            first_at=min(group.times, default=None),
            last_at=max(group.times, default=None),
        )
        for kind, group in groups.items()
    ]
    return sorted(tallies, key=lambda item: (-item["count"], item["anomaly_type"]))


def events(entries: Iterable[AuditEntry]) -> list[EventTally]:
    """What happened, by name, the newest first; `entries` come newest first or oldest first."""
    groups: dict[str, _Group] = {}
    for entry in sorted(entries, key=lambda item: item.id):
        content = entry.content or {}
        name = content.get("event")
        if isinstance(name, str) and entry.kind == "SYSTEM_EVENT":
            groups.setdefault(plain(name, 80), _Group()).add(entry, content)
    tallies = [
        EventTally(
            event=name,
            count=group.count,
            words=_words(_dict(group.contents[-1].get("fields"))),
            last_at=max(group.times, default=None),
        )
        for name, group in groups.items()
    ]
    return sorted(tallies, key=lambda item: item["last_at"] or "", reverse=True)


def states(entries: Iterable[AuditEntry]) -> list[RecordedState]:
    """The newest recorded state of each GPU; a directive that changed nothing tells none."""
    found: dict[str, RecordedState] = {}
    for entry in sorted(entries, key=lambda item: item.id):
        change = _dict((entry.content or {}).get("state_change"))
        state = _short(change.get("to_state"), "GPU_HEALTH_STATE_")
        if entry.gpu_uuid and state and change.get("to_state") != change.get("from_state"):
            found[entry.gpu_uuid] = RecordedState(
                uuid=plain(entry.gpu_uuid, 90),
                node=plain(entry.node, 253),
                state=state,
                at=iso(entry.at),
                entry=entry.id,
                by=plain(str(change.get("initiated_by", "")), 120),
            )
    return list(found.values())


def _ended(content: Mapping[str, Json]) -> tuple[str, str]:
    return _short(content.get("probe_type"), "PROBE_TYPE_"), _short(content.get("result"), "PROBE_RESULT_")


def _probe(kind: str, result: str, group: _Group) -> ProbeTally:
    warm = [value for item in group.contents if isinstance(value := item.get("gpu_temperature_c"), int | float)]
    mismatches = [_dict(item.get("mismatch_detail")) for item in group.contents]
    bits = {bit for item in mismatches for bit in _numbers(item.get("differing_bits"))}
    sms = {_int(_dict(item.get("sm")).get("sm_id")) for item in group.contents if "sm" in item}
    return ProbeTally(
        probe_type=kind,
        result=result,
        count=group.count,
        gpus=len(group.uuids),
        uuids=list(group.uuids)[:_MAX_NAMES],
        nodes=len(group.nodes),
        sms=sorted(sms)[:_MAX_NAMES],
        differing_bits=sorted(bits)[:_MAX_FEW],
        coldest_c=min(warm, default=None),
        hottest_c=max(warm, default=None),
        first_at=min(group.times, default=None),
        last_at=max(group.times, default=None),
    )


def _words(fields: JsonObject) -> str:
    return plain(", ".join(f"{name} {value}" for name, value in fields.items()))


def _texts(contents: Sequence[JsonObject], name: str) -> list[str]:
    return list(dict.fromkeys(plain(str(item[name]), 120) for item in contents if item.get(name)))[:_MAX_FEW]


def _short(value: Json, prefix: str) -> str:
    return plain(str(value), 60).removeprefix(prefix) if value is not None else ""


def _dict(value: Json) -> JsonObject:
    return value if isinstance(value, Mapping) else {}


def _dicts(value: Json) -> list[JsonObject]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _numbers(value: Json) -> list[int]:
    return [item for item in value if isinstance(item, int)] if isinstance(value, list) else []


def _int(value: Json) -> int:
    """A count or number of the wire, which leaves 0 out."""
    return value if isinstance(value, int) else 0
