"""GET /api/v1/audit: entries of the ledger, filtered and paged. Hashes as hex, data as base64 and decoded beside it.

What is hashed is `data`; `decoded` is the same for people, or null, and then `not_decoded` says why.
"""

from __future__ import annotations

import asyncio
import base64
from enum import IntEnum

from starlette.datastructures import QueryParams

from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.ledger.query import PAGE_LIMIT, EntryFilter, Page
from sentinel_gateway.ledger.reader import LedgerReader
from sentinel_gateway.rest.answers import Json
from sentinel_gateway.rest.decoded import decoded
from sentinel_gateway.rest.health_json import gpu_json
from sentinel_gateway.rest.queries import Query, rfc3339
from sentinel_sdk.ledger.entry import Entry

_USUAL_PAGE = 100
_PARAMETERS = ("gpu_uuid", "start", "end", "type", "limit", "page_token", "order")


class EntryType(IntEnum):
    """The wire's entry types, unprefixed."""

    PROBE_RESULT = 1
    ANOMALY_EVENT = 2
    QUARANTINE_ACTION = 3
    CONFIG_CHANGE = 4
    TMR_RESULT = 5
    SYSTEM_EVENT = 6


async def audit_answer(reader: LedgerReader, given: QueryParams) -> Json:
    """The page that is asked for.

    Raises:
        Invalid: a parameter that does not fit, or a token of another query.
    """
    query = Query(given, _PARAMETERS)
    wanted = EntryFilter(
        gpu_uuid=query.text("gpu_uuid"),
        start_ns=query.time_ns("start"),
        end_ns=query.time_ns("end"),
        entry_type=_type(query),
        descending=query.choice("order", "asc", ("asc", "desc")) == "desc",
    )
    limit = query.limit(_USUAL_PAGE, PAGE_LIMIT)
    return _page(await asyncio.to_thread(reader.query, wanted, limit, query.text("page_token")))


def _type(query: Query) -> int:
    found = query.members("type", EntryType)
    if len(found) > 1:
        raise Invalid("type: name one, or leave it out for all")
    return int(found[0]) if found else 0


def _page(page: Page) -> Json:
    return {
        "entries": [_entry(entry) for entry in page.entries],
        "next_page_token": page.next_token,
        "total_count": page.total_count,
    }


def _entry(entry: Entry) -> Json:
    gpu = entry.gpu
    known = {kind.value: kind.name for kind in EntryType}
    return {
        "entry_id": entry.entry_id,
        "entry_type": known.get(entry.entry_type, str(entry.entry_type)),
        "timestamp": rfc3339(entry.timestamp_ns),
        "gpu": gpu_json(
            Gpu(gpu.uuid, gpu.hostname, gpu.device_index, gpu.model, gpu.driver_version, gpu.firmware_version)
        )
        if gpu
        else None,
        "data": base64.b64encode(entry.data).decode(),
        **decoded(entry.entry_type, entry.data),
        "previous_hash": entry.previous_hash.hex(),
        "entry_hash": entry.entry_hash.hex(),
        "merkle_root": entry.merkle_root.hex(),
    }
