"""What goes beyond the reference, against `sentinel-gateway serve`."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.sentinel_sdk.conftest import QUICK
from tests.sentinel_sdk.gateway import GPU, SUSPECT, TOKEN, TRAINING, executions, report_probes
from tests.sentinel_sdk.proxy import proxy_for
from tests.sentinel_sdk.scripted import eventually

from sentinel_sdk import (
    AlreadyExistsError,
    AuthenticationError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    SentinelClient,
    TlsConfig,
)
from sentinel_sdk.ledger.checkpoint import VerifierKey
from sentinel_sdk.types import (
    AuditEntry,
    AuditEntryType,
    AuditQueryFilters,
    ConfigUpdate,
    DirectiveStatus,
    GpuHealthState,
    GpuIdentifier,
    ProbeResult,
    ProbeResultBatch,
    QuarantineAction,
    QuarantineDirective,
    TelemetryBatch,
    ThresholdUpdate,
)


@pytest.fixture
def client(plain):
    with SentinelClient.connect(plain.endpoint) as client:
        yield client


@pytest.fixture
def operator(secure):
    with SentinelClient.connect(secure.endpoint, tls_config=secure.tls(secure.operator)) as client:
        yield client


@pytest.fixture
def reviewer(secure):
    with SentinelClient.connect(secure.endpoint, tls_config=secure.tls(secure.reviewer)) as client:
        yield client


def new_gpu(client, name):
    """A GPU no other test touches."""
    uuid = f"GPU-{name}-{datetime.now(UTC).timestamp():.6f}".replace(".", "-")
    report_probes(client, uuid, passes=3)
    return uuid


def trusted(checkpoint):
    """The gateway's key. A user gets it from the operator; a test may take what the checkpoint says."""
    return VerifierKey(checkpoint.note.splitlines()[0], checkpoint.public_key)


def test_the_fleet_is_listed_gpu_by_gpu(client):
    fleet = client.query_fleet(hostname_prefix="gpu-rack-03")
    healthy = client.list_gpus(GpuHealthState.HEALTHY, model="NVIDIA H100 80GB HBM3")

    assert {GPU, *TRAINING} <= {health.gpu.uuid for health in fleet.gpu_health}
    assert not fleet.truncated
    assert {health.state for health in healthy} == {GpuHealthState.HEALTHY}


def test_the_same_directive_again_does_nothing_twice(client):
    uuid = new_gpu(client, "again")
    directive = QuarantineDirective(
        directive_id=f"d-{uuid}", gpu=GpuIdentifier(uuid=uuid), action=QuarantineAction.QUARANTINE, reason="r",
        initiated_by="test", timestamp=datetime.now(UTC),
    )  # fmt: skip

    first, second = client.issue_directive(directive), client.issue_directive(directive)
    history = client.get_gpu_history(
        uuid, datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)
    )

    assert (first.accepted, first.resulting_state, second) == (True, "QUARANTINED", first)
    assert [one.to_state for one in history.state_transitions].count(GpuHealthState.QUARANTINED) == 1


def test_the_same_id_for_something_else_is_refused(client):
    uuid = new_gpu(client, "other")
    directive = QuarantineDirective(
        directive_id=f"d-{uuid}", gpu=GpuIdentifier(uuid=uuid), action=QuarantineAction.QUARANTINE
    )
    client.issue_directive(directive)

    with pytest.raises(AlreadyExistsError):
        client.issue_directive(directive.model_copy(update={"action": QuarantineAction.REINSTATE}))


def test_a_state_that_does_not_allow_it_says_so(client):
    uuid = new_gpu(client, "healthy")

    with pytest.raises(FailedPreconditionError, match="HEALTHY"):
        client.schedule_deep_test(uuid, "too early")


def test_a_condemned_gpu_was_approved_by_somebody_else(secure, operator, reviewer):
    with SentinelClient.connect(secure.endpoint, tls_config=secure.tls(secure.agent)) as agent:
        uuid = new_gpu(agent, "condemned")

    response = operator.condemn_gpu(uuid, "beyond repair")
    waiting = operator.list_directives(uuid, DirectiveStatus.WAITING).directives
    with pytest.raises(AuthenticationError):
        operator.approve_directive(response.directive_id)
    decided = reviewer.approve_directive(response.directive_id, comment="agreed")

    assert (response.waiting, response.resulting_state) == (True, "HEALTHY")
    assert [record.directive.directive_id for record in waiting] == [response.directive_id]
    assert (decided.status, decided.directive.approval.comment) == (DirectiveStatus.EXECUTED, "agreed")
    assert operator.query_gpu_health(uuid).state is GpuHealthState.CONDEMNED


def test_a_denied_directive_changes_nothing(operator, reviewer):
    response = operator.condemn_gpu(SUSPECT, "really?")

    reviewer.deny_directive(response.directive_id, "no")

    assert reviewer.get_directive(response.directive_id).status is DirectiveStatus.DENIED
    assert reviewer.query_gpu_health(SUSPECT).state is GpuHealthState.SUSPECT


async def test_a_follower_that_was_cut_off_misses_nothing(plain, client):
    uuid = new_gpu(client, "follow")
    heard: list[str] = []
    async with proxy_for(plain.endpoint) as proxy:
        follower = await SentinelClient.aconnect(proxy.endpoint, retry_config=QUICK)
        listening = asyncio.ensure_future(follower.astream_events(lambda one: heard.append(one.directive_id)))
        while not heard:
            await asyncio.to_thread(client.condemn_gpu, uuid, "until somebody listens")
        proxy.cut()
        missed = [client.quarantine_gpu(uuid, "cut").directive_id, client.reinstate_gpu(uuid, "cut").directive_id]
        proxy.mend()

        assert await asyncio.to_thread(eventually, lambda: heard[-1] == missed[-1])
        await follower.aclose()
        await asyncio.wait_for(listening, 10)

    assert heard[-2:] == missed
    assert len(heard) == len(set(heard))


