"""A whole node over GPUs in software: deep probes one after the other, and its end while one runs."""

from __future__ import annotations

import grpc
import pytest
from tests.node_service.doubles import WITHIN_S
from tests.node_service.test_a_node_in_this_process import described, settings

from sentinel.node.v1 import node_pb2, node_pb2_grpc
from sentinel_node.app import serve
from sentinel_node.app.machine import seams_of
from sentinel_node.probes.software.faults import StuckBit
from sentinel_node.reporting.packing import unpacked
from sentinel_node.reporting.settings import BufferSettings
from sentinel_node.reporting.spool import Spool
from sentinel_sdk.types import ProbeResult

pytestmark = pytest.mark.slow
LONG_S = 3 * WITHIN_S


async def deep(node, **more) -> node_pb2.ProbeRequest:
    gpu = (await described(node)).gpus[0].uuid
    kind, depth = node_pb2.PROBE_KIND_FMA, node_pb2.PROBE_DEPTH_DEEP
    return node_pb2.ProbeRequest(kind=kind, variant="fp32", gpu_uuid=gpu, depth=depth, **more)


async def test_a_second_deep_probe_does_not_take_the_first_for_a_tenant():
    outcomes = []
    async with serve.running(settings(software_gpus=1, probes="deep")) as node:
        request = await deep(node, repetitions=1)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{node.port}") as channel:
            for _ in range(2):
                call = node_pb2_grpc.NodeServiceStub(channel).RunProbe(request, timeout=LONG_S)
                outcomes.append([event async for event in call][-1].report.outcome)

    assert outcomes == [node_pb2.PROBE_OUTCOME_PASS] * 2


async def test_a_failure_that_was_seen_when_it_is_told_to_end_is_in_the_buffer(tmp_path, monkeypatch):
    fault = (StuckBit(sm=3, bit=7),)
    monkeypatch.setattr(serve, "seams_of", lambda settings, opened: seams_of(settings, opened, fault))
    away = {"gateway": "127.0.0.1:1", "gateway_plaintext": True, "buffer_dir": tmp_path, "stop_grace_seconds": LONG_S}
    async with serve.running(settings(software_gpus=1, probes="deep", **away)) as node:
        request = await deep(node, soak_seconds=50, deadline_seconds=60)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{node.port}") as channel:
            call = node_pb2_grpc.NodeServiceStub(channel).RunProbe(request, timeout=LONG_S)
            async for event in call:
                if event.HasField("progress"):
                    break

    with Spool(BufferSettings(tmp_path)) as spool:
        kept = [one for record in spool.read(0, 100) for one in unpacked(record.number, record.content).executions]
    assert [(one.result, one.sm and one.sm.sm_id) for one in kept] == [(ProbeResult.FAIL, 3)]
