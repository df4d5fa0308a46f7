"""Against the real gateway: probes go in, the sources show the SM, a verdict stands in the ledger once, proven."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.sentinel_gateway.driving import GPU, WITHIN_S, Client, batch, code_of, execution, neighbours, until
from tests.sentinel_gateway.driving import settings as gateway_settings
from tests.sentinel_source.given import SCOPE, context_with

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.doctor_sentinel import examine_gateway
from gcm_sentinel.app.investigate import Request, investigate
from gcm_sentinel.app.scenarios import SCENARIOS, find_scenarios
from gcm_sentinel.app.simulated import Case, settings_for
from gcm_sentinel.app.wiring import Agent, open_agent
from gcm_sentinel.clients.sentinel import Access, SentinelGateway
from gcm_sentinel.datasources.audit_ledger import AuditLedgerSource
from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.datasources.sentinel import SentinelSource
from gcm_sentinel.domain.evidence import ResultStatus
from gcm_sentinel.domain.protocols import Datasource
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.notify.publish import publish_all
from sentinel.ext.v1 import ledger_pb2, ledger_pb2_grpc
from sentinel_fleet.serve import serve
from sentinel_gateway.app.loading import Groups
from sentinel_gateway.app.running import running_gateway
from sentinel_gateway.domain.access import token_digest
from sentinel_sdk.ledger.checkpoint import VerifierKey

pytestmark = pytest.mark.slow

PASSED, FAILED = 1, 2
SMS = 132
DEAD = 17


def now_with(gateway: SentinelGateway) -> SourceContext:
    """What the sources are given, with the time as it is."""
    return replace(context_with(gateway), clock=SystemClock())


@asynccontextmanager
async def gateway_at(folder: Path, groups: Groups | None = None, *, insecure: bool = True) -> AsyncIterator[str]:
    """A gateway of our own; gives its address."""
    async with running_gateway(gateway_settings(folder, groups, insecure=insecure)) as running:
        yield f"127.0.0.1:{running.grpc_port}"


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[str]:
    async with gateway_at(tmp_path / "gateway") as address:
        yield address


async def pin(endpoint: str, folder: Path) -> Path:
    """The ledger's key in a file, as an operator would have handed it out."""
    async with grpc.aio.insecure_channel(endpoint) as channel:
        stub = ledger_pb2_grpc.LedgerServiceStub(channel)

        async def recorded() -> bool:
            return await code_of(stub.GetCheckpoint(ledger_pb2.GetCheckpointRequest())) is grpc.StatusCode.OK

        await until(recorded, "the gateway's start stands in its ledger")
        head = await stub.GetCheckpoint(ledger_pb2.GetCheckpointRequest(), timeout=WITHIN_S)
    path = folder / "ledger.pub"
    path.write_text(VerifierKey(head.note.partition("\n")[0], head.public_key).text)
    return path


@pytest.fixture
async def gateway(endpoint: str, tmp_path: Path) -> AsyncIterator[SentinelGateway]:
    client = SentinelGateway(Access(endpoint, plaintext=True, ledger_public_key=await pin(endpoint, tmp_path)))
    yield client
    await client.aclose()


@pytest.fixture
async def one_dead_sm(endpoint: str) -> None:
    """Five rounds over all SMs of one GPU of node-1, ten minutes apart, of which one always computes wrong."""
    rounds = [(3000 - 600 * number, sm) for number in range(5) for sm in range(SMS)]
    results = [execution(FAILED if sm == DEAD else PASSED, sm=sm, age_s=age_s) for age_s, sm in rounds] + neighbours()
    async with grpc.aio.insecure_channel(endpoint) as channel:
        ack = await Client(channel).report(batch(*results))
    assert ack.accepted, ack.rejection_reason


async def told(source: Datasource, tool: str, **arguments: str | int) -> Any:
    """The summary of one tool's answer."""
    result = await source.execute(ToolCall("c1", tool, arguments), SCOPE)
    assert result.status is ResultStatus.OK, result.note
    return result.summary


@pytest.mark.usefixtures("one_dead_sm")
async def test_a_dead_sm_is_seen_in_the_sources_summary(gateway):
    summary = await told(SentinelSource(now_with(gateway)), "get_sentinel_gpu_health", node_name="node-1")

    (gpu,) = (one for one in summary["gpus"] if one["uuid"] == GPU)
    assert (gpu["localisation"], gpu["worst_sm"]) == ("one_sm", DEAD)
    assert (gpu["sms_told"], gpu["sms_failing"], gpu["probes_failed"]) == (SMS, 1, 5)
    assert gpu["state"] == "QUARANTINED"


