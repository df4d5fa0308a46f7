"""Iterators read page after page, and ask for a page only when it is needed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from tests.sentinel_sdk.scripted import made

from sentinel.ext.v1 import directives_pb2
from sentinel.v1 import audit_pb2, correlation_pb2
from sentinel_sdk import InvalidArgumentError, SentinelError, methods
from sentinel_sdk.types import AuditQueryFilters, DirectiveStatus

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 8, tzinfo=UTC)


def audit_pages(server, pages):
    def behave(request, _context):
        number = int(request.page_token or 0)
        following = str(number + 1) if number + 1 < len(pages) else ""
        return made(
            audit_pb2.AuditQueryResponse,
            entries=[{"entry_id": one} for one in pages[number]],
            next_page_token=following,
        )

    server.on(methods.QUERY_AUDIT_TRAIL, behave)


async def items(ask, name, *args, **more):
    """All items of an iterator, through whichever face `ask` has."""
    if ask.face == "asynchronous":
        return [item async for item in getattr(ask.client, f"a{name}")(*args, **more)]
    return await asyncio.to_thread(lambda: list(getattr(ask.client, name)(*args, **more)))


async def test_entries_of_all_pages_come_one_after_the_other(server, ask):
    audit_pages(server, [[1, 2], [], [3]])
    filters = AuditQueryFilters(limit=2)

    entries = await items(ask, "iter_audit_trail", filters)

    assert [entry.entry_id for entry in entries] == [1, 2, 3]
    assert [(one.page_token, one.limit) for one in server.requests(methods.QUERY_AUDIT_TRAIL)] == [
        ("", 2), ("1", 2), ("2", 2),
    ]  # fmt: skip
    assert filters == AuditQueryFilters(limit=2)


async def test_iterating_may_begin_in_the_middle(server, ask):
    audit_pages(server, [[1], [2], [3]])

    entries = await items(ask, "iter_audit_trail", AuditQueryFilters(page_token="1"))

    assert [entry.entry_id for entry in entries] == [2, 3]


def test_a_page_is_read_when_it_is_needed(server, client):
    audit_pages(server, [[1, 2], [3]])
    entries = client.iter_audit_trail()

    assert next(entries).entry_id == 1
    assert len(server.seen) == 1


async def test_history_comes_page_by_page(server, ask):
    def behave(request, _context):
        return made(correlation_pb2.GpuHistoryResponse, next_page_token="" if request.page_token else "2")

    server.on(methods.GET_GPU_HISTORY, behave)

    pages = await items(ask, "iter_gpu_history", "GPU-1", START, END, limit=7)

    assert [page.next_page_token for page in pages] == ["2", ""]
    assert {one.limit for one in server.requests(methods.GET_GPU_HISTORY)} == {7}


async def test_directives_of_all_pages(server, ask):
    def behave(request, _context):
        name, following = ("b", "") if request.page_token else ("a", "2")
        return made(directives_pb2.ListDirectivesResponse, directives=[{"note": name}], next_page_token=following)

    server.on(methods.LIST_DIRECTIVES, behave)

    records = await items(ask, "iter_directives", status=DirectiveStatus.WAITING)

    assert [record.note for record in records] == ["a", "b"]


async def test_a_filter_no_message_can_hold_is_an_error_of_ours(ask):
    with pytest.raises(InvalidArgumentError):
        await items(ask, "iter_audit_trail", AuditQueryFilters(limit=-1))


async def test_a_server_that_answers_the_same_page_for_ever_is_an_error(server, ask):
    server.answers(methods.QUERY_AUDIT_TRAIL, made(audit_pb2.AuditQueryResponse, next_page_token="again"))

    with pytest.raises(SentinelError, match="same page token"):
        await items(ask, "iter_audit_trail")
