"""What alerts are judged from. Who makes a change says what happened; which alerts follow is none of its business.

Each kind tells itself in one line (`words`) and in named facts. Some are derived from others by `alerts.watching`:
failures on several SMs, silent agents.
"""

from sentinel_gateway.domain.happenings.decisions import DirectiveChanged, Overstayed, StateChanged
from sentinel_gateway.domain.happenings.findings import (
    CommonCause,
    Correlated,
    FleetRate,
    LedgerVerified,
    Pattern,
    TmrVoted,
)
from sentinel_gateway.domain.happenings.happening import Happening
from sentinel_gateway.domain.happenings.reports import (
    AgentSilent,
    AnomalySeen,
    AnomalySource,
    FailuresInARow,
    FailuresOnSms,
    Heard,
    ProbeFailed,
    ProbesTakeTooMuch,
    ProbeTimedOut,
    TelemetryRead,
)

__all__ = [
    "AgentSilent",
    "AnomalySeen",
    "AnomalySource",
    "CommonCause",
    "Correlated",
    "DirectiveChanged",
    "FailuresInARow",
    "FailuresOnSms",
    "FleetRate",
    "Happening",
    "Heard",
    "LedgerVerified",
    "Overstayed",
    "Pattern",
    "ProbeFailed",
    "ProbeTimedOut",
    "ProbesTakeTooMuch",
    "StateChanged",
    "TelemetryRead",
    "TmrVoted",
]
