"""Every query of the recording gets the answer Prometheus gave, errors and warnings included."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from sentinel_fleet.ports import SeriesSource
from sentinel_fleet.prom.budget import Budget
from sentinel_fleet.prom.errors import PromError
from sentinel_fleet.prom.evaluate import Answer, Steps, evaluate_instant, evaluate_range
from sentinel_fleet.prom.parsing import parse_query
from sentinel_fleet.prom.storage import Storage

RECORDING: dict[str, Any] = json.loads(Path(__file__).with_name("recorded_answers.json").read_text())
ORIGIN: int = RECORDING["origin"]
INTERVAL_MS = 30_000


@pytest.fixture(scope="module")
def written() -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
    """The series the recording was made from."""
    return [
        (one["labels"], [(float(ORIGIN + time), float(value)) for time, value in one["samples"]])
        for one in RECORDING["series"]
    ]


def ask(source: SeriesSource, case: dict[str, Any]) -> Answer:
    storage = Storage(source, Budget(), now_ms=2**53, stale_after_ms=INTERVAL_MS)
    node, start = parse_query(case["query"]), (ORIGIN + case["start"]) * 1000
    if "step" not in case:
        return evaluate_instant(node, storage, start)
    return evaluate_range(node, storage, Steps(start, (ORIGIN + case["end"]) * 1000, case["step"] * 1000))


def same(mine: list[tuple[dict[str, str], list[tuple[int, float]]]], recorded: list[Any]) -> bool:
    return len(mine) == len(recorded) and all(
        labels == theirs
        and [time for time, _ in points] == [round((ORIGIN + time) * 1000) for time, _ in values]
        and all(close(value, float(other)) for (_, value), (_, other) in zip(points, values, strict=True))
        for (labels, points), (theirs, values) in zip(mine, recorded, strict=True)
    )


def close(mine: float, recorded: float) -> bool:
    if math.isnan(mine) or math.isnan(recorded):
        return math.isnan(mine) and math.isnan(recorded)
    return math.isclose(mine, recorded, rel_tol=1e-9, abs_tol=1e-12)


def name(case: dict[str, Any]) -> str:
    return f"{case['query']} {'range' if 'step' in case else 'instant'}"


@pytest.mark.parametrize("case", [case for case in RECORDING["answers"] if "error" not in case], ids=name)
def test_answers_as_prometheus_did(case: dict[str, Any], make_source: Any, written: Any) -> None:
    answer = ask(make_source(*written), case)

    series = [(dict(labels), points) for labels, points in answer.series]
    if not case["query"].startswith("sort"):
        series.sort(key=lambda one: sorted(one[0].items()))
    assert answer.kind == case["type"]
    assert sorted(answer.warnings + answer.infos) == case.get("remarks", [])
    assert same(series, case["series"])


@pytest.mark.parametrize("case", [case for case in RECORDING["answers"] if "error" in case], ids=name)
def test_refuses_what_prometheus_refused(case: dict[str, Any], make_source: Any, written: Any) -> None:
    with pytest.raises(PromError) as refusal:
        ask(make_source(*written), case)

    recorded, _, _ = case["error"].partition(" on the right hand-side")
    assert recorded in refusal.value.message
