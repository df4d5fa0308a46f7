"""`get_gcm_health`: check conditions and node-problem-detector's metrics, of exactly this node."""

from __future__ import annotations

import pytest

from gcm_sentinel.datasources import gcm_health
from sentinel_fleet.kube import Deny

TOOL = "get_gcm_health"
OK_LINE = (
    "ecc_corrected_volatile_total check: exit_code: ExitCode.OK, all GPUs have ECC errors below the threshold of 1."
)
ADDRESS = {"addresses": [{"type": "InternalIP", "address": "10.12.0.17"}, {"type": "Hostname", "address": "gpu-1"}]}


@pytest.fixture
def checked(cluster, bad):
    cluster.node(
        "gpu-1",
        bad("Ready", "True"),
        bad("MemoryPressure", "False"),
        bad("GcmSmiEccProblem", message=OK_LINE),
        bad("GcmPciProblem", "False"),
        bad("SiteThing"),
        status=ADDRESS,
    )


async def test_shows_check_conditions_with_their_messages_parsed(checked, ask):
    result = await ask(gcm_health, TOOL)

    assert [entry["type"] for entry in result.summary["conditions"]] == ["GcmSmiEccProblem", "GcmPciProblem"]
    assert result.summary["conditions"][0]["parsed"]["contradicts"]
    assert OK_LINE in result.raw


async def test_shows_problem_metrics_of_the_node_raised_ones_first(cluster, checked, ask):
    quiet = {"__name__": "problem_gauge", "type": "GcmPciProblem", "reason": "PciFailed", "node": "gpu-1"}
    raised = {"__name__": "problem_gauge", "type": "GcmSmiEccProblem", "reason": "EccFailed", "node": "gpu-1"}
    cluster.prometheus.says('node="gpu-1"', "problem_gauge|problem_counter", series=[(quiet, 0.0), (raised, 1.0)])

    summary = (await ask(gcm_health, TOOL)).summary

    assert summary["metrics_status"] == "ok"
    assert [(entry["reason"], entry["value"]) for entry in summary["problem_metrics"]] == [
        ("EccFailed", 1.0),
        ("PciFailed", 0.0),
    ]


async def test_matches_instances_exactly_by_name_and_address(cluster, checked, ask):
    await ask(gcm_health, TOOL)

    asked = [query for query in cluster.prometheus.queries if "instance" in query and "problem" in query]
    assert asked == ['{__name__=~"problem_gauge|problem_counter",instance=~"(?:gpu-1|10[.]12[.]0[.]17)(?::[0-9]+)?"}']


async def test_no_metrics_is_not_the_same_as_no_problem(checked, ask):
    result = await ask(gcm_health, TOOL)

    assert (result.status, result.summary["metrics_status"]) == ("ok", "no_data")
    assert "no problem_gauge" in result.note


async def test_a_broken_prometheus_leaves_the_conditions(cluster, checked, ask):
    cluster.prometheus.broken = True

    result = await ask(gcm_health, TOOL)

    assert (result.status, result.summary["metrics_status"]) == ("ok", "error")
    assert len(result.summary["conditions"]) == 2
    assert "could not be read" in result.note


async def test_without_prometheus_it_says_so(checked, ask, without_prometheus):
    result = await ask(gcm_health, TOOL, context=without_prometheus)

    assert result.summary["metrics_status"] == "unavailable"
    assert "no Prometheus is configured" in result.note


async def test_a_node_without_any_check_is_no_data(cluster, ask, bad):
    cluster.node("gpu-1", bad("Ready", "True"))

    assert (await ask(gcm_health, TOOL)).status == "no_data"


async def test_a_missing_node_and_missing_rights_are_told_apart(cluster, ask):
    missing = await ask(gcm_health, TOOL)
    cluster.denied.append(Deny(resources=("nodes",)))
    refused = await ask(gcm_health, TOOL)

    assert (missing.status, refused.status) == ("no_data", "unavailable")