async def test_an_agent_that_was_cut_off_repeats_nothing(plain, client):
    uuid = new_gpu(client, "cut")
    batches = [ProbeResultBatch(executions=[one]) for one in executions(uuid, [ProbeResult.PASS] * 40)]
    async with proxy_for(plain.endpoint) as proxy:
        agent = await SentinelClient.aconnect(proxy.endpoint, retry_config=QUICK)
        acks = []
        async with agent, agent.aprobe_stream("cut-off-node") as stream:
            async for ack in stream.send_all(batches, window=8):
                acks.append(ack)
                if len(acks) in (5, 17, 30):
                    proxy.cut()
                    proxy.mend()

    assert [ack.sequence_number for ack in acks] == list(range(1, 41))
    assert client.query_gpu_health(uuid).probe_pass_count == 3 + 40


def test_an_entry_is_proved_to_stand_in_the_ledger(client):
    client.quarantine_gpu(new_gpu(client, "proved"), "to have an entry")
    older = client.get_checkpoint()
    key = trusted(older)

    for number in (1, older.tree_size // 2, older.tree_size):
        assert client.prove_inclusion(number, older.tree_size).verify(key).entry_id == number


def test_the_ledger_is_proved_to_have_only_grown(client):
    older = client.get_checkpoint()
    client.quarantine_gpu(new_gpu(client, "grown"), "to make it grow")

    proof = client.prove_consistency(older.tree_size)
    newer = proof.verify(trusted(older), older)

    assert newer.tree_size > older.tree_size


def test_an_entry_that_does_not_exist_cannot_be_proved(client):
    with pytest.raises((NotFoundError, InvalidArgumentError)):
        client.prove_inclusion(10**9)


def test_entries_are_recorded_once_per_key(client):
    entry = AuditEntry(entry_type=AuditEntryType.SYSTEM_EVENT, timestamp=datetime.now(UTC), data=b"")
    key = f"key-{datetime.now(UTC).timestamp()}"

    first, second = (client.ingest_audit_entries([entry, entry], idempotency_key=key) for _ in range(2))

    assert (first.success, first.entries_ingested) == (True, 2)
    assert second.last_entry_id == first.last_entry_id


def test_the_whole_audit_trail_can_be_iterated_over(client):
    client.ingest_audit_entries([AuditEntry(entry_type=AuditEntryType.SYSTEM_EVENT, data=b"")] * 5)

    entries = list(client.iter_audit_trail(AuditQueryFilters(limit=3)))

    assert [entry.entry_id for entry in entries] == list(range(1, len(entries) + 1))
    assert len(entries) > 3


@pytest.mark.parametrize("name", ["generate_soc2_report", "generate_iso27001_report"])
@pytest.mark.parametrize("written", ["json", "csv", "html"])
def test_evidence_reports_are_made(client, name, written):
    now = datetime.now(UTC)

    report = getattr(client, name)(now - timedelta(days=1), now + timedelta(minutes=1), written)

    assert report
    if written == "json":
        assert json.loads(report)


async def test_configuration_reaches_components_and_is_acknowledged(plain, client):
    applied = []
    component = SentinelClient.connect(plain.endpoint)
    serving = asyncio.ensure_future(
        asyncio.to_thread(component.config_stream, "node-7", lambda update: applied.append(update.update_id))
    )
    update = ConfigUpdate(
        initiated_by="test", reason="r", threshold=ThresholdUpdate(component="m", parameter="p", value=1)
    )

    def heard():
        assert client.update_config(update).applied
        return bool(applied)

    assert await asyncio.to_thread(eventually, heard)
    component.close()
    await asyncio.wait_for(serving, 10)


def test_an_empty_batch_is_refused(client):
    with client.telemetry_stream("node-1") as stream, pytest.raises(InvalidArgumentError):
        stream.send(TelemetryBatch())


class TestWhoMayDoWhat:
    def test_an_agent_may_not_condemn(self, secure):
        with (
            SentinelClient.connect(secure.endpoint, tls_config=secure.tls(secure.agent)) as agent,
            pytest.raises(AuthenticationError),
        ):
            agent.condemn_gpu(SUSPECT, "no")

    def test_a_person_may_not_report(self, operator):
        with pytest.raises(AuthenticationError):
            report_probes(operator, SUSPECT, passes=1)

    def test_a_token_is_as_good_as_a_certificate(self, secure):
        tls = TlsConfig(ca_cert_path=str(secure.authority.certificate))
        with SentinelClient.connect(secure.token_endpoint, tls_config=tls, token=TOKEN) as client:
            assert client.query_gpu_health(SUSPECT).state is GpuHealthState.SUSPECT

    @pytest.mark.parametrize("token", [None, "wrong"])
    def test_without_a_known_token_nobody_gets_in(self, secure, token):
        tls = TlsConfig(ca_cert_path=str(secure.authority.certificate))
        with (
            SentinelClient.connect(secure.token_endpoint, tls_config=tls, token=token) as client,
            pytest.raises(AuthenticationError),
        ):
            client.query_fleet_health()


def test_where_nobody_shows_who_they_are_a_waiting_directive_can_be_decided(plain):
    uuid = "GPU-1a5ec0de-0000-0000-0000-000000000000"
    with SentinelClient.connect(plain.endpoint) as client:
        report_probes(client, uuid, passes=1)
        answer = client.condemn_gpu(uuid, "to see who decides")
        record = client.approve_directive(answer.directive_id)
    assert (answer.waiting, record.status) == (True, DirectiveStatus.EXECUTED)
    assert record.note == "decided without four eyes, by somebody who did not show who they are"
