"""Every method of the protocol this library calls."""

from __future__ import annotations

from google.protobuf import empty_pb2

from sentinel.ext.v1 import directives_pb2, events_pb2, ledger_pb2, tmr_pb2
from sentinel.v1 import (
    anomaly_pb2,
    audit_pb2,
    config_pb2,
    correlation_pb2,
    probe_pb2,
    quarantine_pb2,
    telemetry_pb2,
    trust_pb2,
)
from sentinel_sdk.rpc import Method

QUERY_GPU_HEALTH = Method(
    "/sentinel.v1.CorrelationService/QueryGpuHealth",
    correlation_pb2.HealthQueryRequest,
    correlation_pb2.HealthQueryResponse,
)
QUERY_FLEET_HEALTH = Method(
    "/sentinel.v1.CorrelationService/QueryFleetHealth",
    correlation_pb2.FleetHealthRequest,
    correlation_pb2.FleetHealthResponse,
)
GET_GPU_HISTORY = Method(
    "/sentinel.v1.CorrelationService/GetGpuHistory",
    correlation_pb2.GpuHistoryRequest,
    correlation_pb2.GpuHistoryResponse,
)
GET_TRUST_GRAPH = Method("/sentinel.v1.CorrelationService/GetTrustGraph", empty_pb2.Empty, trust_pb2.TrustGraphSnapshot)
"""In no definition, like APPLY_CONFIG."""

ISSUE_DIRECTIVE = Method(
    "/sentinel.v1.QuarantineService/IssueDirective",
    quarantine_pb2.QuarantineDirective,
    quarantine_pb2.DirectiveResponse,
)
STREAM_DIRECTIVES = Method(
    "/sentinel.v1.QuarantineService/StreamDirectives",
    quarantine_pb2.DirectiveSubscription,
    quarantine_pb2.QuarantineDirective,
)
GET_DIRECTIVE = Method(
    "/sentinel.ext.v1.DirectiveService/GetDirective",
    directives_pb2.GetDirectiveRequest,
    directives_pb2.DirectiveRecord,
)
LIST_DIRECTIVES = Method(
    "/sentinel.ext.v1.DirectiveService/ListDirectives",
    directives_pb2.ListDirectivesRequest,
    directives_pb2.ListDirectivesResponse,
)
DECIDE_DIRECTIVE = Method(
    "/sentinel.ext.v1.DirectiveService/DecideDirective",
    directives_pb2.DecideDirectiveRequest,
    directives_pb2.DirectiveRecord,
)
WITHDRAW_DIRECTIVE = Method(
    "/sentinel.ext.v1.DirectiveService/WithdrawDirective",
    directives_pb2.WithdrawDirectiveRequest,
    directives_pb2.DirectiveRecord,
)

INGEST_EVENTS = Method(
    "/sentinel.v1.AuditService/IngestEvents", audit_pb2.AuditIngestRequest, audit_pb2.AuditIngestResponse
)
VERIFY_CHAIN = Method(
    "/sentinel.v1.AuditService/VerifyChain", audit_pb2.ChainVerificationRequest, audit_pb2.ChainVerificationResponse
)
QUERY_AUDIT_TRAIL = Method(
    "/sentinel.v1.AuditService/QueryAuditTrail", audit_pb2.AuditQueryRequest, audit_pb2.AuditQueryResponse
)
GET_CHECKPOINT = Method(
    "/sentinel.ext.v1.LedgerService/GetCheckpoint", ledger_pb2.GetCheckpointRequest, ledger_pb2.Checkpoint
)
PROVE_INCLUSION = Method(
    "/sentinel.ext.v1.LedgerService/ProveInclusion", ledger_pb2.ProveInclusionRequest, ledger_pb2.InclusionProof
)
PROVE_CONSISTENCY = Method(
    "/sentinel.ext.v1.LedgerService/ProveConsistency", ledger_pb2.ProveConsistencyRequest, ledger_pb2.ConsistencyProof
)
GENERATE_REPORT = Method(
    "/sentinel.ext.v1.LedgerService/GenerateReport", ledger_pb2.GenerateReportRequest, ledger_pb2.ReportChunk
)

APPLY_CONFIG = Method("/sentinel.v1.ConfigService/ApplyConfig", config_pb2.ConfigUpdate, config_pb2.ConfigAck)
CONFIG_STREAM = Method("/sentinel.v1.ConfigService/ConfigStream", config_pb2.ConfigAck, config_pb2.ConfigUpdate)

REPORT_TMR_RESULT = Method("/sentinel.ext.v1.TmrService/ReportTmrResult", trust_pb2.TmrResult, tmr_pb2.TmrVerdict)
FOLLOW_CANARIES = Method(
    "/sentinel.ext.v1.TmrService/FollowCanaries", tmr_pb2.FollowCanariesRequest, trust_pb2.TmrRequest
)
FOLLOW_EVENTS = Method("/sentinel.ext.v1.EventService/FollowEvents", events_pb2.FollowEventsRequest, events_pb2.Event)
LIST_SHARED_CAUSES = Method(
    "/sentinel.ext.v1.EventService/ListSharedCauses",
    events_pb2.ListSharedCausesRequest,
    events_pb2.ListSharedCausesResponse,
)

STREAM_PROBE_RESULTS = Method(
    "/sentinel.v1.ProbeService/StreamProbeResults", probe_pb2.ProbeResultBatch, probe_pb2.ProbeAck
)
STREAM_ANOMALY_EVENTS = Method(
    "/sentinel.v1.AnomalyService/StreamAnomalyEvents", anomaly_pb2.AnomalyBatch, anomaly_pb2.AnomalyAck
)
STREAM_TELEMETRY = Method(
    "/sentinel.v1.TelemetryService/StreamTelemetry", telemetry_pb2.TelemetryBatch, telemetry_pb2.TelemetryAck
)
