"""One caller, by what it asks or does not read, keeps no other from being answered."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import grpc
import pytest
from tests.node_service.conftest import Given, serving
from tests.node_service.doubles import READER, WITHIN_S, GivenLog, SteppedProber, line
from tests.node_service.test_running_a_probe import request
from tests.node_service.waiting import reached

from sentinel.node.v1 import node_pb2, node_pb2_grpc
from sentinel_node.domain.access import EVERY_ROLE, AccessRules, Caller, token_digest
from sentinel_node.service import border

TWO = AccessRules({}, {token_digest("a"): Caller("ada", EVERY_ROLE), token_digest("b"): Caller("bob", READER)})
LONG = tuple(replace(line(number), message="x" * 4000) for number in range(2000))


def token(text: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {text}")]


async def describe(port: int, who: str) -> str:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        asked = node_pb2.DescribeNodeRequest()
        stub = node_pb2_grpc.NodeServiceStub(channel)
        return str((await stub.DescribeNode(asked, metadata=token(who), timeout=WITHIN_S)).node_name)


async def is_answered(port: int, who: str) -> bool:
    try:
        return await describe(port, who) == "node-1"
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return False
        raise


async def test_one_caller_has_some_places_and_the_others_are_for_others(monkeypatch):
    monkeypatch.setattr(border, "MOST_OF_ONE", 1)
    given = Given(prober=SteppedProber(held=True), rules=TWO)
    async with serving(given) as port, grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = node_pb2_grpc.NodeServiceStub(channel).RunProbe(request(), metadata=token("a"))
        await reached(given.prober)

        with pytest.raises(grpc.aio.AioRpcError, match="the most for one caller") as refused:
            await describe(port, "a")
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await describe(port, "b") == "node-1"

        given.prober.go.set()
        assert [event async for event in call]
        assert await describe(port, "a") == "node-1"


async def test_an_answer_that_is_not_read_gives_its_place_back(monkeypatch):
    monkeypatch.setattr(border, "MOST_OF_ONE", 1)
    monkeypatch.setattr(border, "WRITE_S", 0.05)
    async with (
        serving(Given(kernel_log=GivenLog(lines=LONG), rules=TWO)) as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        call = node_pb2_grpc.NodeServiceStub(channel).ReadKernelLog(
            node_pb2.KernelLogRequest(limit=20_000), metadata=token("a")
        )
        await call.read()  # it is under way, and nothing more of it is read

        async with asyncio.timeout(WITHIN_S):
            while not await is_answered(port, "a"):
                pass
        call.cancel()