@pytest.mark.usefixtures("one_dead_sm")
async def test_history_comparison_and_ledger_tell_the_same_story(gateway):
    sdc, ledger = (kind(now_with(gateway)) for kind in (SentinelSource, AuditLedgerSource))

    past = await told(sdc, "get_sentinel_history", gpu=GPU)
    compared = await told(sdc, "compare_sentinel_gpus", node_name="node-1")
    recorded = await told(ledger, "query_audit_ledger", gpu=GPU)

    assert past["times_in"]["QUARANTINED"] == 1
    assert compared["spread"] == "one_gpu"
    assert recorded["by_kind"]["PROBE_RESULT"] >= 1
    assert all(entry["message"] for entry in recorded["entries"])


@pytest.fixture
async def agent(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Agent, str]]:
    """The agent on a simulated fleet with a fault, wired to the gateway by its settings; and the node to look at."""
    for name in [name for name in os.environ if name.startswith("GCM_SENTINEL_")]:
        monkeypatch.delenv(name)
    world = Case(find_scenarios(SCENARIOS, ("off-bus-riser",))[0], 1).world()
    ours = {
        "sentinel_endpoint": endpoint,
        "sentinel_plaintext": True,
        "sentinel_ledger_public_key": await pin(endpoint, tmp_path),
    }
    async with serve(world) as fleet:
        settings = settings_for(fleet, world, "playbook").model_copy(update=ours)
        async with open_agent(settings) as opened:
            yield opened, world.trigger.node


async def test_an_assessment_delivered_twice_stands_in_the_ledger_once_and_can_be_proven(agent, gateway):
    running, node = agent
    source = AuditLedgerSource(now_with(gateway))

    done = await investigate(running, Request(node), publish=True)
    again = await publish_all(running.notifiers, done.publication)

    assert [delivery.reason for delivery in (*done.deliveries, *again) if delivery.notifier == "ledger"] == ["", ""]
    found = await told(source, "query_audit_ledger", entry_type="SYSTEM_EVENT")
    (mine,) = [entry for entry in found["entries"] if "assessment" in entry["content"]]
    proof = await told(source, "prove_audit_entry", entry_id=mine["id"])
    assert (proof["proven"], proof["signed"]) == (True, True)


async def test_the_entry_bears_the_digests_of_the_very_evidence_that_was_gathered(agent, gateway):
    running, node = agent

    done = await investigate(running, Request(node), publish=True)

    found = await told(AuditLedgerSource(now_with(gateway)), "query_audit_ledger")
    (assessment,) = [item["assessment"] for entry in found["entries"] if "assessment" in (item := entry["content"])]
    gathered = {item.id: item.digest for item in done.publication.evidence}
    assert assessment["evidence"]
    assert all(gathered[mark["evidence_id"]] == mark["sha256"] for mark in assessment["evidence"])


@pytest.mark.parametrize(
    ("roles", "lacking"),
    [
        (["viewer"], ["audit", "record", "direct"]),
        (["auditor"], ["record", "direct"]),
        (["investigator"], ["direct"]),
        (["responder"], []),
        (["agent"], ["read health", "audit", "record", "direct"]),
    ],
    ids=["viewer", "auditor", "investigator", "responder", "agent"],
)
async def test_doctor_says_what_our_roles_lack(tmp_path, roles, lacking):
    token = {"name": "gcm-sentinel", "sha256": token_digest("t-secret"), "roles": roles}
    groups: Groups = {"tls": {"enabled": False}, "access": {"tokens": [token]}, "rest": {"listen": None}}
    async with gateway_at(tmp_path / "gateway", groups, insecure=False) as endpoint:
        client = SentinelGateway(Access(endpoint, plaintext=True, token="t-secret"))
        findings = await examine_gateway(client, records=True, directs=True)
        await client.aclose()

    assert [finding.name for finding in findings if not finding.ok and finding.name != "ledger key"] == lacking


async def test_doctor_says_that_the_gateway_does_not_know_us(tmp_path):
    groups: Groups = {"tls": {"enabled": False}, "rest": {"listen": None}}
    async with gateway_at(tmp_path / "gateway", groups, insecure=False) as endpoint:
        client = SentinelGateway(Access(endpoint, plaintext=True, token="t-wrong"))
        findings = await examine_gateway(client, records=True)
        await client.aclose()

    assert "does not know us" in findings[1].detail
