"""From the raw text of metric evidence to series that can be drawn: Prometheus matrices and what their labels say.

Used by web/charts.py. `query_prometheus` keeps Prometheus' own ``data`` object as raw text, `compare_gpu_metrics` one
such object per metric name. Anything else yields nothing: a chart is a help, never a condition for the report.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from gcm_sentinel.domain.assessment import Draft
from gcm_sentinel.domain.entity import Entity, EntityKind, normal_pci
from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.web import reading
from gcm_sentinel.web.plain import one_line
from gcm_sentinel.web.svg import Point

_LARGEST_RAW = 32 * 1024 * 1024
_LARGEST_VALUE = 1e100
_LABEL_CHARACTERS = 48
_NODE_LABELS = ("Hostname", "hostname", "node", "kubernetes_node", "nodename", "instance")
_GPU_LABELS = ("gpu", "gpu_index", "index", "minor_number")
_UUID_LABELS = ("UUID", "uuid", "gpu_uuid")
_PCI_LABELS = ("pci_bus_id", "pci_bus", "busid")


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a matrix."""

    labels: dict[str, str]
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """The result of one range query."""

    name: str
    """Metric name, or the query where there is no single one."""
    series: tuple[Series, ...]


def matrices_of(evidence: Evidence) -> tuple[Matrix, ...]:
    """The matrices in a piece of evidence, empty series left out; nothing when its raw text is of another kind."""
    raw = evidence.result.raw
    if not raw.lstrip().startswith("{") or len(raw) > _LARGEST_RAW:
        return ()
    try:
        parsed: Json = json.loads(raw)
    except (ValueError, RecursionError):
        return ()
    data = parsed if isinstance(parsed, dict) else {}
    data = dict(reading.child(data, "data")) or data if "status" in data else data
    named = {_title(evidence): data} if "result" in data else data
    found = (_matrix(name, value) for name, value in named.items() if isinstance(value, dict))
    return tuple(matrix for matrix in found if matrix.series)


def _title(evidence: Evidence) -> str:
    return one_line(evidence.result.query) or evidence.tool


def _matrix(name: str, data: JsonObject) -> Matrix:
    if reading.text(data, "resultType") != "matrix":
        return Matrix(name, ())
    found = [_series(item) for item in reading.members(data, "result")]
    return Matrix(one_line(name), tuple(series for series in found if series.points))


def _series(item: JsonObject) -> Series:
    labels = {key: str(value) for key, value in reading.child(item, "metric").items()}
    points = [_point(pair) for pair in reading.values(item, "values")]
    return Series(labels, tuple(sorted(point for point in points if point)))


def _point(pair: Json) -> Point | None:
    if not isinstance(pair, list) or len(pair) != 2:
        return None
    at, value = reading.number(pair[0]), reading.number(pair[1])
    if at is None or value is None or abs(value) > _LARGEST_VALUE or not 0 <= at < 4e9:
        return None
    return at, value


def names_of(series: Sequence[Series]) -> list[str]:
    """A short name for each series: its node and GPU, and where that does not tell them apart, what else differs."""
    varying = [key for key in _keys(series) if len({item.labels.get(key) for item in series}) > 1]
    places = [_place(item.labels, varying) for item in series]
    if all(places) and len(set(places)) == len(places):
        return [_cut(place) for place in places]
    told = {*_NODE_LABELS, *_GPU_LABELS, *_UUID_LABELS, *_PCI_LABELS}
    return [
        _cut(" ".join([place, *_pairs(item.labels, varying, told if place else set())]).strip())
        for item, place in zip(series, places, strict=True)
    ]


def _keys(series: Sequence[Series]) -> list[str]:
    return sorted({key for item in series for key in item.labels if key != "__name__"})


def _place(labels: dict[str, str], varying: Sequence[str]) -> str:
    node = next((labels[key] for key in _NODE_LABELS if key in varying and labels.get(key)), "")
    gpu = _first(labels, _GPU_LABELS)
    return " ".join(part for part in (node, f"GPU {gpu}" if gpu else "") if part)


def _pairs(labels: dict[str, str], varying: Sequence[str], told: set[str]) -> list[str]:
    return [f"{key}={labels[key]}" for key in varying if labels.get(key) and key not in told]


def _cut(name: str) -> str:
    name = one_line(name) or "value"
    return name if len(name) <= _LABEL_CHARACTERS else name[: _LABEL_CHARACTERS - 1] + "…"


def culprits_among(series: Sequence[Series], draft: Draft) -> list[bool]:
    """For each series, whether it belongs to a culprit of the assessment; nobody is singled out when all would be."""
    marked = [any(_is_of(item.labels, entity) for entity in draft.entities) for item in series]
    return marked if len(series) == 1 or not all(marked) else [False] * len(series)


def _is_of(labels: dict[str, str], entity: Entity) -> bool:
    if entity.kind is EntityKind.GPU:
        return _is_gpu(labels, entity)
    if entity.kind in (EntityKind.NODE, EntityKind.POD, EntityKind.NIC, EntityKind.WORKLOAD):
        return entity.name in labels.values() or entity.name.rpartition("/")[2] in labels.values()
    return False


def _is_gpu(labels: dict[str, str], entity: Entity) -> bool:
    uuid = _first(labels, _UUID_LABELS)
    if uuid and entity.uuid:
        return uuid == entity.uuid
    hosts = {value for key in _NODE_LABELS if key != "instance" and (value := labels.get(key))}
    if hosts and entity.node and entity.node not in hosts:
        return False
    index = _first(labels, _GPU_LABELS)
    if index and entity.index is not None:
        return index == str(entity.index)
    pci = _first(labels, _PCI_LABELS)
    return bool(pci and entity.pci and normal_pci(pci) == normal_pci(entity.pci))


def _first(labels: dict[str, str], keys: Sequence[str]) -> str:
    return next((labels[key] for key in keys if labels.get(key)), "")
