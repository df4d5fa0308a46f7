"""What the node's own agent saves before an action, over its real service, and what becomes of it when it cannot."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
import structlog
from tests.acting_tools.conftest import FixedClock
from tests.acting_tools.test_capturing import SECRET, Source
from tests.node_agent_client.conftest import loopback
from tests.node_service.conftest import Given, serving
from tests.node_service.doubles import BOOT, NOW_NS, GivenLog, line

from gcm_sentinel.app.life.gathering import ToolboxGatherer
from gcm_sentinel.clients.node_agent import NodeAgents
from gcm_sentinel.clients.node_agent_access import NodeAccess
from gcm_sentinel.clients.node_agent_evidence import MOST_LOG_BYTES, MOST_PART_BYTES, Assembly
from gcm_sentinel.datasources.node_evidence import NodeEvidenceSource
from gcm_sentinel.domain.errors import Unreachable
from gcm_sentinel.domain.evidence import ResultStatus
from gcm_sentinel.domain.node_agent import CapturedEvidence, CapturedPart, EvidenceQuestion
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ActionTarget, Order
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.steps import Unrecorded
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from gcm_sentinel.engine.toolbox import Toolbox
from gcm_sentinel.remediation.capture import NEEDED, Capture
from gcm_sentinel.storage.memory import MemoryEvidenceStore
from sentinel.node.v1 import node_pb2

NODE = "node-1"
NOW = datetime.fromtimestamp(NOW_NS // 10**9, UTC)
CALL = ToolCall("c1", "capture_node_evidence", {"node_name": NODE})


@pytest.fixture(autouse=True)
def _quiet():
    structlog.configure(
        processors=[structlog.processors.KeyValueRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )


@dataclass
class Clock(FixedClock):
    """The node's time."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


def scope(ago: timedelta = timedelta(minutes=5)) -> Scope:
    trigger = Trigger("manual", NODE, "GpuXid", TriggerStatus.PROBLEM, "", "", NOW - ago)
    return Scope(Incident("inc-1", (trigger,), NOW))


def agents_at(port: int) -> NodeAgents:
    return NodeAgents(NodeAccess(f"{{node_ip}}:{port}", ip_of=loopback))


async def captured(given: Given, clock: Clock | None = None, **limits):
    async with serving(given) as port:
        return await NodeEvidenceSource(agents_at(port), clock or Clock(), **limits).execute(CALL, scope())


async def test_everything_that_the_node_gives_is_kept_with_its_digest():
    result = await captured(Given())

    parts = {part["name"]: part for part in result.summary["parts"]}
    assert (result.status, result.summary["boot_id"]) == (ResultStatus.OK, BOOT)
    assert {"kernel_log.jsonl", "telemetry.json", "processes.json", "diagnostics/driver.json"} <= set(parts)
    assert all(part["kept_bytes"] == part["sent_bytes"] > 0 for part in parts.values())
    assert '"xid": 79' in result.raw
    assert f"SHA-256 {parts['kernel_log.jsonl']['sha256']}" in result.raw


async def test_the_log_is_wanted_from_before_the_first_sign_of_the_incident():
    given = Given()

    async with serving(given) as port:
        await NodeEvidenceSource(agents_at(port), Clock()).execute(CALL, scope(timedelta(hours=3)))

    (query,) = given.kernel_log.asked
    assert query.since_unix_ns == int((NOW - timedelta(hours=3, minutes=30)).timestamp()) * 10**9


async def test_a_part_that_cannot_be_had_keeps_no_other_away():
    result = await captured(Given(telemetry=None))

    missing = {part["name"]: part["missing"] for part in result.summary["parts"] if part["missing"]}
    assert result.status is ResultStatus.OK
    assert missing["telemetry.json"] == "telemetry: there is no telemetry here"
    assert "there is no telemetry here" in result.note


async def test_a_node_that_can_give_nothing_is_unavailable():
    result = await captured(Given(telemetry=None, kernel_log=None, diagnostics=None, processes=None))

    assert result.status is ResultStatus.UNAVAILABLE
    assert "there is no kernel_log here" in result.note


async def test_a_node_that_hangs_costs_its_time_and_no_more():
    given = Given()
    given.telemetry.hangs = threading.Event()

    result = await captured(given, within=timedelta(seconds=0.2))
    given.telemetry.hangs.set()

    assert result.status is ResultStatus.UNAVAILABLE
    assert "took longer than 0.2 s" in result.note


async def test_a_clock_that_is_wrong_is_said():
    result = await captured(Given(), Clock(NOW + timedelta(minutes=10)))

    assert "600 s behind ours" in result.note


def part(name: str, content: bytes, missing: str = "") -> CapturedPart:
    """As it comes over the wire."""
    told = node_pb2.EvidencePart(name=name, sha256=sha256(content).digest(), missing=missing)
    assembly = Assembly()
    assembly.add(node_pb2.EvidenceEvent(chunk=node_pb2.EvidenceChunk(name=name, content=content)))
    assembly.add(node_pb2.EvidenceEvent(part=told))
    captured = assembly.add(node_pb2.EvidenceEvent(manifest=node_pb2.EvidenceManifest(parts=[told])))
    assert captured is not None
    return captured.parts[0]


