"""What is sent again, how often, how long, and with which content."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import grpc
import pytest
from tests.sentinel_sdk.scripted import failing_first, made

from sentinel.v1 import audit_pb2, correlation_pb2, quarantine_pb2
from sentinel_sdk import (
    AuthenticationError,
    ConnectionError,  # noqa: A004 - the documented name
    DeadlineExceededError,
    InvalidArgumentError,
    NotFoundError,
    RetryConfig,
    SentinelClient,
    SentinelError,
    methods,
    types,
)
from sentinel_sdk.errors import BY_CODE, AlreadyExistsError, FailedPreconditionError, from_status
from sentinel_sdk.retry import Attempts, Backoff

FLEET = made(correlation_pb2.FleetHealthResponse, summary={"total_gpus": 1})


def _refused(port):
    """Wait until nothing listens there."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            return


@pytest.mark.parametrize("code", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"])
async def test_a_transient_failure_is_tried_again(server, ask, code):
    server.on(methods.QUERY_FLEET_HEALTH, failing_first(2, grpc.StatusCode[code], lambda _r, _c: FLEET))

    fleet = await ask("query_fleet_health")

    assert fleet.total_gpus == 1
    assert len(server.seen) == 3


async def test_a_repeated_directive_keeps_its_id_and_time(server, ask):
    answer = made(quarantine_pb2.DirectiveResponse, accepted=True)
    server.on(methods.ISSUE_DIRECTIVE, failing_first(2, grpc.StatusCode.UNAVAILABLE, lambda _r, _c: answer))

    await ask("issue_quarantine", "GPU-1", types.QuarantineAction.QUARANTINE, "why")

    first, second, third = server.requests(methods.ISSUE_DIRECTIVE)
    assert first == second == third


async def test_two_directives_have_two_ids(server, ask):
    server.answers(methods.ISSUE_DIRECTIVE, made(quarantine_pb2.DirectiveResponse, accepted=True))

    await ask("issue_quarantine", "GPU-1", types.QuarantineAction.QUARANTINE, "why")
    await ask("issue_quarantine", "GPU-1", types.QuarantineAction.QUARANTINE, "why")

    assert len({request.directive_id for request in server.requests(methods.ISSUE_DIRECTIVE)}) == 2


async def test_recording_without_a_key_is_tried_once(server, ask):
    server.on(methods.INGEST_EVENTS, failing_first(9, grpc.StatusCode.UNAVAILABLE, lambda _r, _c: None))

    with pytest.raises(ConnectionError):
        await ask("ingest_audit_entries", [types.AuditEntry(data=b"x")])

    assert len(server.seen) == 1


async def test_recording_with_a_key_is_tried_again_with_the_same_one(server, ask):
    answer = made(audit_pb2.AuditIngestResponse, success=True)
    server.on(methods.INGEST_EVENTS, failing_first(1, grpc.StatusCode.UNAVAILABLE, lambda _r, _c: answer))

    await ask("ingest_audit_entries", [types.AuditEntry(data=b"x")], "once")

    assert [call.metadata["sentinel-idempotency-key"] for call in server.seen] == ["once", "once"]


async def test_a_call_gives_up_after_as_many_retries_as_it_was_allowed(server, ask):
    server.on(methods.QUERY_FLEET_HEALTH, failing_first(9, grpc.StatusCode.UNAVAILABLE, lambda _r, _c: None))

    with pytest.raises(ConnectionError, match="not now"):
        await ask("query_fleet_health")

    assert len(server.seen) == 4


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("NOT_FOUND", NotFoundError),
        ("UNAUTHENTICATED", AuthenticationError),
        ("PERMISSION_DENIED", AuthenticationError),
        ("INVALID_ARGUMENT", InvalidArgumentError),
        ("ALREADY_EXISTS", AlreadyExistsError),
        ("FAILED_PRECONDITION", FailedPreconditionError),
        ("INTERNAL", SentinelError),
        ("UNIMPLEMENTED", SentinelError),
    ],
)
async def test_any_other_failure_is_raised_at_once_with_its_code(server, ask, code, error):
    server.on(methods.QUERY_FLEET_HEALTH, failing_first(9, grpc.StatusCode[code], lambda _r, _c: None))

    with pytest.raises(SentinelError, match=f"not now: {code}") as caught:
        await ask("query_fleet_health")

    assert (type(caught.value), caught.value.code) == (error, grpc.StatusCode[code])
    assert len(server.seen) == 1


