"""A gateway that is away, comes back, refuses, or hears everything twice: nothing is lost, nothing counts twice."""

from __future__ import annotations

import asyncio
import time

import pytest
from structlog.testing import capture_logs
from tests.node_reporting.node import GPU, counted, finding, gateway, node, report, until
from tests.node_scheduling.workers import Remembered

from sentinel.v1.probe_pb2 import ProbeExecution
from sentinel_node.domain import metrics
from sentinel_node.domain.errors import BadConfiguration
from sentinel_node.domain.probes import Outcome
from sentinel_node.domain.schedule import DEFAULT
from sentinel_node.reporting.reporter import Reporter
from sentinel_node.reporting.retrying import Retrying
from sentinel_node.reporting.settings import BufferSettings
from sentinel_node.reporting.spool import Spool
from sentinel_sdk import InvalidArgumentError, SentinelClient, TlsConfig
from sentinel_sdk.types import AuditEntryType, AuditQueryFilters

FAIL, FOUND = Outcome.FAIL, AuditEntryType.PROBE_RESULT


def value(one, name, *labels):
    return one.metrics.values[name, *labels]


async def sent_all(one, batches):
    await until(lambda: value(one, metrics.BATCHES_SENT) >= batches and value(one, metrics.BUFFER_DEPTH) == 0)


async def reported(one, count, outcome=FAIL):
    """Reports of a minute each, which nobody hears."""
    async with one.running() as reporter:
        for place in range(count):
            await reporter.report(report(finding(outcome, 7), age_s=60 * (count - place)), GPU)


async def recorded_sms(port):
    """The SMs of all failures, in the order in which the gateway heard of them."""
    async with await SentinelClient.aconnect(f"127.0.0.1:{port}", tls_config=False) as client:
        entries = (await client.aquery_audit_trail(AuditQueryFilters())).entries
    failed = sorted((one for one in entries if one.entry_type is FOUND), key=lambda one: one.entry_id)
    sms = [ProbeExecution.FromString(one.data).sm.sm_id for one in failed]
    return [sm for sm in sms if sm]  # a summary of the passes names none


async def test_what_nobody_heard_waits_for_the_next_start(taking, tmp_path):
    one = node(tmp_path, 1)
    await reported(one, 5)
    kept = one.depth()

    one = node(tmp_path, taking.grpc_port)
    async with one.running():
        await sent_all(one, 5)

    assert (kept, await counted(taking.grpc_port)) == (5, (0, 5))


async def test_each_failure_to_reach_it_is_counted_and_it_says_to_be_unconnected(tmp_path):
    one = node(tmp_path, 1)

    async with one.running() as reporter:
        await reporter.report(report(finding(FAIL, 7)), GPU)
        await until(lambda: value(one, metrics.GRPC_ERRORS, "unavailable") >= 3)

    assert value(one, metrics.GRPC_CONNECTED, "probes") == 0


async def test_a_stream_that_works_hides_no_other_that_does_not(tmp_path):
    told = Remembered()
    settings = node(tmp_path, 1, first_backoff_s=60, longest_backoff_s=60).settings
    probes, telemetry = Retrying("probes", settings, told), Retrying("telemetry", settings, told)

    async def refused():
        raise InvalidArgumentError("what is this?")

    trying = asyncio.ensure_future(probes.forever(refused))
    await until(lambda: told.counts[metrics.GRPC_CONNECTED] == 1)
    telemetry.worked()
    trying.cancel()

    name = metrics.GRPC_CONNECTED
    assert (told.values[name, "probes"], told.values[name, "telemetry"]) == (0, 1)


@pytest.mark.parametrize("groups", [{"probes": {"hmac_key": "secret"}}, {}], ids=["signed", "unsigned"])
async def test_what_was_stored_but_not_acknowledged_is_sent_again_and_counts_once(taking, tmp_path):
    one = node(tmp_path, taking.grpc_port, hmac_key="secret")
    for lives in (1, 2):
        async with one.running() as reporter:
            for sm in range(3):
                await reporter.report(report(finding(FAIL, sm)), GPU)
            await sent_all(one, 3 * lives)
        segments = sorted((tmp_path / "buffer").glob("*.records"))
        (tmp_path / "buffer" / "acknowledged").unlink()

    one = node(tmp_path, taking.grpc_port, hmac_key="another, which signs nothing anew")
    async with one.running():
        await sent_all(one, len(segments))

    assert await counted(taking.grpc_port) == (0, 6)


async def test_a_wrong_clock_is_said_in_words_and_its_batch_is_not_sent_for_ever(taking, tmp_path):
    one = node(tmp_path, taking.grpc_port)
    with capture_logs() as logs:
        async with one.running() as reporter:
            await reporter.report(report(finding(FAIL, 7), age_s=-3600), GPU)
            await reporter.report(report(finding(FAIL, 8)), GPU)
            await until(lambda: value(one, metrics.BATCHES_SENT) == 1)

    (refused,) = [line for line in logs if line["event"] == "probes.refused"]
    assert "s in the future: it says" in refused["reason"]
    assert "check its time synchronisation" in refused["advice"]
    assert (value(one, metrics.BATCHES_REFUSED, "probe", "whole"), one.depth()) == (1, 0)


