"""Certificates that are renewed on disk are taken up when the next connection is made, by calls and streams alike."""

from __future__ import annotations

import asyncio
import logging
import shutil
from contextlib import asynccontextmanager
from itertools import chain

import grpc
import pytest
from tests.sentinel_sdk.certificates import Authority
from tests.sentinel_sdk.scripted import ScriptedServer, eventually, made, until_ended

from sentinel.v1 import correlation_pb2, probe_pb2
from sentinel_sdk import (
    ConnectionError,  # noqa: A004 - the documented name
    RetryConfig,
    SentinelClient,
    TlsConfig,
    methods,
)
from sentinel_sdk.types import ProbeExecution

PATIENT = RetryConfig(initial_backoff_s=0.02, max_backoff_s=0.1)


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"), "before")


@pytest.fixture(scope="module")
def after(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"), "after")


def credentials(authority):
    pair = authority.issue("server").pem
    return grpc.ssl_server_credentials([pair], authority.certificate.read_bytes(), require_client_auth=True)


def _who_called(_request, context):
    names = context.auth_context()["x509_common_name"]
    return made(correlation_pb2.FleetHealthResponse, summary={"total_gpus": len(names[0])})


def _stored(batches, _context):
    for one in batches:
        yield made(probe_pb2.ProbeAck, sequence_number=one.sequence_number, accepted=True)


@pytest.fixture
def server(before):
    server = ScriptedServer(credentials(before))
    server.on(methods.QUERY_FLEET_HEALTH, _who_called)
    server.on(methods.STREAM_PROBE_RESULTS, _stored)
    yield server
    server.stop()


class Disk:
    """The files of an agent, which somebody renews."""

    def __init__(self, folder, authority):
        self._paths = [folder / name for name in ("ca.pem", "agent.pem", "agent-key.pem")]
        self.renew(authority, "old")
        self.config = TlsConfig(*map(str, self._paths))

    def renew(self, authority, name, files=("ca.pem", "agent.pem", "agent-key.pem")):
        issued = authority.issue(name)
        for path, source in zip(self._paths, (authority.certificate, issued.certificate, issued.key), strict=True):
            if path.name in files:
                shutil.copy(source, path)


@pytest.fixture
def disk(tmp_path, before):
    return Disk(tmp_path, before)


@asynccontextmanager
async def _blocking(server, disk, **how):
    with SentinelClient.connect(server.endpoint, tls_config=disk.config, **how) as client:
        stream = client.probe_stream("node-1")
        yield (
            lambda: asyncio.to_thread(client.query_fleet_health),
            lambda: asyncio.to_thread(stream.send, [ProbeExecution()]),
        )


@asynccontextmanager
async def _asynchronous(server, disk, **how):
    async with await SentinelClient.aconnect(server.endpoint, tls_config=disk.config, **how) as client:
        stream = client.aprobe_stream("node-1")
        yield client.aquery_fleet_health, lambda: stream.send([ProbeExecution()])


@pytest.fixture(params=[_blocking, _asynchronous], ids=["blocking", "asynchronous"])
async def agent(request, server, disk):
    """An agent of either face, as what asks for the fleet and what sends a batch; both have been used once."""
    async with request.param(server, disk, retry_config=PATIENT, default_timeout=20) as (ask, send):
        assert (await ask()).total_gpus == len("old")
        assert (await send()).accepted
        yield ask, send


async def test_a_restart_after_a_renewal_ends_nothing(server, disk, agent, before, caplog):
    caplog.set_level(logging.INFO)
    ask, send = agent
    disk.renew(before, "renewed")
    await asyncio.to_thread(server.stop)
    sending, asking = asyncio.ensure_future(send()), asyncio.ensure_future(ask())
    assert await asyncio.to_thread(eventually, lambda: "tls.renewed" in caplog.text)

    server.start_again()

    assert (await sending).accepted
    assert (await asking).total_gpus == len("renewed")


async def test_what_is_no_longer_accepted_is_replaced_by_what_lies_on_the_disk(server, disk, agent, after):
    ask, send = agent
    disk.renew(after, "of another authority")
    await asyncio.to_thread(server.stop)
    server.start_again(credentials(after))

    assert (await ask()).total_gpus == len("of another authority")
    assert (await send()).accepted


async def test_files_that_do_not_fit_together_yet_are_waited_for(server, disk, agent, after, caplog):
    caplog.set_level(logging.INFO)
    ask, _send = agent
    disk.renew(after, "new", files=["ca.pem", "agent.pem"])
    await asyncio.to_thread(server.stop)
    server.start_again(credentials(after))
    asking = asyncio.ensure_future(ask())
    words = "was not asked again: the certificates have changed, and cannot be used yet"
    assert await asyncio.to_thread(eventually, lambda: words in caplog.text)
    assert "agent-key.pem' is not the key of" in caplog.text

    disk.renew(after, "whole")

    assert (await asking).total_gpus == len("whole")


@pytest.mark.parametrize("face", [_blocking, _asynchronous], ids=["blocking", "asynchronous"])
async def test_a_server_that_is_away_is_away_whatever_the_files_hold(server, disk, face, after):
    await asyncio.to_thread(server.stop)
    async with face(server, disk, retry_config=RetryConfig(max_retries=0)) as (ask, _send):
        disk.renew(after, "new", files=["agent.pem"])

        with pytest.raises(ConnectionError, match="refused the connection: nothing listens there"):
            await ask()


async def test_what_is_under_way_on_the_old_connection_goes_on_over_the_new_one(server, disk, agent, before):
    """A server that goes away lets a stream end in peace; a call meanwhile finds nobody, and the new certificate."""
    ask, send = agent
    arrived = []

    def quiet_at_first(batches, context):
        first = next(batches)
        arrived.append(first.sequence_number)
        yield from until_ended(context) if len(arrived) == 1 else _stored(chain([first], batches), context)

    await asyncio.to_thread(server.stop)
    server.on(methods.STREAM_PROBE_RESULTS, quiet_at_first)
    server.start_again()
    sending = asyncio.ensure_future(send())
    assert await asyncio.to_thread(eventually, lambda: bool(arrived))
    disk.renew(before, "renewed")
    ended = server.go_away()
    asking = asyncio.ensure_future(ask())
    assert await asyncio.to_thread(ended.wait, 10)

    server.start_again()

    assert (await asking).total_gpus == len("renewed")
    assert (await sending).accepted
    assert arrived == [2, 2]
