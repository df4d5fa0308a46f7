"""One stub class serves both channels, at run time and for the type checker (`make check` judges `assert_type`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, assert_type

import grpc
import pytest
from grpc import aio

from sentinel.v1 import probe_pb2, quarantine_pb2
from sentinel.v1.probe_pb2_grpc import ProbeServiceServicer, ProbeServiceStub, add_ProbeServiceServicer_to_server
from sentinel.v1.quarantine_pb2_grpc import (
    QuarantineServiceServicer,
    QuarantineServiceStub,
    add_QuarantineServiceServicer_to_server,
)

if TYPE_CHECKING:
    from sentinel.v1.probe_pb2_grpc import ProbeServiceAsyncStub
    from sentinel.v1.quarantine_pb2_grpc import QuarantineServiceAsyncStub

DEADLINE_S = 10.0
DIRECTIVE = quarantine_pb2.QuarantineDirective(directive_id="d-1")
BATCHES = [probe_pb2.ProbeResultBatch(sequence_number=number) for number in (1, 2)]


class Quarantine(QuarantineServiceServicer):
    def IssueDirective(self, request, context):  # noqa: N802  the wire's name
        return quarantine_pb2.DirectiveResponse(directive_id=request.directive_id, accepted=True)

    def StreamDirectives(self, request, context):  # noqa: N802  the wire's name
        yield DIRECTIVE


class Probes(ProbeServiceServicer):
    def StreamProbeResults(self, request_iterator, context):  # noqa: N802  the wire's name
        for batch in request_iterator:
            yield probe_pb2.ProbeAck(sequence_number=batch.sequence_number, accepted=True)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(2))
    add_QuarantineServiceServicer_to_server(Quarantine(), server)
    add_ProbeServiceServicer_to_server(Probes(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(grace=None).wait()


def test_a_blocking_call(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        answer = QuarantineServiceStub(channel).IssueDirective(DIRECTIVE, timeout=DEADLINE_S)

    assert assert_type(answer, quarantine_pb2.DirectiveResponse).directive_id == "d-1"


async def test_an_awaited_call(address: str) -> None:
    async with aio.insecure_channel(address) as channel:
        stub: QuarantineServiceAsyncStub = QuarantineServiceStub(channel)

        answer = await stub.IssueDirective(DIRECTIVE, timeout=DEADLINE_S)

    assert assert_type(answer, quarantine_pb2.DirectiveResponse).directive_id == "d-1"


def test_a_blocking_stream_both_ways(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        acks = list(ProbeServiceStub(channel).StreamProbeResults(iter(BATCHES), timeout=DEADLINE_S))

    assert [ack.sequence_number for ack in assert_type(acks, list[probe_pb2.ProbeAck])] == [1, 2]


async def test_an_awaited_stream_both_ways(address: str) -> None:
    async def batches() -> AsyncIterator[probe_pb2.ProbeResultBatch]:
        for batch in BATCHES:
            yield batch

    async with aio.insecure_channel(address) as channel:
        stub: ProbeServiceAsyncStub = ProbeServiceStub(channel)

        acks = [ack async for ack in stub.StreamProbeResults(batches(), timeout=DEADLINE_S)]

    assert [ack.sequence_number for ack in assert_type(acks, list[probe_pb2.ProbeAck])] == [1, 2]
