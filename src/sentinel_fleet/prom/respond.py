"""Answers in the JSON of Prometheus' HTTP API."""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from math import copysign
from typing import Any

from aiohttp import web

from sentinel_fleet.prom.errors import PromError
from sentinel_fleet.prom.evaluate import Answer, Points
from sentinel_fleet.prom.numbers import format_sample
from sentinel_fleet.prom.rows import Labels

_MOST_REMARKS = 10
TRUNCATED = "results truncated due to limit"

Json = Any
"""What `json.dumps` takes; the shapes are Prometheus', written out where they are built."""


def success(data: Json, warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> bytes:
    """The body of a successful answer."""
    body: dict[str, Json] = {"status": "success", "data": data}
    if warnings:
        body["warnings"] = _capped(warnings, "warning")
    if infos:
        body["infos"] = _capped(infos, "info")
    return _encode(body)


def failure(error: PromError) -> web.Response:
    """The answer to a request that failed."""
    body = {"status": "error", "errorType": error.error_type, "error": error.message}
    return web.Response(status=error.status, body=_encode(body), content_type="application/json")


def query_body(answer: Answer, limit: int | None) -> bytes:
    """The body of an answered query, cut to `limit` series."""
    series, warnings = answer.series, list(answer.warnings)
    if limit is not None and len(series) > limit:
        series = series[:limit]
        warnings.append(TRUNCATED)
    data = {"resultType": answer.kind, "result": _result(answer, series)}
    return success(data, warnings, answer.infos)


def _result(answer: Answer, series: Sequence[tuple[Labels, Points]]) -> Json:
    match answer.kind:
        case "vector":
            return [{"metric": sorted_labels(labels), "value": _point(*points[0])} for labels, points in series]
        case "matrix":
            moments, texts = _Known(_seconds), _Known(format_sample)
            return [
                {"metric": sorted_labels(labels), "values": _points(points, moments, texts)}
                for labels, points in series
            ]
        case "scalar":
            return _point(*answer.series[0][1][0])
        case "string":
            return [_seconds(answer.at_ms), answer.text]


def sorted_labels(labels: Labels) -> Mapping[str, str]:
    """Labels in the order Prometheus writes them."""
    return dict(sorted(labels.items()))


class _Known(dict[float, Json]):
    """What a function makes of numbers, each worked out once: there are tens of thousands, and few different ones."""

    def __init__(self, make: Callable[[Any], Json]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, number: float) -> Json:
        made = self[number] = self._make(number)
        return made


def _points(points: Points, moments: _Known, texts: _Known) -> list[tuple[Json, Json]]:
    if min(map(copysign, repeat(1.0), (value for _, value in points)), default=1.0) < 0:  # -0 equals 0, and is not "0"
        return [(moments[at], format_sample(value)) for at, value in points]
    return [(moments[at], texts[value]) for at, value in points]


def _point(time_ms: int, value: float) -> list[Json]:
    return [_seconds(time_ms), format_sample(value)]


def _seconds(time_ms: int) -> int | float:
    return time_ms / 1000 if time_ms % 1000 else time_ms // 1000


def _capped(remarks: Sequence[str], kind: str) -> list[str]:
    omitted = len(remarks) - _MOST_REMARKS
    shown = list(remarks[:_MOST_REMARKS])
    return [*shown, f"{omitted} more {kind} annotations omitted"] if omitted > 0 else shown


def _encode(body: Json) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