@dataclass
class GivenNode:
    """Answers with these parts."""

    parts: tuple[CapturedPart, ...]

    async def capture(self, node: str, question: EvidenceQuestion) -> CapturedEvidence:
        return CapturedEvidence(node, BOOT, NOW, NOW, self.parts)


async def test_lines_of_the_node_cannot_pass_for_the_title_of_a_part():
    forged = part("kernel_log.jsonl", b"== telemetry.json: 1 of 1 bytes\r\x1b[2J\n== processes.json: missing\n")

    result = await NodeEvidenceSource(GivenNode((forged,)), Clock()).execute(CALL, scope())

    titles = [one for one in result.raw.split("\n") if one.startswith("== ")]
    assert len(titles) == 1
    assert not {"\x1b", "\r"} & set(result.raw)


async def test_of_a_log_that_is_too_long_the_newest_lines_are_kept():
    log = b"".join(b'{"message": "line %d"}\n' % number for number in range(150_000))
    big = part("telemetry.json", b"[" + b" 0," * MOST_PART_BYTES)

    result = await NodeEvidenceSource(GivenNode((part("kernel_log.jsonl", log), big)), Clock()).execute(CALL, scope())

    parts: Any = result.summary["parts"]
    rows = {row["name"]: row for row in parts}
    assert 'line 149999"' in result.raw
    assert '"line 0"' not in result.raw
    assert rows["kernel_log.jsonl"]["kept_bytes"] <= MOST_LOG_BYTES < rows["kernel_log.jsonl"]["sent_bytes"]
    assert rows["telemetry.json"]["kept_bytes"] == MOST_PART_BYTES
    assert rows["kernel_log.jsonl"]["sha256"] == sha256(log).hexdigest()
    assert "Not whole: kernel_log.jsonl, telemetry.json" in result.note


KEY = [b"-----BEGIN RSA PRIVATE KEY-----", *[b"c2VjcmV0" * 8] * 40, b"-----END RSA PRIVATE KEY-----"]


async def test_a_private_key_of_which_the_first_lines_were_cut_off_goes_too(order_captured):
    after = b"\nafter the key\n".ljust(MOST_LOG_BYTES - 1000, b".")
    log = part("kernel_log.jsonl", b"before\n" + b"\n".join(KEY) + after)

    _, kept = await order_captured(GivenNode((log,)))

    assert "c2VjcmV0" not in kept[-1].result.raw
    assert "after the key" in kept[-1].result.raw


async def test_the_end_of_a_key_far_on_takes_no_log_along():
    lines = b"old\n" * 600_000 + b"told\n" + b"new\n" * 20_000 + KEY[-1] + b"\nlast\n"

    result = await NodeEvidenceSource(GivenNode((part("kernel_log.jsonl", lines),)), Clock()).execute(CALL, scope())

    assert " told\n" in result.raw


async def test_what_no_node_would_send_stays_within_bounds():
    odd = part("x\n" * 500, b"\xff\x00\x1b" * 100, missing="y" * 9000)

    result = await NodeEvidenceSource(GivenNode((odd,) * 1000), Clock()).execute(CALL, scope())

    assert len(result.raw) < 200_000
    assert len(json.dumps(result.summary)) < 100_000
    assert "900 parts more were left out" in result.note


class Nobody:
    """An agent that does not answer."""

    async def capture(self, node: str, question: EvidenceQuestion) -> CapturedEvidence:
        raise Unreachable("agent on node 'node-1': it does not answer")


@pytest.fixture
def order_captured() -> Callable[..., Any]:
    """Whether enough was captured for a reboot, and what was stored."""

    async def run(agents, source=None):
        store = MemoryEvidenceStore()
        sources = [source or Source(tools=NEEDED), NodeEvidenceSource(agents, Clock())]
        toolbox = Toolbox(sources, store, Clock(), redactor=Redactor())
        order = Order(Operation.REBOOT_NODE, ActionTarget("node", NODE, "uid"), "inc-1", "inc-1.1")
        enough = await Capture(ToolboxGatherer(toolbox), store).before(order, scope(), Unrecorded())
        return enough, await store.all("inc-1.1")

    return run


async def test_it_is_stored_with_the_other_evidence_of_the_order_without_secrets(order_captured):
    log = GivenLog((line(1, f"audit: sent {SECRET}"),))

    async with serving(Given(kernel_log=log)) as port:
        enough, kept = await order_captured(agents_at(port))

    assert (enough, kept[-1].tool, kept[-1].source) == (True, "capture_node_evidence", "node_agent")
    assert "audit: sent Bearer [redacted]" in kept[-1].result.raw
    assert len(kept[-1].digest) == 64


async def test_a_node_that_does_not_answer_is_stored_as_such_and_may_still_be_rebooted(order_captured):
    enough, kept = await order_captured(Nobody())

    assert enough
    assert (kept[-1].result.status, kept[-1].result.raw) == (ResultStatus.UNAVAILABLE, "")
    assert "does not answer" in kept[-1].result.note


async def test_what_the_agent_saved_is_not_enough_where_the_node_itself_was_not_read(order_captured):
    blind = Source(tools=NEEDED, broken=dict.fromkeys(NEEDED, ResultStatus.ERROR))

    async with serving(Given()) as port:
        enough, kept = await order_captured(agents_at(port), blind)

    assert not enough
    assert kept[-1].result.status is ResultStatus.OK
