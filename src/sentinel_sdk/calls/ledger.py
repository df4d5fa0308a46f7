"""The audit ledger: reading it, adding to it, having it verified, and proofs to verify it oneself."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from sentinel.ext.v1 import ledger_pb2
from sentinel.v1 import audit_pb2
from sentinel_sdk import methods
from sentinel_sdk.conversion import can_be_sent
from sentinel_sdk.errors import invalid
from sentinel_sdk.rpc import Call, Pages, call, download
from sentinel_sdk.types.audit import (
    AuditEntry,
    AuditIngestResponse,
    AuditQueryFilters,
    AuditQueryResponse,
    ChainVerificationResult,
)
from sentinel_sdk.types.enums import ReportFormat, ReportKind
from sentinel_sdk.types.proofs import Checkpoint, ConsistencyProof, InclusionProof
from sentinel_sdk.types.timestamps import to_timestamp

log = logging.getLogger("sentinel_sdk")
IDEMPOTENCY_METADATA = "sentinel-idempotency-key"


def query_audit_trail(filters: AuditQueryFilters) -> Call[AuditQueryResponse]:
    """A page of the entries that match."""
    return call(
        methods.QUERY_AUDIT_TRAIL, filters.to_proto(), lambda reply: AuditQueryResponse.from_proto(reply.message)
    )


def iter_audit_trail(filters: AuditQueryFilters | None = None) -> Pages[AuditQueryResponse, AuditEntry]:
    """All entries that match, read in pages of `filters.limit`; `filters` itself is left as it is."""
    chosen = (filters or AuditQueryFilters()).model_copy()

    def at(token: str) -> Call[AuditQueryResponse]:
        return query_audit_trail(chosen.model_copy(update={"page_token": token or chosen.page_token}))

    return Pages(at, lambda page: page.entries, lambda page: page.next_page_token)


def verify_chain(
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    start_entry_id: int = 0,
    end_entry_id: int = 0,
    verify_merkle_roots: bool = True,  # noqa: FBT001, FBT002 - the documented signature
) -> Call[ChainVerificationResult]:
    """Have the server verify a stretch of the chain; 0 for its beginning and its end.

    The protocol has no times in this request. The two arguments are reserved, and using one is logged. A long chain
    takes longer than the usual deadline: ``client.with_timeout(600).verify_chain()``.
    """
    if start_time is not None or end_time is not None:
        log.warning("verify_chain.times_ignored: the protocol verifies by entry id; give start_entry_id, end_entry_id")
    request = audit_pb2.ChainVerificationRequest(
        start_entry_id=start_entry_id, end_entry_id=end_entry_id, verify_merkle_roots=verify_merkle_roots
    )
    return call(methods.VERIFY_CHAIN, request, lambda reply: ChainVerificationResult.from_proto(reply.message))


def ingest_audit_entries(
    entries: Sequence[AuditEntry], idempotency_key: str | None = None
) -> Call[AuditIngestResponse]:
    """Have entries recorded; the server gives them their ids and hashes.

    Only with an `idempotency_key`, by which the server recognises the same entries, is a failed call sent again.
    """
    if not entries:
        raise invalid("there is nothing to record: entries is empty")
    if idempotency_key and not can_be_sent(idempotency_key):
        raise invalid(f"an idempotency_key is printable ASCII, not {idempotency_key!r}")
    metadata = ((IDEMPOTENCY_METADATA, idempotency_key),) if idempotency_key else ()
    return call(
        methods.INGEST_EVENTS,
        audit_pb2.AuditIngestRequest(entries=[entry.to_proto() for entry in entries]),
        lambda reply: AuditIngestResponse.from_proto(reply.message),
        repeatable=bool(idempotency_key),
        metadata=metadata,
    )


def get_checkpoint() -> Call[Checkpoint]:
    """The newest signed tree head; keep it, and later ask `prove_consistency` whether the ledger only grew."""
    return call(
        methods.GET_CHECKPOINT, ledger_pb2.GetCheckpointRequest(), lambda reply: Checkpoint.from_proto(reply.message)
    )


def prove_inclusion(entry_id: int, tree_size: int = 0) -> Call[InclusionProof]:
    """That an entry stands in the ledger of `tree_size` entries; 0 for the newest signed one.

    Raises:
        NotFoundError: there is no such entry.
    """
    request = ledger_pb2.ProveInclusionRequest(entry_id=entry_id, tree_size=tree_size)
    return call(methods.PROVE_INCLUSION, request, lambda reply: InclusionProof.from_proto(reply.message))


def prove_consistency(first_tree_size: int, second_tree_size: int = 0) -> Call[ConsistencyProof]:
    """That the ledger of `second_tree_size` entries begins with the one of the first; 0 for the newest signed one."""
    request = ledger_pb2.ProveConsistencyRequest(first_tree_size=first_tree_size, second_tree_size=second_tree_size)
    return call(methods.PROVE_CONSISTENCY, request, lambda reply: ConsistencyProof.from_proto(reply.message))


def generate_soc2_report(
    start: datetime,
    end: datetime,
    format: ReportFormat | str = ReportFormat.JSON,  # noqa: A002 - the documented name
) -> Call[bytes]:
    """The SOC 2 evidence report of a period, as ``json``, ``csv`` or ``html``."""
    return _report(ReportKind.SOC2, start, end, format)


def generate_iso27001_report(
    start: datetime,
    end: datetime,
    format: ReportFormat | str = ReportFormat.JSON,  # noqa: A002 - the documented name
) -> Call[bytes]:
    """The ISO 27001 evidence report of a period, as ``json``, ``csv`` or ``html``."""
    return _report(ReportKind.ISO27001, start, end, format)


def _report(kind: ReportKind, start: datetime, end: datetime, written: ReportFormat | str) -> Call[bytes]:
    request = ledger_pb2.GenerateReportRequest(start_time=to_timestamp(start), end_time=to_timestamp(end))
    # mypy-protobuf wants the wire's own enumerations, whose numbers are the same.
    request.kind = int(kind)  # type: ignore[assignment]
    request.format = int(_format(written))  # type: ignore[assignment]
    return download(methods.GENERATE_REPORT, request, lambda reply: b"".join(chunk.content for chunk in reply.messages))


def _format(written: ReportFormat | str) -> ReportFormat:
    if isinstance(written, ReportFormat):
        return written
    try:
        return ReportFormat[written.upper()]
    except KeyError as error:
        raise invalid(f"a report is written as json, csv or html, not {written!r}") from error
