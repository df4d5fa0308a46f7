"""A whole node over its settings: what it serves, what it says is missing, its metrics, and its end."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from pathlib import Path

import grpc
import pytest
from tests.node_kernel.conftest import XID_79, KernelBuffer
from tests.node_service.doubles import WITHIN_S

from sentinel.node.v1 import node_pb2, node_pb2_grpc
from sentinel_node.app import machine
from sentinel_node.app.loading import load
from sentinel_node.app.serve import Running, running
from sentinel_node.app.software import SoftwareTelemetry
from sentinel_node.device.opening import software_gpus
from sentinel_node.domain.errors import BadConfiguration
from sentinel_node.domain.metrics import METRICS
from sentinel_node.kernel.log import KernelLog

QUIET = {"listen": "127.0.0.1:0", "metrics_listen": "127.0.0.1:0", "schedule": "off", "node_name": "node-1"}


def settings(**more):
    return load({}, QUIET | more)


@pytest.fixture
async def node():
    async with running(settings(software_gpus=2)) as node:
        yield node


async def fetched(node: Running, path: str) -> str:
    def fetch() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{node.metrics_port}{path}", timeout=WITHIN_S) as answer:
            return str(answer.read(), "utf-8")

    return await asyncio.to_thread(fetch)


async def described(node: Running) -> node_pb2.NodeDescription:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{node.port}") as channel:
        return await node_pb2_grpc.NodeServiceStub(channel).DescribeNode(node_pb2.DescribeNodeRequest())


async def test_gpus_in_software_are_described_as_such(node):
    told = await described(node)

    assert (told.node_name, [gpu.device_index for gpu in told.gpus]) == ("node-1", [0, 1])
    assert {gpu.model for gpu in told.gpus} == {"software"}
    assert told.permission == node_pb2.PROBE_PERMISSION_LIGHT


async def test_a_machine_without_driver_says_what_is_missing_and_serves_the_rest():
    async with running(settings()) as node:
        told = await described(node)

    missing = {part.name: part.missing for part in told.parts if not part.is_available}
    assert {"probes", "telemetry"} <= set(missing)
    assert "cuda" in missing["probes"].lower() or "driver" in missing["probes"]
    assert "driver" in missing["telemetry"]
    assert not {"diagnostics", "processes"} & set(missing)


async def test_every_metric_that_has_no_label_is_there_from_the_start(node):
    text = await fetched(node, "/metrics")

    unlabelled = [name for name, metric in METRICS.items() if not metric.labels]
    assert [name for name in unlabelled if f"\n{name} " not in text] == []
    assert 'sentinel_node_info{version="' in text


async def test_the_kubelet_hears_that_it_lives_and_is_ready(node):
    assert (await fetched(node, "/livez"), await fetched(node, "/readyz")) == ("alive\n", "ready\n")


async def test_there_is_nothing_else_over_http(node):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        await fetched(node, "/")


async def test_without_an_address_there_are_no_metrics():
    async with running(settings(software_gpus=1, metrics_listen="")) as node:
        assert node.metrics_port is None


async def test_a_port_that_is_taken_is_said_by_its_setting(node):
    with pytest.raises(BadConfiguration, match="metrics_listen"):
        async with running(settings(software_gpus=1, metrics_listen=f"127.0.0.1:{node.metrics_port}")):
            pass


@pytest.mark.parametrize("name", ["tokens_file", "gateway_token_file", "hmac_key_file", "gateway_ca_file"])
async def test_a_file_that_cannot_be_read_ends_the_start(name, tmp_path):
    wanted = settings(software_gpus=1, gateway="127.0.0.1:1", buffer_dir=tmp_path, **{name: tmp_path / "missing"})

    with pytest.raises(BadConfiguration, match="missing"):
        async with running(wanted):
            pass


async def test_a_gateway_that_is_away_keeps_nobody_waiting(tmp_path):
    wanted = settings(software_gpus=1, gateway="127.0.0.1:1", gateway_plaintext=True, buffer_dir=tmp_path)

    async with asyncio.timeout(WITHIN_S), running(wanted) as node:
        assert (await described(node)).node_name == "node-1"


async def test_a_probe_that_nobody_asked_for_keeps_the_process_waiting_as_well(node):
    idle = node.work.is_probing

    with node.machine.leases.held("GPU-1", "the schedule (fma)"):
        assert (idle, node.work.is_probing, node.work.is_under_way) == (False, True, True)


async def test_a_surprise_in_the_first_look_keeps_no_part_from_being_served(monkeypatch):
    def samples(_):
        raise ValueError("a field of a new driver")

    monkeypatch.setattr(SoftwareTelemetry, "samples", samples)

    async with running(settings(software_gpus=1)) as node:
        assert await fetched(node, "/readyz") == "ready\n"


@pytest.mark.slow
async def test_a_probe_on_a_gpu_in_software_passes_and_is_counted(node):
    gpu = (await described(node)).gpus[1].uuid
    request = node_pb2.ProbeRequest(kind=node_pb2.PROBE_KIND_FMA, gpu_uuid=gpu, variant="fp32")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{node.port}") as channel:
        told = [event async for event in node_pb2_grpc.NodeServiceStub(channel).RunProbe(request)]

    assert (told[-1].report.outcome, told[-1].report.passed) == (node_pb2.PROBE_OUTCOME_PASS, 132)
    counted = 'sentinel_probe_executions_total{probe_type="fma",result="pass"} 132.0'
    assert counted in await fetched(node, "/metrics")


async def test_an_xid_that_is_printed_while_it_serves_becomes_a_metric(monkeypatch, tmp_path):
    buffer = KernelBuffer(tmp_path / "kmsg")
    monkeypatch.setattr(machine, "MachinesLog", lambda journal: KernelLog(journal, buffer.path))
    wanted = settings(software_gpus=1, state_dir=tmp_path / "state")
    place = software_gpus(1)[0]
    labels = f'gpu_uuid="{place.uuid}",pci_bus_id="{place.pci_bus_id}",xid="79"'

    async with asyncio.timeout(WITHIN_S), running(wanted) as node:
        buffer.print(XID_79.replace("0000:9b:00", place.pci_bus_id[:-2]))
        while f"sentinel_kernel_xid_total{{{labels}}} 1.0" not in (text := await fetched(node, "/metrics")):  # noqa: ASYNC110  metrics tell nobody
            await asyncio.sleep(0.01)
    buffer.close()

    assert "sentinel_kernel_log_followed 1.0" in text


def test_every_metric_is_in_the_guide():
    guide = (Path(__file__).resolve().parents[2] / "docs" / "node.md").read_text()

    assert [name for name in METRICS if f"`{name}`" not in guide] == []
