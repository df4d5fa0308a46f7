"""Every method that is served, and the one permission it needs. A method that is missing here is refused to everybody.

`OPEN` methods say nothing about the fleet: probes of Kubernetes have no identity, and the descriptors are public.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from sentinel_gateway.domain.roles import Permission

Open = Literal["open"]
OPEN: Final[Open] = "open"

_V1 = "/sentinel.v1."
_EXT = "/sentinel.ext.v1."
_TESTING = "/sentinel.internal.TestingService/"

METHODS: Mapping[str, Permission | Open] = {
    f"{_V1}ProbeService/StreamProbeResults": Permission.REPORT,
    f"{_V1}AnomalyService/StreamAnomalyEvents": Permission.REPORT,
    f"{_V1}TelemetryService/StreamTelemetry": Permission.REPORT,
    f"{_V1}ConfigService/ConfigStream": Permission.REPORT,
    f"{_V1}ConfigService/ApplyConfig": Permission.CONFIGURE,
    f"{_V1}QuarantineService/IssueDirective": Permission.DIRECT,
    f"{_V1}QuarantineService/StreamDirectives": Permission.READ,
    f"{_V1}CorrelationService/QueryGpuHealth": Permission.READ,
    f"{_V1}CorrelationService/QueryFleetHealth": Permission.READ,
    f"{_V1}CorrelationService/GetGpuHistory": Permission.READ,
    f"{_V1}CorrelationService/GetTrustGraph": Permission.READ,
    f"{_V1}AuditService/IngestEvents": Permission.RECORD,
    f"{_V1}AuditService/VerifyChain": Permission.AUDIT,
    f"{_V1}AuditService/QueryAuditTrail": Permission.AUDIT,
    f"{_EXT}DirectiveService/GetDirective": Permission.READ,
    f"{_EXT}DirectiveService/ListDirectives": Permission.READ,
    f"{_EXT}DirectiveService/DecideDirective": Permission.DECIDE,
    f"{_EXT}DirectiveService/WithdrawDirective": Permission.DIRECT,
    f"{_EXT}LedgerService/GetCheckpoint": Permission.AUDIT,
    f"{_EXT}LedgerService/ProveInclusion": Permission.AUDIT,
    f"{_EXT}LedgerService/ProveConsistency": Permission.AUDIT,
    f"{_EXT}LedgerService/GenerateReport": Permission.AUDIT,
    f"{_EXT}TmrService/ReportTmrResult": Permission.REPORT,
    f"{_EXT}TmrService/FollowCanaries": Permission.REPORT,
    f"{_EXT}EventService/FollowEvents": Permission.READ,
    f"{_EXT}EventService/ListSharedCauses": Permission.READ,
    f"{_TESTING}InjectFault": Permission.TEST,
    f"{_TESTING}ClearFault": Permission.TEST,
    f"{_TESTING}ListFaults": Permission.TEST,
    "/grpc.health.v1.Health/Check": OPEN,
    "/grpc.health.v1.Health/List": OPEN,
    "/grpc.health.v1.Health/Watch": OPEN,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": OPEN,
}
