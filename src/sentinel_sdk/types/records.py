"""What entries of the audit ledger hold where sentinel.v1 has no message of its own for the event."""

from __future__ import annotations

from sentinel.ext.v1 import records_pb2
from sentinel_sdk.types.enums import GpuHealthState, ProbeResult, ProbeType
from sentinel_sdk.types.message import Message
from sentinel_sdk.types.quarantine import QuarantineDirective
from sentinel_sdk.types.timestamps import UtcDatetime


class StateChange(Message):
    """A GPU's state changed, or a directive left it as it is.

    `initiated_by` is who the connection proved to be, or the gateway; `directive.initiated_by` is what was claimed.
    """

    wire = records_pb2.StateChange
    from_state: GpuHealthState = GpuHealthState.UNSPECIFIED
    to_state: GpuHealthState = GpuHealthState.UNSPECIFIED
    reason: str = ""
    initiated_by: str = ""
    directive: QuarantineDirective | None = None


class ProbeCount(Message):
    """How often probes of one type ended one way."""

    wire = records_pb2.ProbeCount
    probe_type: ProbeType = ProbeType.UNSPECIFIED
    result: ProbeResult = ProbeResult.UNSPECIFIED
    count: int = 0


class ProbeSummary(Message):
    """Probes of one GPU over a stretch of time."""

    wire = records_pb2.ProbeSummary
    start_time: UtcDatetime | None = None
    end_time: UtcDatetime | None = None
    counts: list[ProbeCount] = []


class EvidenceDigest(Message):
    """A piece of an assessment's evidence, recognisable without its content."""

    wire = records_pb2.EvidenceDigest
    evidence_id: str = ""
    source: str = ""
    sha256: bytes = b""


class AssessmentRecord(Message):
    """An investigator's verdict; `confidence` is from 0 to 1."""

    wire = records_pb2.AssessmentRecord
    incident_id: str = ""
    investigation_id: str = ""
    nodes: list[str] = []
    gpu_uuids: list[str] = []
    severity: str = ""
    fault_class: str = ""
    summary: str = ""
    confidence: float = 0.0
    recommended_actions: list[str] = []
    engine: str = ""
    model: str = ""
    concluded_at: UtcDatetime | None = None
    evidence: list[EvidenceDigest] = []


class RetentionCut(Message):
    """Entries before `first_kept_entry_id` were removed."""

    wire = records_pb2.RetentionCut
    first_kept_entry_id: int = 0
    last_removed_hash: bytes = b""
    subtree_hashes: list[bytes] = []
    entries_removed: int = 0


class SystemRecord(Message):
    """Something that happened: a dotted `event`, its fields, and at most one of the details."""

    wire = records_pb2.SystemRecord
    event: str = ""
    fields: dict[str, str] = {}
    assessment: AssessmentRecord | None = None
    probe_summary: ProbeSummary | None = None
    retention_cut: RetentionCut | None = None
    state_change: StateChange | None = None
