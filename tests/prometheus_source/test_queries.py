"""`query_prometheus`: values, shapes, absence, and failures in words."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.prometheus_source.conftest import scope_of

from gcm_sentinel.clients.prometheus import PrometheusClient
from gcm_sentinel.domain.evidence import Evidence, ResultStatus
from gcm_sentinel.domain.observed import Observed
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.remediation.naming import by_uuid


async def test_an_instant_query_gives_values_and_entities(served):
    place = await served()

    result = await place.call("query_prometheus", query=f'DCGM_FI_DEV_GPU_TEMP{{Hostname="{place.node}"}}')

    assert result.status is ResultStatus.OK
    assert result.summary["series_total"] == 8
    assert all(20 < row["value"] < 100 for row in result.summary["series"])
    assert place.node in {entity.name for entity in result.entities}


async def test_what_a_query_relabels_may_be_cited_and_names_no_gpu_that_is_acted_on(served):
    place = await served()
    five = f'DCGM_FI_DEV_GPU_TEMP{{Hostname="{place.node}",gpu="5"}}'

    shown = await place.call("query_prometheus", query=f'label_replace({five}, "gpu", "3", "", "")')

    now, incident = datetime.now(UTC), scope_of(place.node).incident
    gathered = (Evidence("E1", "prometheus", "query_prometheus", {}, shown, now, "d"),)
    assert 3 in {entity.index for entity in Observed.of(incident, gathered).entities}
    with pytest.raises(ValueError, match="no evidence shows the UUID of GPU 3"):
        by_uuid(ToolCall("c", "reset_gpu", {"gpu_index": 3, "node_name": place.node}), Scope(incident, gathered))


async def test_a_duration_gives_the_shape_of_each_series(served):
    place = await served()

    result = await place.call(
        "query_prometheus", query=f'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{Hostname="{place.node}"}}', duration="1h"
    )

    stats = result.summary["series"][0]["stats"]
    assert stats["points"] <= 242
    assert stats["delta"] > 0
    assert stats["resets"] == 0
    assert result.raw.startswith('{"resultType":"matrix","result":[{"metric":')


async def test_series_above_the_cap_are_counted(served):
    place = await served()

    result = await place.call("query_prometheus", query='{__name__=~"DCGM_FI_DEV_.*",gpu=~"[0-7]"}')

    assert len(result.summary["series"]) == 40 < result.summary["series_total"]


async def test_nothing_found_is_absence_and_says_that_it_is_not_zero(served):
    place = await served()

    result = await place.call("query_prometheus", query="no_such_metric")

    assert result.status is ResultStatus.NO_DATA
    assert "not zero" in result.note


async def test_a_bad_query_comes_back_in_prometheus_words(served):
    place = await served()

    result = await place.call("query_prometheus", query="sum(")

    assert result.status is ResultStatus.ERROR
    assert "parse error" in result.note


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("query_prometheus", {}),
        ("query_prometheus", {"query": ""}),
        ("query_prometheus", {"query": "up", "duration": "soon"}),
        ("query_prometheus", {"query": "up", "duration": "30d"}),
        ("compare_gpu_metrics", {"node_name": 'x"} or up{a="'}),
        ("compare_gpu_metrics", {"metrics": ["a b"]}),
        ("compare_gpu_metrics", {"metrics": [f"m{n}" for n in range(99)]}),
        ("divine", {}),
    ],
    ids=["no query", "empty query", "no duration", "too long", "injection", "no metric name", "too many", "no tool"],
)
async def test_wrong_arguments_are_answered_in_words(source_of, ask, tool, arguments):
    result = await ask(source_of(PrometheusClient("http://127.0.0.1:1")), tool, **arguments)

    assert result.status is ResultStatus.ERROR
    assert result.note


async def test_without_a_prometheus_the_source_says_how_to_set_one(source_of, ask):
    source = source_of(None)

    result = await ask(source, "compare_gpu_metrics")
    availability = await source.is_available()

    assert result.status is ResultStatus.UNAVAILABLE
    assert "GCM_SENTINEL_PROMETHEUS_URL" in result.note
    assert (availability.usable, availability.reason) == (False, "no Prometheus is configured")


async def test_an_unreachable_prometheus_is_unavailable(source_of, ask, unused_tcp_port):
    client = PrometheusClient(f"http://127.0.0.1:{unused_tcp_port}", retry_for=timedelta(seconds=0.1))
    source = source_of(client)

    result = await ask(source, "query_prometheus", query="up")

    assert result.status is ResultStatus.UNAVAILABLE
    assert "cannot reach Prometheus" in result.note
    available = await source.is_available()
    assert (available.usable, available.broken) == (False, True)


@pytest.mark.parametrize(
    "metrics",
    ["GPU_TEMP, XID_ERRORS", '["GPU_TEMP", "XID_ERRORS"]', ["GPU_TEMP", " XID_ERRORS "]],
    ids=["commas", "json-text", "list"],
)
async def test_a_list_may_come_as_text(served, metrics):
    place = await served()

    result = await place.call("compare_gpu_metrics", metrics=metrics)

    assert {row["metric"] for row in result.summary["metrics"]} == {"DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_XID_ERRORS"}
