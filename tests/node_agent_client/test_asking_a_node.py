"""What a node answers, as the agent's values."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from tests.node_agent_client.conftest import loopback
from tests.node_service.conftest import Given
from tests.node_service.doubles import BOOT, GPU, NOW_NS, OTHER, WITHIN_S, SteppedProber, line, sample
from tests.node_service.waiting import ended, reached, stopped, until_free

from gcm_sentinel.clients.node_agent import NodeAgents
from gcm_sentinel.clients.node_agent_access import NodeAccess
from gcm_sentinel.domain.errors import BadResponse, NotFound, Overloaded, Rejected, Unreachable
from gcm_sentinel.domain.node_agent import DiagnosisStatus, EvidenceQuestion, KernelQuestion, ProbePermission
from gcm_sentinel.domain.node_probes import ProbeFinding, ProbeKind, ProbeOrder, ProbeOutcome, ProbeProgress
from sentinel_node.domain.errors import Unavailable
from sentinel_node.domain.permission import Allowed
from sentinel_node.domain.telemetry import NvLink

FMA = ProbeOrder(ProbeKind.FMA, GPU.uuid)
NOW = datetime.fromtimestamp(NOW_NS // 10**9, UTC) + timedelta(microseconds=123_456)


async def test_a_node_describes_itself(agents):
    told = await agents.describe("node-1")

    assert (told.node, told.agent_version, told.boot_id, told.time) == ("node-1", "1.2.3", BOOT, NOW)
    assert [(gpu.uuid, gpu.index, gpu.pci_bus_id) for gpu in told.gpus][0] == (GPU.uuid, 0, "0000:9b:00.0")
    assert (told.permission, {part.missing for part in told.parts}) == (ProbePermission.DEEP, {""})


async def test_a_probe_is_followed_to_its_report(agents):
    heard: list[ProbeProgress | ProbeFinding] = []

    run = await agents.run_probe("node-1", FMA, heard.append)

    assert (run.outcome, run.order.seed, run.gpu.uuid) == (ProbeOutcome.FAIL, 2**64 - 1, GPU.uuid)
    assert (run.count(ProbeOutcome.PASS), run.count(ProbeOutcome.FAIL)) == (2, 1)
    assert tuple(news for news in heard if isinstance(news, ProbeFinding)) == run.findings
    assert run.ended - run.started == timedelta(seconds=1)


async def test_a_failure_keeps_its_bits(agents):
    run = await agents.run_probe("node-1", FMA)

    (failed,) = [finding for finding in run.findings if finding.outcome is ProbeOutcome.FAIL]
    assert (failed.sm, failed.mismatch_bits, failed.mismatch.bits) == (1, 0x8000_0002, (1,))
    assert (failed.mismatch.expected, failed.mismatch.actual) == (b"\x01\x00\x00\x00", b"\x03\x00\x00\x00")


async def test_the_order_reaches_the_node_as_it_was_given(agents, given):
    order = ProbeOrder(
        ProbeKind.MEMORY,
        OTHER.uuid,
        is_deep=True,
        variant="march_ss",
        seed=7,
        sms=(1, 5),
        deadline=timedelta(seconds=9),
    )

    run = await agents.run_probe("node-1", order)

    assert run.order == order
    plan = given.prober.plans[0]
    assert (plan.kind, plan.depth, plan.seed, plan.sms, plan.deadline_s) == ("memory", "deep", 7, (1, 5), 9)


class TestCancel:
    """A caller who goes away."""

    @pytest.fixture
    def given(self) -> Given:
        return Given(prober=SteppedProber(held=True))

    async def test_stops_the_probe_before_its_next_launch(self, agents, given):
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(agents.run_probe("node-1", FMA))
            await reached(given.prober)
            asking.cancel()
        await stopped(given.prober)
        await ended(given.prober)
        await until_free(given)

        assert given.prober.launched == 1

    async def test_another_is_told_that_the_gpu_is_held(self, agents, given):
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(agents.run_probe("node-1", FMA))
            await reached(given.prober)
            with pytest.raises(Overloaded, match="is held by anonymous"):
                await agents.run_probe("node-1", FMA)
            given.prober.go.set()

        assert asking.result().outcome is ProbeOutcome.FAIL


class TestLog:
    """The kernel's log."""

    async def test_lines_come_in_order_with_what_was_looked_through(self, agents, given):
        given.kernel_log.lines = tuple(line(number, "x" * 4000) for number in range(300))

        found = await agents.kernel_log("node-1", KernelQuestion(limit=500))

        assert [one.sequence for one in found.lines] == list(range(300))
        assert (found.boot_ids, found.is_truncated, found.lost_lines) == ((BOOT,), True, 4)
        assert found.missing == ("no persistent journal",)

    async def test_an_xid_keeps_number_and_place_and_what_is_not_told_is_none(self, agents):
        first = (await agents.kernel_log("node-1", KernelQuestion())).lines[0]

        assert (first.xid, first.sxid, first.pci_bus_id, first.time) == (79, None, "0000:9b:00.0", NOW)

    async def test_the_question_reaches_the_node(self, agents, given):
        since = datetime(2026, 11, 20, 3, 0, 0, 5, tzinfo=UTC)

        await agents.kernel_log("node-1", KernelQuestion(since, since + timedelta(hours=1), BOOT, ("Xid",), 7))

        (query,) = given.kernel_log.asked
        assert (query.boot_id, query.contains, query.limit) == (BOOT, ("Xid",), 7)
        assert query.until_unix_ns - query.since_unix_ns == 3600 * 10**9