@pytest.mark.parametrize("groups", [{"probes": {"hmac_key": "theirs"}}], ids=["another key"])
async def test_a_wrong_key_is_said_and_its_batch_is_not_sent_for_ever(taking, tmp_path):
    one = node(tmp_path, taking.grpc_port, hmac_key="ours")
    with capture_logs() as logs:
        async with one.running() as reporter:
            await reporter.report(report(finding(FAIL, 7)), GPU)
            await until(lambda: value(one, metrics.BATCHES_REFUSED, "probe", "whole") == 1)

    assert "hmac_key" in next(line["advice"] for line in logs if line["event"] == "probes.refused")
    assert one.depth() == 0


@pytest.mark.parametrize("groups", [{"probes": {"max_batch": 2}}], ids=["two at most"])
async def test_a_batch_that_ends_every_stream_is_found_and_given_up_and_all_others_arrive(taking, tmp_path):
    one = node(tmp_path, 1)
    async with one.running() as reporter:
        for count in (1, 3, 2):
            await reporter.report(report(*(finding(FAIL, sm) for sm in range(count))), GPU)

    one = node(tmp_path, taking.grpc_port)
    async with one.running():
        await sent_all(one, 2)

    assert await counted(taking.grpc_port) == (0, 3)
    assert value(one, metrics.BATCHES_REFUSED, "probe", "whole") == 1


@pytest.mark.parametrize("groups", [{"probes": {"max_batch": 2}}], ids=["two at most"])
@pytest.mark.parametrize("batches", [1, 3])
async def test_where_no_batch_is_taken_none_is_given_up(taking, tmp_path, batches):
    one = node(tmp_path, taking.grpc_port)
    async with one.running() as reporter:
        for _ in range(batches):
            await reporter.report(report(*(finding(FAIL, sm) for sm in range(3))), GPU)
        await until(lambda: value(one, metrics.GRPC_ERRORS, "invalid_argument") >= 5)

    assert one.depth() == batches


@pytest.mark.parametrize("groups", [{"probes": {"max_batch": 2}}], ids=["two at most"])
async def test_what_was_given_up_is_said_as_soon_as_another_was_taken(taking, tmp_path):
    one = node(tmp_path, taking.grpc_port)
    with capture_logs() as logs:
        async with one.running() as reporter:
            for count in (3, 4, 1):
                await reporter.report(report(*(finding(FAIL, sm) for sm in range(count))), GPU)
            await sent_all(one, 1)

    told = [line for line in logs if line["event"] == "probes.unreadable"]
    assert [(line["batch"], line["results"], line["failures"]) for line in told] == [(1, 3, 3), (2, 4, 4)]
    assert await counted(taking.grpc_port) == (0, 1)


@pytest.mark.slow
async def test_one_that_went_away_and_came_back_hears_everything_in_order_and_once(tmp_path):
    (tmp_path / "gateway").mkdir()
    async with gateway(tmp_path / "gateway") as first:
        port = first.grpc_port
        one = node(tmp_path, port)
        async with one.running() as reporter:
            await reporter.report(report(finding(FAIL, 99), age_s=900), GPU)
            await until(lambda: value(one, metrics.BATCHES_SENT) == 1)

    async with one.running() as reporter:
        for minute in range(1, 11):
            await reporter.report(report(finding(FAIL, minute), age_s=660 - 60 * minute), GPU)
        await until(lambda: value(one, metrics.GRPC_ERRORS, "unavailable") >= 2)
        async with gateway(tmp_path / "gateway", port=port):
            await sent_all(one, 11)

            assert await counted(port) == (0, 11)
            assert await recorded_sms(port) == [99, *range(1, 11)]


async def test_a_report_with_a_failure_is_on_the_disk_when_it_was_taken(tmp_path):
    one = node(tmp_path, 1)
    async with one.running(within_s=3600) as reporter:
        await reporter.report(report(finding(FAIL, 7)), GPU)

        assert len(list((tmp_path / "buffer").glob("*.records"))) == 1


async def test_passes_are_put_together_and_none_is_lost_at_the_end(tmp_path):
    one = node(tmp_path, 1)
    async with one.running(within_s=3600) as reporter:
        await until(lambda: value(one, metrics.GRPC_ERRORS, "unavailable") >= 1)
        for place in range(3):
            await reporter.report(report(*(finding(sm=sm) for sm in range(132)), age_s=place), GPU)
        await until(lambda: value(one, metrics.BUFFER_DEPTH) == 3)

    assert one.depth() == 4


async def test_a_half_full_batch_does_not_wait_for_long(tmp_path):
    one, began = node(tmp_path, 1), time.monotonic()
    async with one.running(within_s=0.05) as reporter:
        await reporter.report(report(), GPU)
        await until(lambda: value(one, metrics.BUFFER_DEPTH) == 1)

    assert time.monotonic() - began >= 0.05


@pytest.mark.parametrize("wrong", [{"tls": TlsConfig("none.pem")}, {"hmac_key": ""}], ids=["certificate", "key"])
async def test_what_cannot_be_used_is_a_setting_to_mend(tmp_path, wrong):
    one = node(tmp_path, 1, **wrong)

    with Spool(BufferSettings(tmp_path)) as spool, pytest.raises(BadConfiguration):
        await Reporter(spool, one.settings, one.metrics).run(DEFAULT, one.steered)
