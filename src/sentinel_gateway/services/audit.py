"""The audit ledger's own service: recording, verifying, querying. Reading happens in worker threads."""
# ruff: noqa: N802  methods are named as on the wire

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sentinel.v1 import audit_pb2, audit_pb2_grpc
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.ledger.query import EntryFilter
from sentinel_gateway.ledger.reader import LedgerReader
from sentinel_gateway.ledger.scope import Scope
from sentinel_gateway.ledger.seam import LedgerDatabase
from sentinel_gateway.ledger.verify import verify_ledger
from sentinel_gateway.services.authentication import Context, calling
from sentinel_gateway.services.ledger_messages import new_entry, verification_to_wire
from sentinel_gateway.services.long_readings import LongReadings
from sentinel_gateway.services.metadata import sent_text
from sentinel_gateway.services.recording import check_recordable
from sentinel_gateway.services.wire_values import bound_ns
from sentinel_sdk.ledger.wire import entry_to_proto

IDEMPOTENCY_KEY = "sentinel-idempotency-key"
_USUAL_PAGE = 100


@dataclass(frozen=True, slots=True)
class LedgerReads:
    """What a service reads the ledger with."""

    database: LedgerDatabase
    long: LongReadings
    newest_note: Callable[[], str | None]
    """The newest tree head as this process remembers it: it tells a ledger whose end was cut off from a short one."""
    now_ns: Callable[[], int]


class AuditService(audit_pb2_grpc.AuditServiceServicer):
    """`sentinel.v1.AuditService`."""

    def __init__(self, core: Core, reads: LedgerReads) -> None:
        self._core = core
        self._reads = reads
        self._reader = LedgerReader(reads.database)

    async def IngestEvents(
        self, request: audit_pb2.AuditIngestRequest, context: Context
    ) -> audit_pb2.AuditIngestResponse:
        """Append entries, all or none; with a key in the metadata, once."""
        key = sent_text(context, IDEMPOTENCY_KEY)
        if key and not all(entry.HasField("timestamp") for entry in request.entries):
            raise Invalid(
                f"with {IDEMPOTENCY_KEY} every entry needs its timestamp: sent again it must be the same entry"
            )
        entries = [new_entry(entry, number, self._reads.now_ns) for number, entry in enumerate(request.entries)]
        caller = calling()
        check_recordable(caller, entries)
        recorded = await self._core.record(caller, entries, key)
        return audit_pb2.AuditIngestResponse(
            success=True, entries_ingested=recorded.count, last_entry_id=recorded.last_entry_id
        )

    async def VerifyChain(
        self, request: audit_pb2.ChainVerificationRequest, context: Context
    ) -> audit_pb2.ChainVerificationResponse:
        """Verify the ledger or a range of it, now."""
        start, end = request.start_entry_id, request.end_entry_id
        note = self._reads.newest_note() if start <= 1 and not end else None
        scope = Scope(start, end, request.verify_merkle_roots, expected_note=note)
        found = await self._reads.long.read(lambda progress: verify_ledger(self._reads.database, scope, progress))
        return verification_to_wire(found)

    async def QueryAuditTrail(
        self, request: audit_pb2.AuditQueryRequest, context: Context
    ) -> audit_pb2.AuditQueryResponse:
        """A page of the entries that fit."""
        limit = request.limit or _USUAL_PAGE
        page = await asyncio.to_thread(self._reader.query, _filter(request), limit, request.page_token)
        return audit_pb2.AuditQueryResponse(
            entries=[entry_to_proto(entry) for entry in page.entries],
            next_page_token=page.next_token,
            total_count=page.total_count,
        )


def _filter(request: audit_pb2.AuditQueryRequest) -> EntryFilter:
    if request.entry_type not in audit_pb2.AuditEntryType.values():
        names = ", ".join(audit_pb2.AuditEntryType.keys())
        raise Invalid(f"entry_type {request.entry_type} is not known; use {names}")
    return EntryFilter(
        gpu_uuid=request.gpu.uuid,
        start_ns=bound_ns(request.start_time) if request.HasField("start_time") else None,
        end_ns=bound_ns(request.end_time) if request.HasField("end_time") else None,
        entry_type=request.entry_type,
        descending=request.descending,
    )
