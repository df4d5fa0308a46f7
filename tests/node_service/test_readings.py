"""Telemetry, kernel log, diagnostics and the node's description over the wire."""

from __future__ import annotations

import threading
from dataclasses import replace

import grpc
import pytest
from tests.node_service.conftest import Given, connected
from tests.node_service.doubles import BOOT, GPU, NOW_NS, OTHER, WITHIN_S, GivenDiagnostics, line, sample

from sentinel.node.v1 import node_pb2
from sentinel_node.domain.diagnosis import Diagnosis
from sentinel_node.domain.errors import NotFound, Unavailable


async def refused(call) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details() or ""


async def pages(node, **fields) -> list[node_pb2.KernelLogPage]:
    return [page async for page in node.ReadKernelLog(node_pb2.KernelLogRequest(**fields), timeout=WITHIN_S)]


class TestTelemetry:
    """What the driver says."""

    async def test_what_is_not_told_is_absent_and_not_zero(self, node):
        report = await node.ReadTelemetry(node_pb2.TelemetryRequest(), timeout=WITHIN_S)

        first = report.samples[0]
        assert (first.power_w, first.HasField("power_w")) == (0.0, True)
        assert not first.HasField("fan_speed_pct")
        assert first.memory_errors.sram_volatile.uncorrected == 3
        assert not first.memory_errors.dram_volatile.HasField("uncorrected")
        assert (first.memory_errors.has_remap_failed, first.memory_errors.HasField("has_remap_failed")) == (False, True)

    async def test_only_the_gpus_asked_for_are_told(self, node):
        report = await node.ReadTelemetry(node_pb2.TelemetryRequest(gpu_uuids=[OTHER.uuid]), timeout=WITHIN_S)

        assert [one.gpu.uuid for one in report.samples] == [OTHER.uuid]
        assert (report.node_name, report.time.ToNanoseconds()) == ("node-1", NOW_NS)

    async def test_a_gpu_that_the_driver_does_not_have_is_not_found(self, node):
        code, words = await refused(node.ReadTelemetry(node_pb2.TelemetryRequest(gpu_uuids=["GPU-0"])))

        assert (code, GPU.uuid in words) == (grpc.StatusCode.NOT_FOUND, True)

    async def test_a_lost_gpu_says_so(self, node, given):
        given.telemetry.given = (sample(lost="GPU is lost"),)

        report = await node.ReadTelemetry(node_pb2.TelemetryRequest(), timeout=WITHIN_S)

        assert report.samples[0].lost == "GPU is lost"

    async def test_processes_that_are_not_known_are_named_as_unreadable(self, node, given):
        given.telemetry.given = (sample(compute_processes=None, unreadable=("compute_processes: not told",)),)

        report = await node.ReadTelemetry(node_pb2.TelemetryRequest(), timeout=WITHIN_S)

        told = report.samples[0]
        assert (list(told.compute_process_ids), list(told.unreadable)) == ([], ["compute_processes: not told"])

    async def test_every_field_of_a_sample_has_one_on_the_wire(self):
        from dataclasses import fields

        from sentinel_node.domain.telemetry import GpuSample, MemoryErrors

        renamed = {"unix_ns": "time", "links": "nvlinks", "compute_processes": "compute_process_ids"}
        ours = {renamed.get(field.name, field.name) for field in fields(GpuSample)}
        assert ours == set(node_pb2.GpuSample.DESCRIPTOR.fields_by_name)
        assert {field.name for field in fields(MemoryErrors)} == set(node_pb2.MemoryErrors.DESCRIPTOR.fields_by_name)


class TestKernelLog:
    """Lines and what was looked through."""

    async def test_lines_come_with_what_the_kernel_said_of_them(self, node):
        (page,) = await pages(node)

        first = page.records[0]
        assert (first.boot_id, first.sequence, first.xid, first.pci_bus_id) == (BOOT, 1, 79, "0000:9b:00.0")
        assert (first.time.ToNanoseconds(), first.HasField("sxid")) == (NOW_NS + 1, False)

    async def test_the_last_page_says_what_was_looked_through(self, node):
        coverage = (await pages(node))[-1].coverage

        assert (list(coverage.boot_ids), coverage.is_truncated, coverage.lost_lines) == ([BOOT], True, 4)
        assert list(coverage.missing) == ["no persistent journal"]

    async def test_many_lines_come_in_pages_in_order(self, node, given):
        given.kernel_log.lines = tuple(line(number, "x" * 4000) for number in range(300))

        found = await pages(node, limit=20_000)

        assert len(found) > 1
        assert [record.sequence for page in found for record in page.records] == list(range(300))
        assert [page.HasField("coverage") for page in found] == [False] * (len(found) - 1) + [True]
        assert max(page.ByteSize() for page in found) < 4 << 20

    async def test_what_is_asked_reaches_the_log(self, node, given):
        await pages(node, since={"seconds": 5, "nanos": 7}, until={"seconds": 9}, boot_id=BOOT, contains=["Xid"])

        (query,) = given.kernel_log.asked
        assert (query.since_unix_ns, query.until_unix_ns) == (5_000_000_007, 9_000_000_000)
        assert (query.boot_id, query.contains, query.limit) == (BOOT, ("Xid",), 1000)

    @pytest.mark.parametrize(
        ("fields", "word"),
        [
            ({"limit": 20_001}, "limit"),
            ({"boot_id": "-1"}, "boot_id"),
            ({"contains": [""]}, "contains"),
            ({"since": {"seconds": 9}, "until": {"seconds": 5}}, "until"),
            ({"since": {"seconds": -1}}, "since"),
        ],
        ids=["limit", "boot", "needle", "order", "before-1970"],
    )
    async def test_what_cannot_be_asked_is_refused_by_its_field(self, node, fields, word):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await pages(node, **fields)

        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert word in (caught.value.details() or "")

    async def test_a_line_that_is_no_text_does_not_end_the_answer(self, node, given):
        given.kernel_log.lines = (replace(line(1), message="a\udcffb"),)

        assert (await pages(node))[0].records[0].message == "a?b"

    async def test_a_boot_that_is_not_kept_is_not_found(self, node, given):
        given.kernel_log.fails = NotFound("that boot is not kept")

        with pytest.raises(grpc.aio.AioRpcError, match="that boot is not kept"):
            await pages(node)


