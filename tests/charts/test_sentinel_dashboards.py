"""The four dashboards of SENTINEL show what a gateway was fed, and nothing that it does not measure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from tests.charts.conftest import CHART
from tests.charts.fed_gateway import BAD, FAILURES, GPUS, OTHERS, SMS, SUSPICIOUS, VARIABLES, Scraped, scraped
from tests.charts.promql import selectors

NAMES = ("fleet-health", "gpu-deep-dive", "correlation-engine", "audit-ledger")
BOARDS: Mapping[str, Any] = {
    name: json.loads((CHART / "dashboards" / f"sentinel-{name}.json").read_text()) for name in NAMES
}
RULES = yaml.safe_load((CHART / "rules" / "sentinel.yaml").read_text())["groups"][0]["rules"]
EXTRAPOLATED = 0.15
"""By so much an increase may be more than was counted: Prometheus fills up the window to its ends."""
RESTARTS = {"sentinel_refused_calls", "sentinel_grpc_streams_ended", "sentinel_events_refused"}
"""Counters whose series begin with their first count, which an increase does not see."""
STORED = {"sentinel_audit_entries", "sentinel_audit_batches", "sentinel_gpu_probe_failures", "sentinel_gpu_anomalies"}
"""Counters that go on after a restart."""
SWEPT = FAILURES * (GPUS + OTHERS) * SMS


def panels(board: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries() -> Iterator[tuple[str, str, str]]:
    """Dashboard, title and expression of every query."""
    for name, board in BOARDS.items():
        for panel in panels(board):
            for target in panel["targets"]:
                yield name, panel["title"], target["expr"]


def filled(text: str) -> str:
    for variable, value in VARIABLES.items():
        text = text.replace(variable, value)
    return text


@pytest.fixture(scope="module")
def held(tmp_path_factory) -> Scraped:
    """What Prometheus holds of the gateway."""
    return scraped(tmp_path_factory.mktemp("gateway"))


def shown(held: Scraped, dashboard: str, title: str) -> dict[str, float]:
    """What a panel shows, all its queries together."""
    found: dict[str, float] = {}
    for name, panel, expression in queries():
        if (name, panel) == (dashboard, title):
            found |= held.answer(expression)
    return found


def test_every_query_of_every_panel_shows_something(held: Scraped):
    empty = [(name, title, text) for name, title, text in queries() if not held.answer(text)]

    assert empty == []


def test_no_panel_and_no_rule_asks_for_a_metric_that_does_not_exist(held: Scraped):
    expressions = [filled(text) for _, _, text in queries()] + [rule["expr"] for rule in RULES]

    asked = {selector.name for text in expressions for selector in selectors(text)}

    assert asked
    assert asked - held.names() == set()


@pytest.mark.parametrize(
    ("dashboard", "title", "values"),
    [
        ("fleet-health", "GPUs", {"": GPUS + OTHERS}),
        ("fleet-health", "Healthy", {"": GPUS + OTHERS - 3}),
        ("fleet-health", "Suspect", {"": 1}),
        ("fleet-health", "Quarantined", {"": 1}),
        ("fleet-health", "In deep test", {"": 1}),
        ("fleet-health", "Condemned", {"": 0}),
        ("fleet-health", "GPUs that were probed", {"": GPUS + OTHERS}),
        ("fleet-health", "Quarantined so far", {"": 2}),
        ("fleet-health", "Dissents", {"": 1}),
        ("fleet-health", "Inference anomalies", {"": 1}),
        ("fleet-health", "Anomalies", {"LOGIT_DRIFT": 1}),
        ("fleet-health", "Hosts that probe less", {"": 0}),
        ("gpu-deep-dive", "Failed probes", {"": FAILURES + SUSPICIOUS}),
        ("gpu-deep-dive", "State", {"": 4}),
        ("gpu-deep-dive", "GPUs that were probed", {"node-1": GPUS, "node-2": OTHERS}),
        ("correlation-engine", "Events taken", {"": SWEPT + 1}),
        ("correlation-engine", "Refused events", {"anomaly clock": 1}),
        ("audit-ledger", "Verifies", {"": 1}),
        ("audit-ledger", "Pending", {"": 0}),
    ],
)
def test_a_count_is_what_was_fed(held: Scraped, dashboard, title, values):
    assert {name: value for name, value in shown(held, dashboard, title).items() if value or name in values} == (
        pytest.approx(values, rel=EXTRAPOLATED)
    )


@pytest.mark.parametrize(
    ("dashboard", "title", "label", "value"),
    [
        ("fleet-health", "Failed probes", "FMA", FAILURES + SUSPICIOUS),
        ("fleet-health", "Mean duration of a probe", "FMA", (FAILURES * GPUS * SMS * 0.01) / SWEPT),
        ("fleet-health", "Canaries", "DISSENT", 1),
        ("fleet-health", "Directives", "executed", 3),
        ("fleet-health", "Changes of state", "QUARANTINE", 2),
        ("fleet-health", "Hosts with the highest overhead", "node-1", 100 * FAILURES * SMS * 0.01 / 600),
        ("correlation-engine", "Batches", "probe", 2 * FAILURES),
        ("correlation-engine", "Batches", "anomaly", 1),
    ],
)
def test_a_line_of_a_panel_is_what_was_fed(held: Scraped, dashboard, title, label, value):
    assert shown(held, dashboard, title)[label] == pytest.approx(value, rel=EXTRAPOLATED)


def test_the_gpu_that_failed_is_the_one_that_the_deep_dive_shows(held: Scraped):
    lines = shown(held, "gpu-deep-dive", "Failed probes by GPU")

    assert {gpu: count for gpu, count in lines.items() if count} == {held.gpu: FAILURES, "GPU-node-2-0": SUSPICIOUS}
    assert held.gpu.endswith(f"-{BAD}")


def test_series_grow_with_gpus_and_hosts_and_never_with_sms(held: Scraped):
    labels = [dict(key) for key in held.points]

    assert sum("gpu" in one for one in labels) <= 5 * (GPUS + OTHERS)
    assert sum("hostname" in one and "gpu" not in one for one in labels) <= 3 * 2
    assert not any("sm" in name for one in labels for name in one)


def test_no_panel_shows_a_counter_that_begins_anew_with_every_start():
    raw = [
        (name, title)
        for name, title, text in queries()
        for counter in re.findall(r"(sentinel_\w+)_total", re.sub(r"(rate|increase)\([^)]*\)", "", text))
        if counter not in RESTARTS | STORED
    ]

    assert raw == []


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_imported_as_it_is(name):
    board = BOARDS[name]
    ids = [panel["id"] for panel in board["panels"]]
    loose = [text for where, _, text in queries() if where == name and "$namespace" not in text]

    assert len(ids) == len(set(ids))
    assert {panel["datasource"]["uid"] for panel in panels(board)} == {"${datasource}"}
    assert all(
        panel["description"].endswith(".") and panel["fieldConfig"]["defaults"]["unit"] for panel in panels(board)
    )
    assert loose == []
    assert len({one["uid"] for one in BOARDS.values()}) == len(BOARDS)


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_has_a_place_of_its_own(name):
    taken: set[tuple[int, int]] = set()
    for panel in BOARDS[name]["panels"]:
        place = panel["gridPos"]
        columns, rows = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        cells = {(x, y) for x in columns for y in rows}
        assert columns.stop <= 24
        assert not taken & cells, panel["title"]
        taken |= cells


def test_the_documented_operational_alerts_are_all_there_and_quiet_here(held: Scraped):
    firing = {rule["alert"]: held.answer(rule["expr"]) for rule in RULES}

    assert {name for name, found in firing.items() if found} == set()
    assert set(firing) == {
        "SentinelGatewayAbsent",
        "SentinelAgentSilent",
        "SentinelQueueFilling",
        "SentinelProcessingSlow",
        "SentinelAuditChainBroken",
        "SentinelAuditWritesStalled",
        "SentinelProbeOverheadHigh",
    }
