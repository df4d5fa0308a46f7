"""Components receive configuration and say what became of it; the first word is theirs."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import grpc
import pytest
from tests.sentinel_sdk.conftest import QUICK
from tests.sentinel_sdk.scripted import eventually, made, until_ended

from sentinel.v1 import config_pb2
from sentinel_sdk import SentinelClient, methods
from sentinel_sdk.types import ConfigAck


class Gateway:
    """Sends updates one by one, each after the acknowledgement of the one before; breaks once if told to."""

    def __init__(self, server, *updates, breaks=False):
        self.acks, self.left, self.breaks = [], list(updates), breaks
        server.on(methods.CONFIG_STREAM, self.converse)

    def converse(self, acks, context):
        self.acks.append(next(acks))
        while self.left:
            yield made(config_pb2.ConfigUpdate, update_id=self.left[0], threshold={"value": 0.5})
            if self.breaks:
                self.breaks = False
                context.abort(grpc.StatusCode.UNAVAILABLE, "cut")
            self.acks.append(next(acks))
            self.left.pop(0)


@pytest.fixture(params=["blocking", "asynchronous"])
async def serve(request, server):
    if request.param == "blocking":
        client = SentinelClient.connect(server.endpoint, retry_config=QUICK)
        yield lambda name, apply: asyncio.to_thread(client.config_stream, name, apply)
        client.close()
    else:
        aclient = await SentinelClient.aconnect(server.endpoint, retry_config=QUICK)
        yield aclient.aconfig_stream
        await aclient.aclose()


async def test_an_empty_acknowledgement_opens_the_stream(server, serve):
    gateway = Gateway(server)

    await serve("node-1", lambda _update: None)

    assert gateway.acks == [made(config_pb2.ConfigAck, component_id="node-1")]


async def test_an_applied_update_is_acknowledged(server, serve):
    gateway = Gateway(server, "u1", "u2")
    applied: list[Any] = []

    await serve("node-1", lambda update: applied.append(update.threshold.value))

    assert applied == [0.5, 0.5]
    assert gateway.acks[1:] == [
        made(config_pb2.ConfigAck, update_id=name, applied=True, component_id="node-1") for name in ("u1", "u2")
    ]


async def test_an_update_can_be_refused_with_a_reason(server, serve):
    gateway = Gateway(server, "u1")

    await serve("node-1", lambda _update: ConfigAck(error="out of range", config_version=4))

    refused = made(config_pb2.ConfigAck, update_id="u1", component_id="node-1", error="out of range", config_version=4)
    assert gateway.acks[1] == refused


async def test_a_broken_stream_is_opened_again_with_an_empty_acknowledgement(server, serve):
    gateway = Gateway(server, "u1", breaks=True)

    await serve("node-1", lambda _update: None)

    assert [ack.update_id for ack in gateway.acks] == ["", "", "u1"]


async def test_an_error_of_the_component_is_raised_and_acknowledges_nothing(server, serve):
    gateway = Gateway(server, "u1")

    def fail(update):
        raise LookupError(update.update_id)

    with pytest.raises(LookupError, match="u1"):
        await serve("node-1", fail)

    assert len(gateway.acks) == 1


async def test_a_coroutine_function_may_apply_updates(server, aclient):
    gateway = Gateway(server, "u1")

    async def apply(update):
        await asyncio.sleep(0)
        return ConfigAck(applied=True, config_version=len(update.update_id))

    await aclient.aconfig_stream("node-1", apply)

    assert gateway.acks[1].config_version == 2


def test_closing_from_another_thread_ends_it(server, client):
    server.on(methods.CONFIG_STREAM, lambda _acks, context: until_ended(context))
    serving = threading.Thread(target=client.config_stream, args=("node-1", lambda _update: None))
    serving.start()
    assert eventually(lambda: bool(server.seen))

    client.close()
    serving.join(10)

    assert not serving.is_alive()
