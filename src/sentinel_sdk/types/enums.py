"""Enumerations whose members are named without the wire's prefix and whose numbers equal the wire's.

A newer server may send a number this version has no name for. Such a number becomes a member of its own, equal to the
number and named after it, instead of an error: reading must not fail because somebody else was upgraded first.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Self

_INT32 = range(-(2**31), 2**31)


class WireEnum(IntEnum):
    """An enumeration of the protocol; ``SomeEnum(9)`` is ``SomeEnum.UNKNOWN_9`` where 9 has no name."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if type(value) is not int or value not in _INT32:
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = value
        return member

    def __reduce_ex__(self, _protocol: object) -> tuple[type[Self], tuple[int]]:
        """By number, because a pseudo member is no attribute of its class."""
        return type(self), (self._value_,)

    @property
    def known(self) -> bool:
        """Whether this version of the library has a name for the number."""
        return self._value_ in type(self)._value2member_map_


class Severity(WireEnum):
    """How bad something is."""

    UNSPECIFIED = 0
    INFO = 1
    WARNING = 2
    HIGH = 3
    CRITICAL = 4


class ProbeType(WireEnum):
    """What a probe exercises."""

    UNSPECIFIED = 0
    FMA = 1
    TENSOR_CORE = 2
    TRANSCENDENTAL = 3
    AES = 4
    MEMORY = 5
    REGISTER_FILE = 6
    SHARED_MEMORY = 7


class ProbeResult(WireEnum):
    """How one execution of a probe went; only FAIL says that the GPU computed wrongly."""

    UNSPECIFIED = 0
    PASS = 1
    FAIL = 2
    ERROR = 3
    TIMEOUT = 4


class AnomalyType(WireEnum):
    """What a monitor noticed."""

    UNSPECIFIED = 0
    LOGIT_DRIFT = 1
    ENTROPY_ANOMALY = 2
    KL_DIVERGENCE = 3
    GRADIENT_NORM_SPIKE = 4
    LOSS_SPIKE = 5
    CROSS_RANK_DIVERGENCE = 6
    CHECKPOINT_DIVERGENCE = 7
    INVARIANT_VIOLATION = 8


class AnomalySource(WireEnum):
    """Which kind of monitor noticed it."""

    UNSPECIFIED = 0
    INFERENCE_MONITOR = 1
    TRAINING_MONITOR = 2
    INVARIANT_CHECKER = 3


class GpuHealthState(WireEnum):
    """Where a GPU stands in its life."""

    UNSPECIFIED = 0
    HEALTHY = 1
    SUSPECT = 2
    QUARANTINED = 3
    DEEP_TEST = 4
    CONDEMNED = 5


class QuarantineAction(WireEnum):
    """What a directive does to a GPU."""

    UNSPECIFIED = 0
    QUARANTINE = 1
    REINSTATE = 2
    CONDEMN = 3
    SCHEDULE_DEEP_TEST = 4


class PatternType(WireEnum):
    """Which pattern linked several events."""

    UNSPECIFIED = 0
    MULTI_SIGNAL = 1
    SM_LOCALIZED = 2
    ENVIRONMENTAL = 3
    NODE_CORRELATED = 4
    FIRMWARE_CORRELATED = 5
    TMR_CONFIRMED = 6


class AuditEntryType(WireEnum):
    """What an entry of the audit ledger records."""

    UNSPECIFIED = 0
    PROBE_RESULT = 1
    ANOMALY_EVENT = 2
    QUARANTINE_ACTION = 3
    CONFIG_CHANGE = 4
    TMR_RESULT = 5
    SYSTEM_EVENT = 6


class DirectiveStatus(WireEnum):
    """What became of a directive."""

    UNSPECIFIED = 0
    WAITING = 1
    EXECUTED = 2
    DENIED = 3
    EXPIRED = 4
    OVERTAKEN = 5
    WITHDRAWN = 6


class TmrOutcome(WireEnum):
    """What three runs of the same work said about each other."""

    UNSPECIFIED = 0
    UNANIMOUS = 1
    DISSENT = 2
    NO_CONSENSUS = 3
    INSUFFICIENT = 4


class ReportKind(WireEnum):
    """Which set of controls an evidence report is about."""

    UNSPECIFIED = 0
    SOC2 = 1
    ISO27001 = 2


class ReportFormat(WireEnum):
    """How an evidence report is written."""

    UNSPECIFIED = 0
    JSON = 1
    CSV = 2
    HTML = 3
