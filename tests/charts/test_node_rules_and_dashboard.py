"""Alerts and dashboard about the GPU nodes ask for what sentinel-node measures, and fire when they should."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from tests.charts.conftest import CHART
from tests.charts.fed_gateway import Scraped
from tests.charts.promql import selectors

from sentinel_node.app.metrics import PrometheusMetrics
from sentinel_node.app.settings import Settings
from sentinel_node.domain.metrics import METRICS, Sort

RULES: Mapping[str, Any] = {
    rule["alert"]: rule
    for group in yaml.safe_load((CHART / "rules" / "sentinel-node.yaml").read_text())["groups"]
    for rule in group["rules"]
}
BOARD = json.loads((CHART / "dashboards" / "sentinel-node.json").read_text())
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"].replace("$node", ".*") for panel in PANELS for target in panel["targets"]]
GPU = {"gpu_uuid": "GPU-1"}
PLACE = GPU | {"pci_bus_id": "0000:9b:00.0"}
NOW_S, STEP_S, STEPS = 1_800_000_000.0, 30.0, 60
QUIET = "sentinel_node_info 1"
XID = 'sentinel_kernel_xid_total{gpu_uuid="GPU-1",pci_bus_id="0000:9b:00.0",xid="%s"} 1'
SUFFIXES = {Sort.COUNTER: ("",), Sort.GAUGE: ("",), Sort.HISTOGRAM: ("_bucket", "_sum", "_count")}


def known() -> set[str]:
    names = {name + suffix for name, metric in METRICS.items() for suffix in SUFFIXES[metric.sort]}
    return names | {"sentinel_node_info", "up"}


def held(*texts: str, since: int = 0) -> Scraped:
    """Prometheus after half an hour; of several texts each next one was scraped only in the last `since` scrapes."""
    kept = Scraped()
    for step in range(STEPS):
        lines = texts if step >= STEPS - since else texts[:1]
        kept.add("".join(f"{line}\n" for line in lines), NOW_S + (step - STEPS) * STEP_S)
    return kept


def fires(alert: str, kept: Scraped) -> bool:
    return bool(kept.answer(RULES[alert]["expr"]))


def test_every_rule_and_panel_asks_for_a_metric_that_exists():
    expressions = [rule["expr"] for rule in RULES.values()] + [
        query.replace("$namespace", ".*").replace("$gpu", ".*").replace("$__range", "10m") for query in QUERIES
    ]

    asked = {selector.name for text in expressions for selector in selectors(text)}

    assert asked - known() == set()
    assert known() - asked <= {"sentinel_probe_latency_seconds_sum", "sentinel_probe_latency_seconds_count"}


@pytest.mark.parametrize("text", [*QUERIES, *(rule["expr"] for rule in RULES.values())])
def test_what_is_told_apart_or_chosen_by_is_a_label_there(text):
    text = text.replace("$namespace", ".*").replace("$gpu", ".*").replace("$__range", "10m")
    found = list(selectors(text))
    labels = {label for one in found for label in _labels(one.name)} | {"namespace", "node", "le"}
    told_apart = {label.strip() for group in re.findall(r"by \(([^)]*)\)", text) for label in group.split(",")}

    assert told_apart <= labels
    for one in found:
        assert {matcher.name for matcher in one.matchers.matchers} <= {*_labels(one.name), "namespace", "node"}


def _labels(name: str) -> tuple[str, ...]:
    if name == "up":
        return ("container",)
    bare = re.sub(r"_(bucket|sum|count)$", "", name)
    return METRICS[name].labels if name in METRICS else METRICS[bare].labels if bare in METRICS else ("version",)


@pytest.mark.parametrize(
    ("alert", "text"),
    [
        ("SentinelNodeAgentsAbsent", "up 1"),
        ("SentinelNodeAgentMissing", 'up{container="sentinel-node",node="gpu-7"} 0'),
        ("SentinelNodeKernelLogNotFollowed", "sentinel_kernel_log_followed 0"),
        ("SentinelNodeProbesPaused", 'sentinel_probes_paused{gpu_uuid="GPU-1"} 1'),
        ("SentinelNodeCoverageLow", 'sentinel_probe_coverage_ratio{gpu_uuid="GPU-1",probe_type="fma"} 0.99'),
        ("SentinelNodeOverheadHigh", 'sentinel_probe_overhead_percent{gpu_uuid="GPU-1"} 3.1'),
        ("SentinelNodeResultsNotSent", 'sentinel_buffer_depth 3\nsentinel_grpc_connected{stream="probes"} 0'),
    ],
)
def test_it_fires_while_its_condition_holds(alert, text):
    assert fires(alert, held(text))


EVENTS = [
    ("SentinelNodeXidCritical", XID % 79),
    ("SentinelNodeXid", XID % 32),
    ("SentinelNodeSxid", 'sentinel_kernel_sxid_total{pci_bus_id="0000:c1:00.0",sxid="12028"} 1'),
    ("SentinelNodeProbeFailed", 'sentinel_probe_executions_total{probe_type="fma",result="fail"} 1'),
    ("SentinelNodeResultsLost", 'sentinel_buffer_lost_total{reason="room"} 1'),
    ("SentinelNodeResultsRefused", 'sentinel_grpc_batches_refused_total{kind="probe",extent="part"} 1'),
]


@pytest.mark.parametrize(("alert", "text"), EVENTS)
def test_the_first_event_of_its_kind_fires_and_an_old_one_does_not(alert, text):
    assert fires(alert, held(QUIET, text, since=2))
    assert not fires(alert, held(text))


def with_gap(before: str, after: str) -> Scraped:
    """Eleven minutes without a scrape, and then three with."""
    kept = held(before)
    kept.points = {key: [one for one in points if one[0] < NOW_S - 840] for key, points in kept.points.items()}
    kept.points = defaultdict(list, kept.points)
    for step in range(6):
        kept.add(f"{after}\n", NOW_S + (step - 6) * STEP_S)
    return kept


@pytest.mark.parametrize(("alert", "text"), EVENTS)
def test_a_gap_in_the_scrapes_makes_no_old_event_new_and_hides_no_new_one(alert, text):
    assert not fires(alert, with_gap(text, text))
    assert fires(alert, with_gap(text, text[:-1] + "2"))
    assert fires(alert, with_gap(QUIET, text))


def test_a_gpu_that_is_gone_is_missing_the_next_day_too():
    kept = Scraped()
    for hour in range(30):
        kept.add(f"sentinel_gpu_count {8 if hour < 4 else 7}\n", NOW_S + hour * 3600)

    assert fires("SentinelNodeGpuMissing", kept)


def test_one_agent_that_is_gone_is_told_though_others_answer():
    here, gone = (f'sentinel_node_info{{node="gpu-{number}"}} 1' for number in (1, 2))
    kept = held(f"{here}\n{gone}")
    for step in range(20):
        kept.add(f"{here}\n", NOW_S + step * STEP_S)

    assert list(kept.answer(RULES["SentinelNodeAgentMissing"]["expr"])) == ["gpus gpu-2"]


def test_an_agent_that_was_replaced_on_its_node_is_not_missing():
    up = 'up{container="sentinel-node",node="gpu-1",instance="%s"} %d'
    told = "\n".join([up % ("old", 0), up % ("new", 1), 'sentinel_node_info{node="gpu-1"} 1'])

    assert not fires("SentinelNodeAgentMissing", held(told))


@pytest.mark.parametrize(
    ("alert", "before", "after"),
    [
        ("SentinelNodeXidCritical", XID % 48, (XID % 48)[:-1] + "2"),
        ("SentinelNodeKernelLinesLost", "sentinel_kernel_lost_lines_total 0", "sentinel_kernel_lost_lines_total 5"),
        ("SentinelNodeGpuMissing", "sentinel_gpu_count 8", "sentinel_gpu_count 7"),
        (
            "SentinelNodeTelemetryFailing",
            'sentinel_telemetry_errors_total{source="nvml"} 1',
            'sentinel_telemetry_errors_total{source="nvml"} 2',
        ),
    ],
)
def test_a_change_fires(alert, before, after):
    kept = held(before)
    kept.add(f"{after}\n", NOW_S)

    assert fires(alert, kept)
    assert not fires(alert, held(before))


@pytest.mark.parametrize("xid", [13, 31, 43, 45])
def test_xids_of_applications_wake_nobody(xid):
    kept = held(QUIET, XID % xid, since=2)

    assert not fires("SentinelNodeXid", kept)
    assert not fires("SentinelNodeXidCritical", kept)


@pytest.mark.parametrize(("xid", "alert"), [(79, "SentinelNodeXid"), (32, "SentinelNodeXidCritical")])
def test_an_xid_is_told_by_one_alert(xid, alert):
    assert not fires(alert, held(QUIET, XID % xid, since=2))


def test_an_agent_that_has_just_begun_without_driver_gateway_or_probes_fires_only_what_it_lacks():
    fresh = PrometheusMetrics(version="1").text().decode().splitlines()
    kept = held("\n".join(line for line in fresh if not line.startswith("#")))

    assert [name for name in RULES if fires(name, kept)] == ["SentinelNodeKernelLogNotFollowed"]


def test_a_node_that_works_shows_every_panel_something():
    metrics = PrometheusMetrics(version="1")
    for name, metric in METRICS.items():
        labels = {label: PLACE.get(label, "79") for label in metric.labels}
        {Sort.COUNTER: metrics.add, Sort.GAUGE: metrics.set, Sort.HISTOGRAM: metrics.observe}[metric.sort](
            name, 1, **labels
        )
    kept = held("\n".join(line for line in metrics.text().decode().splitlines() if not line.startswith("#")))

    assert [query for query in QUERIES if not kept.answer(query)] == []


def test_every_rule_has_only_keys_that_prometheus_knows_and_words_for_whoever_is_woken():
    for name, rule in RULES.items():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, name
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}, name
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}, name
        assert all(len(words) > 20 for words in rule["annotations"].values()), name
        assert re.fullmatch(r"\d+m", rule.get("for", "1m")), name


def test_settings_that_runbooks_name_exist():
    words = " ".join(rule["annotations"]["runbook"] for rule in RULES.values())
    named = {word for word in re.findall(r"\b[a-z]+_[a-z_]+\b", words) if word.startswith(("buffer", "overhead"))}

    assert named == {"buffer_mib", "overhead_budget_pct"} <= set(Settings.model_fields)


def test_it_can_be_imported_as_it_is_and_every_panel_has_a_place_of_its_own():
    ids = [panel["id"] for panel in BOARD["panels"]]
    taken: set[tuple[int, int]] = set()

    assert len(ids) == len(set(ids))
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        rows = range(place["y"], place["y"] + place["h"])
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in rows}
        assert place["x"] + place["w"] <= 24
        assert not taken & cells, panel["title"]
        taken |= cells
    assert all("$namespace" in query for query in QUERIES)
    assert all(panel["description"].endswith(".") and panel["fieldConfig"]["defaults"]["unit"] for panel in PANELS)


def test_what_is_scraped_says_which_node_it_is():
    assert "targetLabel: node" in (CHART / "templates" / "node-servicemonitor.yaml").read_text()


@pytest.mark.parametrize("file", ["rules/sentinel-node.yaml", "sentinel-node.json"])
def test_the_chart_makes_them_where_it_runs_sentinel_node(file):
    template = "prometheusrule.yaml" if file.startswith("rules") else "dashboards.yaml"
    text = (CHART / "templates" / template).read_text()

    assert file in text
    assert ".Values.sentinel.node.enabled" in text
