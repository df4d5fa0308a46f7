"""Evidence reports over gRPC: every standard in every format, and what one is made of."""

from __future__ import annotations

import csv
import io
import json
import time
from datetime import datetime, timedelta

import grpc
import pytest
import pytest_asyncio
from tests.sentinel_gateway.driving import WITHIN_S, Client, batch, execution, settings

from sentinel.ext.v1 import ledger_pb2
from sentinel_gateway.app.running import running_gateway

SOC2, ISO = ledger_pb2.REPORT_KIND_SOC2, ledger_pb2.REPORT_KIND_ISO27001
JSON, CSV, HTML = (ledger_pb2.REPORT_FORMAT_JSON, ledger_pb2.REPORT_FORMAT_CSV, ledger_pb2.REPORT_FORMAT_HTML)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(tmp_path_factory):
    async with (
        running_gateway(settings(tmp_path_factory.mktemp("gateway"))) as gateway,
        grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel,
    ):
        client = Client(channel)
        await client.report(batch(execution(2, execution_id="<script>")))
        yield client


def _asked(kind: int, form: int, *, ago_s: int | None = 3600) -> ledger_pb2.GenerateReportRequest:
    request = ledger_pb2.GenerateReportRequest(
        kind=ledger_pb2.ReportKind.ValueType(kind), format=ledger_pb2.ReportFormat.ValueType(form)
    )
    if ago_s is not None:
        request.start_time.FromSeconds(int(time.time()) - ago_s)
    return request


async def _report(client, kind: int, form: int) -> str:
    call = client.ledger.GenerateReport(_asked(kind, form), timeout=WITHIN_S)
    return b"".join([chunk.content async for chunk in call]).decode()


@pytest.mark.parametrize(("kind", "named"), [(SOC2, "soc2"), (ISO, "iso27001")], ids=["SOC 2", "ISO 27001"])
async def test_every_standard_comes_in_every_format(client, kind, named):
    as_json = json.loads(await _report(client, kind, JSON))
    as_csv = list(csv.reader(io.StringIO(await _report(client, kind, CSV))))
    as_html = await _report(client, kind, HTML)

    assert named in json.dumps(as_json)
    assert len(as_csv) > 10
    assert as_html.startswith("<!DOCTYPE html>")
    assert as_html.rstrip().endswith("</html>")
    assert "<script" not in as_html


async def test_a_report_without_a_period_covers_the_90_days_up_to_now(client):
    call = client.ledger.GenerateReport(_asked(SOC2, JSON, ago_s=None), timeout=WITHIN_S)
    window = json.loads(b"".join([chunk.content async for chunk in call]))["window"]

    start, end = (datetime.fromisoformat(window[name]) for name in ("start", "end"))
    assert end - start == timedelta(days=90)
    assert abs(end.timestamp() - time.time()) < 60


async def test_how_the_gateway_was_started_is_reported(client):
    figures = json.dumps(json.loads(await _report(client, SOC2, JSON)))

    assert '"insecure_start"' in figures, "a start without access control is a finding"


@pytest.mark.parametrize(
    "request_",
    [_asked(9, JSON), _asked(0, JSON), _asked(SOC2, 9), _asked(SOC2, JSON, ago_s=-3600)],
    ids=["unknown kind", "no kind", "unknown format", "in the future"],
)
async def test_a_report_that_cannot_be_is_refused(client, request_):
    call = client.ledger.GenerateReport(request_, timeout=WITHIN_S)

    assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_whoever_reads_a_report_slowly_holds_up_nobody(client):
    slow = client.ledger.GenerateReport(_asked(SOC2, HTML), timeout=WITHIN_S)
    await slow.read()

    assert await _report(client, ISO, JSON)
    slow.cancel()