class TestReadings:
    """What the driver says."""

    async def test_a_figure_that_is_not_told_is_none_and_one_that_is_0_is_0(self, agents):
        first = (await agents.telemetry("node-1"))[0]

        assert (first.figure("power_w"), first.figure("fan_speed_pct")) == (0.0, None)
        assert first.figure("memory_errors.sram_volatile.uncorrected") == 3
        assert first.figure("memory_errors.has_remap_failed") is False

    async def test_lists_and_links_have_names_of_their_own(self, agents, given):
        links = (NvLink(3, is_active=True, crc_errors=0, replay_errors=2),)
        given.telemetry.given = (
            sample(links=links, clock_event_reasons=("sw_power_cap", "hw_slowdown"), compute_processes=(4711,)),
        )

        (first,) = await agents.telemetry("node-1")

        assert (first.figure("nvlinks.3.replay_errors"), first.figure("nvlinks.3.crc_errors")) == (2, 0)
        assert first.figure("clock_event_reasons") == "sw_power_cap, hw_slowdown"
        assert first.process_ids == (4711,)

    async def test_a_diagnosis_keeps_its_status(self, agents):
        told = await agents.diagnose("node-1", "pcie_links")

        assert (told.status, [seen.status for seen in told.observations]) == (
            DiagnosisStatus.BAD,
            [DiagnosisStatus.OK, DiagnosisStatus.BAD],
        )
        assert [name for name, _ in await agents.diagnostics("node-1")] == ["driver", "pcie_links"]


class TestEvidence:
    """What would be lost."""

    async def test_every_part_comes_whole(self, agents):
        captured = await agents.capture("node-1", EvidenceQuestion(GPU.uuid, reason="inc-7"))

        names = [part.name for part in captured.parts]
        assert (captured.node, captured.boot_id) == ("node-1", BOOT)
        assert names[:3] == ["kernel_log.jsonl", "telemetry.json", "processes.json"]
        assert all(part.content for part in captured.parts)

    async def test_a_part_that_is_missing_says_why(self, agents, given):
        given.kernel_log.fails = Unavailable("no kernel log can be read")

        captured = await agents.capture("node-1", EvidenceQuestion())

        assert (captured.parts[0].content, captured.parts[0].missing) == (b"", "no kernel log can be read")


class TestRefusals:
    """What goes wrong, in our own errors."""

    async def test_an_answer_of_another_node_is_refused(self, agents):
        asked = (
            agents.describe("node-2"),
            agents.telemetry("node-2"),
            agents.kernel_log("node-2", KernelQuestion()),
            agents.diagnose("node-2", "driver"),
            agents.capture("node-2", EvidenceQuestion()),
            agents.run_probe("node-2", FMA),
        )
        for question in asked:
            with pytest.raises(BadResponse, match="of node 'node-1'"):
                await question

    async def test_what_is_not_allowed_is_rejected_in_the_nodes_words(self, agents, given):
        given.telemetry.given = (sample(compute_processes=(4711,)),)

        with pytest.raises(Rejected, match="4711"):
            await agents.run_probe("node-1", ProbeOrder(ProbeKind.FMA, GPU.uuid, is_deep=True))

    async def test_a_gpu_or_name_that_is_not_there_is_not_found(self, agents):
        with pytest.raises(NotFound, match="GPU-0"):
            await agents.run_probe("node-1", ProbeOrder(ProbeKind.FMA, "GPU-0"))
        with pytest.raises(NotFound):
            await agents.diagnose("node-1", "rm")

    async def test_a_node_that_does_not_answer_is_unreachable(self):
        nowhere = NodeAgents(NodeAccess("{node_ip}:1", ip_of=loopback))

        async with asyncio.timeout(WITHIN_S):
            with pytest.raises(Unreachable, match="node-1"):
                await nowhere.describe("node-1")


class TestPermission:
    """What a node lets run."""

    @pytest.fixture
    def given(self) -> Given:
        return Given(allowed=Allowed.LIGHT)

    async def test_is_told_and_kept(self, agents):
        assert (await agents.describe("node-1")).permission is ProbePermission.LIGHT
        with pytest.raises(Rejected, match="only light probes"):
            await agents.run_probe("node-1", ProbeOrder(ProbeKind.FMA, GPU.uuid, is_deep=True))
