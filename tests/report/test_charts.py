"""Which metric evidence becomes which chart, and who is singled out in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gcm_sentinel.domain.assessment import Citation, Claim
from gcm_sentinel.domain.entity import Entity, EntityKind, gpu, node
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.web.charts import Chart, charts_of
from gcm_sentinel.web.timeline import moments_of


def charts(publication: Publication) -> dict[str, Chart]:
    return {chart.title: chart for chart in charts_of(publication, moments_of(publication))}


@pytest.fixture
def with_raw(off_bus: Publication) -> Callable[[str], tuple[Chart, ...]]:
    """The charts when the fifth piece of evidence, a Prometheus query, has another raw text."""

    def redraw(raw: str) -> tuple[Chart, ...]:
        item = off_bus.evidence[4]
        changed = replace(off_bus, evidence=(replace(item, result=replace(item.result, raw=raw)),))
        return charts_of(changed, ())

    return redraw


def a_matrix(*labels: dict[str, str]) -> str:
    result = [
        {"metric": item, "values": [[1_795_000_000, "1"], [1_795_000_030, str(n)]]} for n, item in enumerate(labels)
    ]
    return json.dumps({"resultType": "matrix", "result": result})


def test_metrics_with_outliers_or_ended_series_are_drawn_large_and_flat_ones_small(off_bus: Publication) -> None:
    found = charts(off_bus)

    assert {title for title, chart in found.items() if chart.telling} == {
        "DCGM_FI_DEV_PCIE_REPLAY_COUNTER",
        "DCGM_FI_DEV_POWER_USAGE",
        "DCGM_FI_DEV_GPU_TEMP",
    }
    assert 'class="spark"' in found["DCGM_FI_DEV_SM_CLOCK"].drawing


def test_the_culprit_is_named_with_its_last_value_and_when_it_ended(off_bus: Publication) -> None:
    culprit, siblings = charts(off_bus)["DCGM_FI_DEV_POWER_USAGE"].legend

    assert (culprit.style, culprit.label) == ("hot", "GPU 1")
    assert culprit.ended_at is not None
    assert culprit.ended_at.isoformat() == "2026-11-20T03:09:14+00:00"
    assert siblings.label == "7 others: GPU 0 … GPU 7"


def test_the_kernel_burst_and_the_incident_are_marked(off_bus: Publication) -> None:
    drawing = charts(off_bus)["DCGM_FI_DEV_GPU_TEMP"].drawing

    assert 'class="band"' in drawing
    assert ">incident</text>" in drawing


def test_without_a_culprit_each_line_has_a_colour_and_a_name(
    with_raw: Callable[[str], tuple[Chart, ...]],
) -> None:
    chart = with_raw(a_matrix({"job": "a", "x": "same"}, {"job": "b", "x": "same"}))[0]

    assert [(entry.style, entry.label, entry.last) for entry in chart.legend] == [
        ("c0", "job=a", "0"),
        ("c1", "job=b", "1"),
    ]


def test_a_gpu_of_another_node_with_the_same_index_is_not_the_culprit(
    with_raw: Callable[[str], tuple[Chart, ...]],
) -> None:
    chart = with_raw(a_matrix({"Hostname": "gpu-r03-n05", "gpu": "1"}, {"Hostname": "gpu-r09-n02", "gpu": "1"}))[0]

    assert [(entry.style, entry.label) for entry in chart.legend] == [
        ("hot", "gpu-r03-n05 GPU 1"),
        ("dim", "gpu-r09-n02 GPU 1"),
    ]


@pytest.mark.parametrize(
    ("culprit", "labels"),
    [
        (gpu("n1", uuid="GPU-aa"), {"UUID": "GPU-aa", "gpu": "7"}),
        (gpu("n1", pci="0000:17:00"), {"pci_bus_id": "00000000:17:00.0"}),
        (gpu("n1", index=3), {"Hostname": "n1", "gpu": "3"}),
        (node("n1"), {"kubernetes_node": "n1"}),
        (Entity(EntityKind.POD, "ml/train-0"), {"pod": "train-0"}),
    ],
    ids=["gpu by uuid", "gpu by pci address", "gpu by index", "node", "pod"],
)
def test_a_culprit_is_recognised_by_its_labels(off_bus: Publication, culprit: Entity, labels: dict[str, str]) -> None:
    other = {key: f"9{value}" for key, value in labels.items()}
    item = off_bus.evidence[4]
    evidence = replace(item, result=replace(item.result, raw=a_matrix(other, labels)))
    draft = replace(off_bus.assessment.draft, entities=(culprit,))
    changed = replace(off_bus, assessment=replace(off_bus.assessment, draft=draft), evidence=(evidence,))

    chart = charts_of(changed, ())[0]

    assert [entry.style for entry in chart.legend] == ["hot", "dim"]
    assert chart.legend[0].last == "1"


def test_a_companion_series_of_a_comparison_is_large_only_when_it_moved(off_bus: Publication) -> None:
    item = off_bus.evidence[2]
    raw = {"up": json.loads(a_matrix({"job": "dcgm"})), "flat": json.loads(a_matrix({"job": "dcgm"}))}
    raw["flat"]["result"][0]["values"] = [[1_795_000_000, "1"], [1_795_000_030, "1"]]
    changed = replace(off_bus, evidence=(replace(item, result=replace(item.result, raw=json.dumps(raw))),))

    assert {title: chart.telling for title, chart in charts(changed).items()} == {"up": True, "flat": False}


def test_the_envelope_of_the_http_api_is_taken_off(with_raw: Callable[[str], tuple[Chart, ...]]) -> None:
    chart = with_raw('{"status": "success", "data": ' + a_matrix({"gpu": "2"}) + "}")[0]

    assert chart.title == 'rate(node_pcie_aer_total{node="gpu-r03-n05"}[5m])'


def test_of_very_many_series_some_are_left_out_and_counted(with_raw: Callable[[str], tuple[Chart, ...]]) -> None:
    chart = with_raw(a_matrix(*({"pod": f"p{n}"} for n in range(100))))[0]

    assert chart.left_out == 76


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "not json {",
        "[1, 2]",
        "null",
        '{"resultType": "vector", "result": [{"metric": {}, "value": [1, "2"]}]}',
        '{"resultType": "matrix", "result": "no"}',
        '{"resultType": "matrix", "result": [{"metric": 7, "values": [[1], "x", [null, "3"], ["a", "b"]]}]}',
        '{"resultType": "matrix", "result": [{"metric": {}, "values": [[1795000000, "NaN"], [1795000030, "+Inf"]]}]}',
        '{"a": {"resultType": "matrix"}, "b": 3}',
        '{"a":' * 5000,
    ],
    ids=lambda raw: raw[:40] or "empty",
)
def test_another_shape_gives_no_chart_and_no_failure(raw: str, with_raw: Callable[[str], tuple[Chart, ...]]) -> None:
    assert with_raw(raw) == ()


def test_an_extreme_value_does_not_break_the_drawing(with_raw: Callable[[str], tuple[Chart, ...]]) -> None:
    values: list[Any] = [[1_795_000_000 + n, text] for n, text in enumerate(["1e308", "-1e308", "5", "6"])]

    chart = with_raw(json.dumps({"resultType": "matrix", "result": [{"metric": {}, "values": values}]}))[0]

    assert "nan" not in chart.drawing
    assert chart.legend[0].last == "6"


def test_series_that_share_a_gpu_are_told_apart_by_what_differs(with_raw: Callable[[str], tuple[Chart, ...]]) -> None:
    chart = with_raw(a_matrix({"gpu": "2", "err": "sbe", "job": "x"}, {"gpu": "2", "err": "dbe", "job": "x"}))[0]

    assert [entry.label for entry in chart.legend] == ["GPU 2 err=sbe", "GPU 2 err=dbe"]


def test_no_more_than_eight_charts_are_large_and_the_cited_one_is_among_them(
    off_bus: Publication,
) -> None:
    item = off_bus.evidence[4]
    names = [f"M_{number}" for number in range(20)]
    raw = json.dumps({name: json.loads(a_matrix({"gpu": "0"}, {"gpu": "1"})) for name in names})
    metrics: list[Json] = [{"metric": name, "outliers": [], "missing": [], "ended": [1]} for name in names]
    result = replace(item.result, raw=raw, summary={"metrics": metrics})
    claim = Claim("M_17 tells it", (Citation(item.id, "M_17"),))
    draft = replace(off_bus.assessment.draft, claims=(claim,))
    changed = replace(
        off_bus,
        assessment=replace(off_bus.assessment, draft=draft),
        evidence=(replace(item, result=result),),
    )

    large = [chart.title for chart in charts_of(changed, ()) if chart.telling]

    assert len(large) == 8
    assert "M_17" in large