@pytest.mark.parametrize("code", list(grpc.StatusCode), ids=lambda code: code.name)
def test_every_status_has_an_error(code):
    error = from_status(code, "")

    assert isinstance(error, SentinelError)
    assert type(error) is BY_CODE.get(code, SentinelError)
    assert error.code is code


async def test_one_deadline_covers_all_attempts(server):
    def slow(_request, _context):
        time.sleep(0.12)
        _context.abort(grpc.StatusCode.UNAVAILABLE, "slow")

    server.on(methods.QUERY_FLEET_HEALTH, slow)
    retry = RetryConfig(max_retries=100, initial_backoff_s=0.01)
    with SentinelClient.connect(server.endpoint, retry_config=retry, default_timeout=0.4) as client:
        began = time.monotonic()
        with pytest.raises(SentinelError):
            client.query_fleet_health()

    assert time.monotonic() - began < 1.0
    assert 2 <= len(server.seen) <= 5


async def test_a_slow_server_sees_one_directive(server):
    """With a deadline per attempt the same directive would be carried out several times by a server without ids."""
    done = threading.Event()
    server.on(methods.ISSUE_DIRECTIVE, lambda _r, _c: done.wait(10))
    client = SentinelClient.connect(server.endpoint, default_timeout=0.2)
    with client, pytest.raises(DeadlineExceededError, match="Deadline Exceeded") as caught:
        client.quarantine_gpu("GPU-1", "why")
    done.set()

    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert len(server.seen) == 1


async def test_a_client_with_another_deadline_shares_the_connection(server, ask):
    server.answers(methods.QUERY_FLEET_HEALTH, FLEET)
    patient = ask.client.with_timeout(600)

    assert patient.policy.timeout_s == 600
    assert ask.client.policy.timeout_s == 10
    assert not patient.closed


async def test_retries_can_be_switched_off(server):
    server.on(methods.QUERY_FLEET_HEALTH, failing_first(1, grpc.StatusCode.UNAVAILABLE, lambda _r, _c: FLEET))
    client = SentinelClient.connect(server.endpoint, retry_config=RetryConfig(max_retries=0))
    with client, pytest.raises(ConnectionError):
        client.query_fleet_health()


async def test_without_a_number_a_call_is_tried_until_its_deadline(server):
    server.on(methods.QUERY_FLEET_HEALTH, failing_first(6, grpc.StatusCode.UNAVAILABLE, lambda _r, _c: FLEET))
    retry = RetryConfig(initial_backoff_s=0.01, max_backoff_s=0.02)

    with SentinelClient.connect(server.endpoint, retry_config=retry, default_timeout=10) as client:
        assert client.query_fleet_health().total_gpus == 1

    assert len(server.seen) == 7


async def test_a_call_outlives_a_restart_of_the_server(server):
    server.answers(methods.QUERY_FLEET_HEALTH, FLEET)
    retry = RetryConfig(max_backoff_s=0.2)
    with SentinelClient.connect(server.endpoint, retry_config=retry, default_timeout=20) as client:
        client.query_fleet_health()
        server.stop()
        asking = asyncio.ensure_future(asyncio.to_thread(client.query_fleet_health))
        await asyncio.to_thread(_refused, server.port)
        server.start_again()

        assert (await asking).total_gpus == 1


async def test_a_call_that_the_server_cancels_is_tried_again(server, ask):
    server.on(methods.QUERY_FLEET_HEALTH, failing_first(1, grpc.StatusCode.CANCELLED, lambda _r, _c: FLEET))

    assert (await ask("query_fleet_health")).total_gpus == 1


