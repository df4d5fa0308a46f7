"""Proofs over the audit ledger and evidence reports: `sentinel.ext.v1.LedgerService`. Blocking work goes to threads."""
# ruff: noqa: N802  methods are named as on the wire

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from sentinel.ext.v1 import ledger_pb2, ledger_pb2_grpc
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.errors import Invalid, NotKnown
from sentinel_gateway.ledger.reader import LedgerReader
from sentinel_gateway.ledger.reports.build import ReportFormat, ReportKind
from sentinel_gateway.ledger.reports.making import ReportOptions, make_report
from sentinel_gateway.ledger.reports.window import Window, usual
from sentinel_gateway.ledger.verify import Progress
from sentinel_gateway.services.audit import LedgerReads
from sentinel_gateway.services.authentication import Context
from sentinel_gateway.services.ledger_messages import checkpoint_to_wire, consistency_to_wire, inclusion_to_wire
from sentinel_gateway.services.wire_values import bound_ns

_KINDS = {ledger_pb2.REPORT_KIND_SOC2: ReportKind.SOC2, ledger_pb2.REPORT_KIND_ISO27001: ReportKind.ISO27001}
_FORMATS = {
    ledger_pb2.REPORT_FORMAT_JSON: ReportFormat.JSON,
    ledger_pb2.REPORT_FORMAT_CSV: ReportFormat.CSV,
    ledger_pb2.REPORT_FORMAT_HTML: ReportFormat.HTML,
}
_CHUNK_BYTES = 256 << 10


class LedgerService(ledger_pb2_grpc.LedgerServiceServicer):
    """`sentinel.ext.v1.LedgerService`."""

    def __init__(self, core: Core, reads: LedgerReads) -> None:
        self._core = core
        self._reads = reads
        self._reader = LedgerReader(reads.database)

    async def GetCheckpoint(self, request: ledger_pb2.GetCheckpointRequest, context: Context) -> ledger_pb2.Checkpoint:
        """The newest signed tree head."""
        signed = await asyncio.to_thread(self._reader.checkpoint)
        if signed is None:
            raise NotKnown("nothing was recorded yet, so no tree head was signed")
        return checkpoint_to_wire(signed)

    async def ProveInclusion(
        self, request: ledger_pb2.ProveInclusionRequest, context: Context
    ) -> ledger_pb2.InclusionProof:
        """That an entry is in the tree."""
        return inclusion_to_wire(await asyncio.to_thread(self._reader.inclusion, request.entry_id, request.tree_size))

    async def ProveConsistency(
        self, request: ledger_pb2.ProveConsistencyRequest, context: Context
    ) -> ledger_pb2.ConsistencyProof:
        """That a larger tree begins with a smaller one."""
        first, second = request.first_tree_size, request.second_tree_size
        return consistency_to_wire(await asyncio.to_thread(self._reader.consistency, first, second))

    async def GenerateReport(
        self, request: ledger_pb2.GenerateReportRequest, context: Context
    ) -> AsyncIterator[ledger_pb2.ReportChunk]:
        """An evidence report in pieces; it is made whole first, so that nobody waits for a slow reader of it."""
        window = self._window(request)
        kind, form = _KINDS.get(request.kind), _FORMATS.get(request.format)
        if kind is None or form is None:
            raise Invalid(
                f"kind {request.kind} or format {request.format} is not known; use SOC2 or ISO27001, JSON, CSV or HTML"
            )

        waiting = await self._core.unsummarised()

        def make(progress: Progress) -> bytes:
            options = ReportOptions(
                expected_note=self._reads.newest_note(),
                unsummarised=waiting,
                now_ns=self._reads.now_ns,
                progress=progress,
            )
            return b"".join(make_report(self._reads.database, kind, window, form, options))

        report = await self._reads.long.read(make)
        for start in range(0, len(report), _CHUNK_BYTES):
            yield ledger_pb2.ReportChunk(content=report[start : start + _CHUNK_BYTES])

    def _window(self, request: ledger_pb2.GenerateReportRequest) -> Window:
        start_ns = bound_ns(request.start_time) if request.HasField("start_time") else None
        end_ns = bound_ns(request.end_time) if request.HasField("end_time") else None
        return usual(start_ns, end_ns, self._reads.now_ns())
