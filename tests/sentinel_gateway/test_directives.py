"""Directives over the wire: what waits for a person, who may decide, and what followers hear."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import grpc
import pytest
from tests.sentinel_gateway.driving import GPU, WITHIN_S, Client, batch, code_of, directive, refusal_of, settings

from sentinel.ext.v1 import directives_pb2, records_pb2
from sentinel.v1 import audit_pb2, common_pb2, correlation_pb2, health_pb2, quarantine_pb2
from sentinel_gateway.app.running import running_gateway
from sentinel_gateway.domain.access import token_digest

QUARANTINE, REINSTATE, CONDEMN = 1, 2, 3
PEOPLE = {
    "ann": ["admin"], "ben": ["admin"], "olga": ["operator"], "oscar": ["operator"], "agent": ["agent"],
    "bot": ["responder"],
}  # fmt: skip


@pytest.fixture
async def people(tmp_path):
    """Clients of one gateway on SQLite, by name; a GPU is known."""
    async with _people(tmp_path, {}) as clients:
        yield clients


@pytest.fixture
async def people_on_both(tmp_path, database):
    """The same on each of the two databases."""
    async with _people(tmp_path, database) as clients:
        yield clients


@asynccontextmanager
async def _people(folder, database):
    tokens = [{"name": name, "sha256": token_digest(name), "roles": roles} for name, roles in PEOPLE.items()]
    groups = {"tls": {"enabled": False}, "access": {"tokens": tokens}, **database}
    async with running_gateway(settings(folder, groups, insecure=False)) as gateway, _clients(gateway) as clients:
        assert (await clients["agent"].report(batch())).accepted
        yield clients


@asynccontextmanager
async def _clients(gateway):
    channels = {
        name: grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}", interceptors=_bearing(name))
        for name in PEOPLE
    }
    yield {name: Client(channel) for name, channel in channels.items()}
    await asyncio.gather(*(channel.close() for channel in channels.values()))


def _bearing(token: str) -> list[grpc.aio.ClientInterceptor]:
    return [_Unary(token), _Streams(token)]


class _Bearing:
    def __init__(self, token: str) -> None:
        self._header = ("authorization", f"Bearer {token}")

    def _with(self, details):
        return details._replace(metadata=grpc.aio.Metadata(*(details.metadata or ()), self._header))


class _Unary(_Bearing, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation, client_call_details, request):
        return await continuation(self._with(client_call_details), request)


class _Streams(_Bearing, grpc.aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(self, continuation, client_call_details, request_iterator):
        return await continuation(self._with(client_call_details), request_iterator)


async def _state(client: Client) -> int:
    query = correlation_pb2.HealthQueryRequest(gpu=common_pb2.GpuIdentifier(uuid=GPU))
    return (await client.correlation.QueryGpuHealth(query, timeout=WITHIN_S)).health.state


def _decide(client, *, approve: bool):
    request = directives_pb2.DecideDirectiveRequest(directive_id="d1", approve=approve, comment="seen")
    return client.directives.DecideDirective(request, timeout=WITHIN_S)


async def test_condemning_waits_until_somebody_else_approves(people_on_both):
    people = people_on_both
    call = people["ann"].quarantine.IssueDirective(directive(CONDEMN, directive_id="d1"), timeout=WITHIN_S)
    answer = await call

    assert (answer.accepted, answer.resulting_state) == (True, "HEALTHY")
    assert dict(await call.trailing_metadata())["sentinel-directive-status"] == "waiting"
    assert await _state(people["ann"]) == health_pb2.GPU_HEALTH_STATE_HEALTHY

    assert await code_of(_decide(people["ann"], approve=True)) is grpc.StatusCode.PERMISSION_DENIED
    record = await _decide(people["ben"], approve=True)

    assert record.status == directives_pb2.DIRECTIVE_STATUS_EXECUTED
    assert record.directive.approval.reviewer == "ben"
    assert await _state(people["ann"]) == health_pb2.GPU_HEALTH_STATE_CONDEMNED


async def test_a_denied_directive_changes_nothing_and_stays_denied(people):
    await people["ann"].issue(CONDEMN, directive_id="d1")

    assert (await _decide(people["ben"], approve=False)).status == directives_pb2.DIRECTIVE_STATUS_DENIED
    assert await code_of(_decide(people["ben"], approve=True)) is grpc.StatusCode.FAILED_PRECONDITION
    assert await _state(people["ann"]) == health_pb2.GPU_HEALTH_STATE_HEALTHY


async def test_the_same_directive_again_is_done_once(people):
    first = await people["ann"].issue(QUARANTINE, directive_id="d1")
    again = await people["ann"].issue(QUARANTINE, directive_id="d1")

    assert (first.resulting_state, again) == ("QUARANTINED", first)


async def test_a_directive_can_ask_to_wait(people):
    answer = await people["ann"].issue(QUARANTINE, requires_approval=True)

    assert answer.resulting_state == "HEALTHY"


async def test_an_approval_that_comes_with_a_directive_is_not_believed(people):
    approval = quarantine_pb2.ApprovalStatus(approved=True, reviewer="ben")

    assert (await people["ann"].issue(CONDEMN, approval=approval)).resulting_state == "HEALTHY"


async def test_a_responder_gives_back_what_it_took_and_nothing_else(people):
    for who, code in (("bot", grpc.StatusCode.OK), ("olga", grpc.StatusCode.PERMISSION_DENIED)):
        await people[who].issue(QUARANTINE)
        back = people["bot"].quarantine.IssueDirective(directive(REINSTATE), timeout=WITHIN_S)

        assert await back.code() is code

    _, words = await refusal_of(people["bot"].issue(REINSTATE))
    assert "'olga' took it out of use" in words


async def test_a_responder_asks_to_condemn_and_does_not_decide(people):
    call = people["bot"].quarantine.IssueDirective(directive(CONDEMN, directive_id="d1"), timeout=WITHIN_S)
    await call

    assert dict(await call.trailing_metadata())["sentinel-directive-status"] == "waiting"
    for approve in (True, False):
        assert await code_of(_decide(people["bot"], approve=approve)) is grpc.StatusCode.PERMISSION_DENIED


async def test_a_follower_that_comes_back_misses_nothing(gateway, client):
    await client.report(batch())
    live = client.quarantine.StreamDirectives(quarantine_pb2.DirectiveSubscription(), timeout=WITHIN_S)
    await live.initial_metadata()
    for number, action in enumerate((QUARANTINE, REINSTATE, QUARANTINE)):
        await client.issue(action, directive_id=f"d{number}")
    heard = [(await live.read()).directive_id for _ in range(3)]
    live.cancel()

    resumed = client.quarantine.StreamDirectives(
        quarantine_pb2.DirectiveSubscription(), metadata=(("sentinel-resume-after", "d0"),), timeout=WITHIN_S
    )
    assert heard == ["d0", "d1", "d2"]
    assert [(await resumed.read()).directive_id for _ in range(2)] == ["d1", "d2"]
    resumed.cancel()


async def test_directives_are_listed_newest_first(people):
    for number, action in enumerate((QUARANTINE, REINSTATE, CONDEMN)):
        await people["ann"].issue(action, directive_id=f"d{number}")

    waiting = directives_pb2.ListDirectivesRequest(status=[directives_pb2.DIRECTIVE_STATUS_WAITING])
    everything = await people["ben"].directives.ListDirectives(directives_pb2.ListDirectivesRequest(), timeout=WITHIN_S)
    some = await people["ben"].directives.ListDirectives(waiting, timeout=WITHIN_S)
    assert [record.directive.directive_id for record in everything.directives] == ["d2", "d1", "d0"]
    assert [record.directive.directive_id for record in some.directives] == ["d2"]


def _withdraw(client, comment: str = ""):
    request = directives_pb2.WithdrawDirectiveRequest(directive_id="d1", comment=comment)
    return client.directives.WithdrawDirective(request, timeout=WITHIN_S)


async def test_an_issuer_takes_a_waiting_directive_back_and_the_ledger_tells(people_on_both):
    people = people_on_both
    await people["olga"].issue(CONDEMN, directive_id="d1")

    record, again = await _withdraw(people["olga"], "a mistake"), await _withdraw(people["olga"])

    assert record.status == directives_pb2.DIRECTIVE_STATUS_WITHDRAWN
    assert (record.note, record.issued_by, again) == ("withdrawn by olga: a mistake", "olga", record)
    assert await code_of(_decide(people["ben"], approve=True)) is grpc.StatusCode.FAILED_PRECONDITION
    assert [told.fields["note"] for told in await _told(people["ben"], "directive.withdrawn")] == [record.note]


async def _told(client, event):
    query = audit_pb2.AuditQueryRequest(entry_type=audit_pb2.AUDIT_ENTRY_TYPE_QUARANTINE_ACTION)
    answer = await client.audit.QueryAuditTrail(query, timeout=WITHIN_S)
    records = [records_pb2.SystemRecord.FromString(entry.data) for entry in answer.entries]
    return [record for record in records if record.event == event]


async def test_only_its_issuer_or_an_admin_takes_a_directive_back(people):
    await people["olga"].issue(CONDEMN, directive_id="d1", initiated_by="oscar")

    assert await code_of(_withdraw(people["oscar"])) is grpc.StatusCode.PERMISSION_DENIED
    assert await code_of(_withdraw(people["agent"])) is grpc.StatusCode.PERMISSION_DENIED
    assert (await _withdraw(people["ben"])).note == "withdrawn by ben"


async def test_what_was_decided_cannot_be_taken_back(people):
    await people["ann"].issue(CONDEMN, directive_id="d1")
    await _decide(people["ben"], approve=True)

    code, words = await refusal_of(_withdraw(people["ann"]))

    assert (code, "EXECUTED by ben" in words) == (grpc.StatusCode.FAILED_PRECONDITION, True)


async def test_a_directive_nobody_knows_cannot_be_taken_back(people):
    assert await code_of(_withdraw(people["ann"])) is grpc.StatusCode.NOT_FOUND