@pytest.mark.parametrize("code", ["UNAVAILABLE", "INTERNAL", "UNKNOWN"])
async def test_a_stream_that_was_removed_is_tried_again(server, ask, code):
    def removed(_request, context):
        if len(server.seen) == 1:
            context.abort(grpc.StatusCode[code], "Stream removed")
        return FLEET

    server.on(methods.QUERY_FLEET_HEALTH, removed)

    assert (await ask("query_fleet_health")).total_gpus == 1


@pytest.mark.parametrize("code", ["RESOURCE_EXHAUSTED", "NOT_FOUND", "PERMISSION_DENIED"])
async def test_a_status_that_says_more_is_no_cut_whatever_its_words(server, ask, code):
    server.on(methods.QUERY_FLEET_HEALTH, lambda _r, c: c.abort(grpc.StatusCode[code], "Stream removed, say they"))

    with pytest.raises(SentinelError, match="^Stream removed, say they") as caught:
        await ask("query_fleet_health")

    assert caught.value.code is grpc.StatusCode[code]


async def test_a_server_that_is_not_there_is_a_connection_error(server, ask):
    server.stop()

    with pytest.raises(ConnectionError, match="failed to connect to all addresses") as caught:
        await ask("query_fleet_health")

    assert caught.value.code is grpc.StatusCode.UNAVAILABLE


async def test_a_time_no_value_can_hold_is_an_error_and_no_crash(server, ask):
    answer = made(correlation_pb2.FleetHealthResponse, summary={"snapshot_time": {"seconds": 10**13}})
    server.answers(methods.QUERY_FLEET_HEALTH, answer)

    with pytest.raises(SentinelError, match=r"QueryFleetHealth cannot be read"):
        await ask("query_fleet_health")


def test_waits_grow_are_capped_and_shortened_at_random():
    config = RetryConfig(initial_backoff_s=0.1, max_backoff_s=0.5, backoff_multiplier=2)
    whole, halved = Backoff(config, lambda: 0.0), Backoff(config, lambda: 1.0)

    assert [whole.next_s() for _ in range(5)] == pytest.approx([0.1, 0.2, 0.4, 0.5, 0.5])
    assert [halved.next_s() for _ in range(2)] == pytest.approx([0.05, 0.1])


def test_a_wait_never_overflows():
    backoff = Backoff(RetryConfig())

    assert max(backoff.next_s() for _ in range(5000)) <= 10.0


def test_no_attempt_begins_after_the_deadline():
    now = [0.0]
    attempts = Attempts(
        RetryConfig(initial_backoff_s=1), 2.5, repeatable=True, clock=lambda: now[0], chance=lambda: 0.0
    )

    assert attempts.delay_after(grpc.StatusCode.UNAVAILABLE) == 1.0
    now[0] = 1.0
    assert attempts.remaining_s == 1.5
    assert attempts.delay_after(grpc.StatusCode.UNAVAILABLE) == 0.75
    now[0] = 1.75
    assert attempts.delay_after(grpc.StatusCode.UNAVAILABLE) is None


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_the_defaults_outlive_a_restart_of_ten_seconds(chance):
    now, attempts_at = [0.0], []
    attempts = Attempts(RetryConfig(), 30, repeatable=True, clock=lambda: now[0], chance=lambda: chance)

    while (delay_s := attempts.delay_after(grpc.StatusCode.UNAVAILABLE)) is not None:
        now[0] += delay_s
        attempts_at.append(now[0])

    assert sum(moment > 10 for moment in attempts_at) >= 3
    assert attempts_at[-1] > 29


@pytest.mark.parametrize(
    "wrong",
    [{"max_retries": -1}, {"initial_backoff_s": 0}, {"max_backoff_s": 0.01}, {"backoff_multiplier": 0.5}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_retry_config_that_cannot_work_is_refused(wrong):
    with pytest.raises(InvalidArgumentError):
        RetryConfig(**wrong)
