"""Results, samples and configuration between a node and a real gateway."""

from __future__ import annotations

import pytest
from tests.node_reporting.node import GPU, HOST, counted, finding, node, report, until
from tests.node_reporting.test_readings import KNOWN

from sentinel_node.domain import metrics
from sentinel_node.domain.probes import Outcome, ProbeKind
from sentinel_node.domain.schedule import DEFAULT
from sentinel_sdk import SentinelClient
from sentinel_sdk.types import (
    AuditQueryFilters,
    ConfigUpdate,
    OverheadBudgetUpdate,
    ProbeScheduleEntry,
    ProbeScheduleUpdate,
    ProbeType,
    ThresholdUpdate,
)


def client_of(taking):
    return SentinelClient.aconnect(f"127.0.0.1:{taking.grpc_port}", tls_config=False)


def sent(one):
    return one.metrics.values[metrics.BATCHES_SENT,]


async def test_every_result_is_counted_once(taking, tmp_path):
    one = node(tmp_path, taking.grpc_port)
    async with one.running() as reporter:
        for age_s in (30, 20):
            await reporter.report(report(*(finding(sm=sm) for sm in range(132)), age_s=age_s), GPU)
        await reporter.report(report(finding(Outcome.FAIL, 7), finding(Outcome.ERROR, 8)), GPU)
        await until(lambda: one.metrics.values[metrics.BUFFER_DEPTH,] == 0 and sent(one) >= 3)

    assert await counted(taking.grpc_port) == (264, 1)
    assert (one.depth(), one.metrics.values[metrics.GRPC_CONNECTED, "probes"]) == (0, 1)


async def test_what_did_not_run_is_not_told_at_all(taking, tmp_path):
    one = node(tmp_path, taking.grpc_port)
    async with one.running() as reporter:
        await reporter.report(report(finding(Outcome.NOT_RUN, 3)), GPU)
        await reporter.report(report(finding(sm=4)), GPU)
        await until(lambda: sent(one) == 1)

    assert await counted(taking.grpc_port) == (1, 0)


async def test_the_gateway_knows_the_gpu_by_all_its_names(taking, tmp_path):
    one = node(tmp_path, taking.grpc_port)
    async with one.running() as reporter:
        await reporter.report(report(), GPU)
        await until(lambda: sent(one) == 1)

    async with await client_of(taking) as client:
        gpu = (await client.aquery_gpu_health(GPU.uuid)).gpu
    assert (gpu.hostname, gpu.device_index, gpu.model) == (HOST, 3, GPU.model)
    assert (gpu.driver_version, gpu.firmware_version) == ("550.54.15", "96.00.74.00.01")


async def test_samples_arrive_and_only_the_newest_of_a_gpu_is_kept_for_sending(taking, tmp_path):
    one = node(tmp_path, taking.grpc_port)

    async with one.running() as reporter:
        reporter.samples([KNOWN])
        await until(lambda: one.metrics.values[metrics.GRPC_CONNECTED, "telemetry"] == 1)

    assert one.metrics.values[metrics.BATCHES_REFUSED, "telemetry", "whole"] == 1  # the sample is years old


async def test_a_suspect_is_probed_more_often_because_the_gateway_asks_for_it(taking, tmp_path):
    one = node(tmp_path, taking.grpc_port)
    async with one.running() as reporter:
        for age_s in (120, 60, 1):
            await reporter.report(report(finding(Outcome.FAIL, 7), age_s=age_s), GPU)
        await until(lambda: bool(one.steered.overrides))

    asked = {override.kind: (override.period_s, override.duration_s) for override in one.steered.overrides}
    assert asked[ProbeKind.FMA] == (30, 600)


async def test_a_schedule_and_a_budget_that_are_pushed_are_followed(taking, tmp_path):
    entry = ProbeScheduleEntry(type=ProbeType.AES, period_seconds=90, priority=2, enabled=True, timeout_ms=700)
    off = ProbeScheduleEntry(type=ProbeType.FMA, period_seconds=90, enabled=False)
    one = node(tmp_path, taking.grpc_port)
    async with one.running(), await client_of(taking) as client:
        await client.aupdate_config(ConfigUpdate(probe_schedule=ProbeScheduleUpdate(entries=[entry, off])))
        await client.aupdate_config(ConfigUpdate(overhead_budget=OverheadBudgetUpdate(budget_pct=0.5)))
        await until(lambda: bool(one.steered.schedules and one.steered.budgets))

    (aes,) = one.steered.schedules[-1]
    own = next(entry for entry in DEFAULT if entry.kind is ProbeKind.AES)
    assert (aes.kind, aes.period_s, aes.share, aes.timeout_s) == (ProbeKind.AES, 90, own.share, 0.7)
    assert one.steered.budgets[-1] == 0.5


async def test_what_cannot_be_applied_is_refused_with_the_reason(taking, tmp_path):
    one = node(tmp_path, taking.grpc_port)
    update = ConfigUpdate(threshold=ThresholdUpdate(component="probe_agent", parameter="sigma", value=3))
    async with one.running(), await client_of(taking) as client:
        await client.aupdate_config(update)

        async def is_told() -> bool:
            entries = (await client.aquery_audit_trail(AuditQueryFilters())).entries
            return any(b"no threshold 'sigma'" in entry.data for entry in entries)

        await until(is_told)


@pytest.mark.parametrize("groups", [{"probes": {"hmac_key": "secret"}}], ids=["signed only"])
async def test_results_are_signed_where_the_gateway_wants_it(taking, tmp_path):
    one = node(tmp_path, taking.grpc_port, hmac_key="secret")
    async with one.running() as reporter:
        await reporter.report(report(finding(Outcome.FAIL, 7)), GPU)
        await until(lambda: sent(one) == 1)

    assert await counted(taking.grpc_port) == (0, 1)
