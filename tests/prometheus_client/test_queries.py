"""What the Prometheus client returns, and in whose words it fails."""

import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from gcm_sentinel.clients.prometheus import PrometheusClient, parse_result
from gcm_sentinel.domain.errors import BadResponse, Forbidden, Overloaded, Rejected, Unreachable

T0 = datetime(2026, 11, 20, 20, tzinfo=UTC)


async def test_an_instant_query_keeps_labels_values_and_type(upstream, prometheus):
    upstream.vector(({"__name__": "up", "job": "dcgm"}, "1"), ({"__name__": "up", "job": "node"}, "NaN"))

    result = await prometheus.query("up")

    assert result.result_type == "vector"
    assert result.series[0].labels == {"__name__": "up", "job": "dcgm"}
    assert result.series[0].points == ((1000.5, 1.0),)
    assert math.isnan(result.series[1].points[0][1])


async def test_a_query_at_a_moment_sends_that_moment(upstream, prometheus):
    upstream.vector()

    await prometheus.query("up", at=T0)

    method, path, sent = upstream.requests[0]
    assert (method, path, sent["query"]) == ("POST", "/api/v1/query", "up")
    assert float(sent["time"]) == T0.timestamp()


async def test_a_range_query_returns_all_points(upstream, prometheus):
    rows = [{"metric": {"gpu": "3"}, "values": [[10, "1"], [40, "2.5"]]}]
    upstream.will_answer({"status": "success", "data": {"resultType": "matrix", "result": rows}})

    result = await prometheus.query_range("x", T0, T0 + timedelta(hours=1), timedelta(seconds=30))

    assert result.series[0].points == ((10.0, 1.0), (40.0, 2.5))
    assert upstream.requests[0][2]["step"] == "30s"


async def test_a_scalar_is_one_series_without_labels(upstream, prometheus):
    upstream.will_answer({"status": "success", "data": {"resultType": "scalar", "result": [5, "42"]}})

    result = await prometheus.query("42")

    assert result.series[0].points == ((5.0, 42.0),)


async def test_warnings_and_infos_reach_the_caller(upstream, prometheus):
    upstream.vector(warnings=["results may be partial"], infos=["metric might not be a counter"])

    result = await prometheus.query("rate(x[5m])")

    assert result.warnings == ("results may be partial", "metric might not be a counter")


async def test_a_bad_query_fails_in_prometheus_own_words(upstream, prometheus):
    words = 'invalid parameter "query": 1:5: parse error: unclosed left parenthesis'
    upstream.will_answer({"status": "error", "errorType": "bad_data", "error": words}, status=400)

    with pytest.raises(Rejected, match="unclosed left parenthesis"):
        await prometheus.query("sum(")
    assert len(upstream.requests) == 1


async def test_an_overloaded_prometheus_is_asked_again(upstream, prometheus):
    upstream.will_answer("busy", status=503)
    upstream.vector(({}, "1"))

    result = await prometheus.query("up")

    assert len(result.series) == 1
    assert len(upstream.requests) == 2


async def test_gives_up_after_three_tries(upstream, prometheus):
    upstream.will_answer("busy", status=503)

    with pytest.raises(Overloaded):
        await prometheus.query("up")
    assert len(upstream.requests) == 3


async def test_does_not_wait_longer_than_it_may_however_long_it_is_asked_to(upstream, prometheus):
    upstream.will_answer("busy", status=429)
    upstream.headers["Retry-After"] = "3600"

    with pytest.raises(Overloaded):
        await prometheus.query("up")
    assert len(upstream.requests) == 1


async def test_a_query_that_times_out_inside_prometheus_is_retryable(upstream, connect):
    upstream.will_answer({"status": "error", "errorType": "timeout", "error": "query timed out"}, status=503)

    with pytest.raises(Unreachable, match="query timed out"):
        await connect(upstream.url).query("up")


async def test_a_forbidden_prometheus_says_so(upstream, prometheus):
    upstream.will_answer("no token", status=403)

    with pytest.raises(Forbidden, match="no token"):
        await prometheus.query("up")


async def test_a_closed_port_is_unreachable(connect, unused_tcp_port):
    with pytest.raises(Unreachable, match="cannot reach Prometheus"):
        await connect(f"http://127.0.0.1:{unused_tcp_port}").query("up")


@pytest.mark.parametrize(
    "body",
    ["<html>", {"status": "success"}, {"data": {}}, {"status": "success", "data": {"resultType": "vector"}}, "[]"],
    ids=["html", "no data", "no status", "no result", "a list"],
)
async def test_what_is_not_prometheus_is_a_bad_response(upstream, prometheus, body):
    upstream.will_answer(body)

    with pytest.raises(BadResponse):
        await prometheus.query("up")


async def test_series_label_values_and_metadata(upstream, prometheus):
    upstream.will_answer({"status": "success", "data": [{"__name__": "up", "job": "a"}]})
    upstream.will_answer({"status": "success", "data": ["a", "b"]})
    upstream.will_answer({"status": "success", "data": {"up": [{"type": "gauge", "help": "Is it up", "unit": ""}]}})

    series = await prometheus.series(["up"], T0, T0 + timedelta(hours=1))
    values = await prometheus.label_values("job")
    metadata = await prometheus.metadata("up")

    assert series == ({"__name__": "up", "job": "a"},)
    assert values == ("a", "b")
    assert (metadata[0].type, metadata[0].help) == ("gauge", "Is it up")


async def test_is_up_is_true_for_a_prometheus_and_false_for_silence(upstream, prometheus, connect, unused_tcp_port):
    upstream.vector(({}, "1"))

    assert await prometheus.is_up() is True
    assert await connect(f"http://127.0.0.1:{unused_tcp_port}").is_up() is False


async def test_headers_are_sent_and_stay_out_of_messages(upstream):
    upstream.will_answer("nope", status=401)
    client = PrometheusClient(upstream.url, headers={"Authorization": "Bearer hunter2"})

    with pytest.raises(Forbidden) as caught:
        await client.query("up")

    assert "hunter2" not in str(caught.value)
    await client.aclose()


def test_a_native_histogram_row_without_values_is_an_empty_series():
    body = {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "histograms": []}]}}

    assert parse_result(body).series[0].points == ()


def test_the_vendor_library_is_not_imported_before_the_first_query():
    code = "import sys, gcm_sentinel.clients.prometheus; sys.exit('requests' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 (our own interpreter)