class TestDiagnostics:
    """Questions that have a name."""

    async def test_the_names_are_listed(self, node):
        listed = await node.ListDiagnostics(node_pb2.ListDiagnosticsRequest(), timeout=WITHIN_S)

        assert [one.name for one in listed.diagnostics] == ["driver", "pcie_links"]

    async def test_one_is_answered_with_what_it_saw(self, node):
        told = await node.Diagnose(node_pb2.DiagnoseRequest(name="pcie_links"), timeout=WITHIN_S)

        assert (told.name, told.node_name, told.status) == ("pcie_links", "node-1", node_pb2.DIAGNOSIS_STATUS_BAD)
        assert [(seen.subject, seen.text) for seen in told.observations] == [("node", "fine"), (GPU.uuid, "narrow")]
        assert not told.is_truncated

    async def test_nothing_else_can_be_asked(self, node):
        code, _ = await refused(node.Diagnose(node_pb2.DiagnoseRequest(name="rm -rf /")))

        assert code is grpc.StatusCode.NOT_FOUND


class TestWhatIsMissing:
    """A machine without a part answers for the rest."""

    async def test_each_part_says_what_it_lacks(self):
        async with connected(Given(prober=None, kernel_log=None)) as node:
            told = await node.DescribeNode(node_pb2.DescribeNodeRequest(), timeout=WITHIN_S)

        missing = {part.name: part.missing for part in told.parts if not part.is_available}
        assert missing == {"probes": "there is no probes here", "kernel_log": "there is no kernel_log here"}
        assert [gpu.uuid for gpu in told.gpus] == [GPU.uuid, OTHER.uuid]
        assert (told.node_name, told.agent_version, told.boot_id) == ("node-1", "1.2.3", BOOT)

    async def test_what_is_missing_is_unavailable_in_its_words(self):
        async with connected(Given(telemetry=None)) as node:
            answer = await refused(node.ReadTelemetry(node_pb2.TelemetryRequest()))

        assert answer == (grpc.StatusCode.UNAVAILABLE, "telemetry: there is no telemetry here")

    async def test_a_question_that_needs_what_is_missing_leaves_the_other_questions(self, given):
        class WithoutDriver(GivenDiagnostics):
            def diagnose(self, name: str) -> Diagnosis:
                raise Unavailable(f"{name} needs the driver")

        given.diagnostics = WithoutDriver()
        async with connected(given) as node:
            code, _ = await refused(node.Diagnose(node_pb2.DiagnoseRequest(name="driver")))
            told = await node.DescribeNode(node_pb2.DescribeNodeRequest(), timeout=WITHIN_S)

        assert code is grpc.StatusCode.UNAVAILABLE
        assert [part.name for part in told.parts if not part.is_available] == []

    async def test_gpus_are_those_of_the_probes_where_the_driver_is_silent(self, node, given):
        given.telemetry.fails = Unavailable("no driver")

        told = await node.DescribeNode(node_pb2.DescribeNodeRequest(), timeout=WITHIN_S)

        assert len(told.gpus) == 3

    async def test_a_driver_that_hangs_keeps_nobody_but_itself(self):
        release = threading.Event()
        given = Given(read_deadline_s=0.02)
        given.telemetry.hangs = release

        async with connected(given) as node:
            answers = [await refused(node.ReadTelemetry(node_pb2.TelemetryRequest())) for _ in range(5)]
            lines = await pages(node)
            release.set()

        assert {code for code, _ in answers} == {grpc.StatusCode.UNAVAILABLE}
        assert "no answer in 0.02 s" in answers[0][1]
        assert "earlier questions hang" in answers[4][1]
        assert len(lines[0].records) == 2
