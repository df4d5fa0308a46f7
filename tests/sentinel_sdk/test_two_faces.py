"""A client has one face; the wrong method says which is the right one. Closing is clean, and so is forgetting to."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading

import pytest
from tests.sentinel_sdk.scripted import eventually

from sentinel_sdk import SentinelClient, SentinelError, methods

OPERATIONS = [
    name
    for name in dir(SentinelClient)
    if not name.startswith("_") and name not in {"connect", "aconnect", "with_timeout"}
]
ASYNCHRONOUS = [name for name in OPERATIONS if name.startswith("a") and name[1:] in OPERATIONS]
BLOCKING = [name[1:] for name in ASYNCHRONOUS]


def _arguments(method):
    required = [one for one in inspect.signature(method).parameters.values() if one.default is inspect.Parameter.empty]
    return ["2"] * len(required)


async def _called(client, name):
    """Call an operation with whatever arguments; the face is asked for before they are looked at."""
    outcome = getattr(client, name)(*_arguments(getattr(client, name)))
    if inspect.isgenerator(outcome):
        next(outcome)
    elif inspect.isasyncgen(outcome):
        await anext(outcome)
    elif inspect.isawaitable(outcome):
        await outcome


@pytest.mark.parametrize("name", BLOCKING)
async def test_a_blocking_method_of_an_asynchronous_client_names_the_right_one(aclient, name):
    with pytest.raises(SentinelError, match=rf"made by aconnect\(\), where {name}\(\) does not work: use a{name}\(\)"):
        await _called(aclient, name)


@pytest.mark.parametrize("name", ASYNCHRONOUS)
async def test_an_asynchronous_method_of_a_blocking_client_names_the_right_one(client, name):
    with pytest.raises(
        SentinelError, match=rf"made by connect\(\), where {name}\(\) does not work: use {name[1:]}\(\)"
    ):
        await _called(client, name)


async def test_the_wrong_kind_of_with_names_the_right_one(client, aclient):
    with pytest.raises(SentinelError, match="use async with"):
        aclient.__enter__()
    with pytest.raises(SentinelError, match="where async with does not work: use with"):
        await client.__aenter__()


async def test_a_closed_client_says_so(ask):
    for _ in range(2):
        await ask("close")

    with pytest.raises(SentinelError, match="Client is closed") as caught:
        await ask("query_fleet_health")

    assert caught.value.code is None
    assert ask.client.closed


def test_closing_ends_a_call_under_way_in_another_thread(server):
    release, failures = threading.Event(), []
    server.on(methods.QUERY_FLEET_HEALTH, lambda _request, _context: release.wait(10))
    client = SentinelClient.connect(server.endpoint)

    def wait():
        try:
            client.query_fleet_health()
        except SentinelError as error:
            failures.append(str(error))

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert eventually(lambda: bool(server.seen))
    client.close()
    waiting.join(10)
    release.set()

    assert failures == ["Client is closed"]


async def test_closing_ends_a_call_under_way_in_another_task(server):
    release = threading.Event()
    server.on(methods.QUERY_FLEET_HEALTH, lambda _request, _context: release.wait(10))
    client = await SentinelClient.aconnect(server.endpoint)
    waiting = asyncio.ensure_future(client.aquery_fleet_health())
    assert await asyncio.to_thread(eventually, lambda: bool(server.seen))

    await client.aclose()

    with pytest.raises(SentinelError, match="Client is closed"):
        await waiting
    release.set()


async def test_cancelling_a_task_cancels_and_is_no_error_of_ours(server, aclient):
    release = threading.Event()
    server.on(methods.QUERY_FLEET_HEALTH, lambda _request, _context: release.wait(10))
    waiting = asyncio.ensure_future(aclient.aquery_fleet_health())
    assert await asyncio.to_thread(eventually, lambda: bool(server.seen))

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    release.set()


async def test_a_forgotten_client_leaves_no_warning(server, recwarn):
    server.answers(methods.QUERY_FLEET_HEALTH, methods.QUERY_FLEET_HEALTH.response())
    forgotten = [await SentinelClient.aconnect(server.endpoint), SentinelClient.connect(server.endpoint)]
    await forgotten[0].aquery_fleet_health()

    forgotten.clear()
    gc.collect()
    await asyncio.sleep(0)

    assert [str(warning.message) for warning in recwarn] == []


def test_a_client_that_could_not_be_made_leaves_nothing_behind(recwarn, capsys):
    with pytest.raises(SentinelError):
        SentinelClient.connect("")
    gc.collect()

    assert capsys.readouterr().err == ""
    assert [str(warning.message) for warning in recwarn] == []


def test_methods_show_what_they_take_and_return():
    blocking, asynchronous = SentinelClient.issue_quarantine, SentinelClient.aissue_quarantine

    assert list(inspect.signature(blocking).parameters) == [
        "self", "gpu_uuid", "action", "reason", "initiated_by", "evidence", "requires_approval",
    ]  # fmt: skip
    assert inspect.signature(asynchronous).parameters == inspect.signature(blocking).parameters
    assert inspect.iscoroutinefunction(asynchronous)
    assert asynchronous.__qualname__ == "SentinelClient.aissue_quarantine"


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_explained(name):
    assert (getattr(SentinelClient, name).__doc__ or "").strip()
