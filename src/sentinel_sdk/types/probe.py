"""Probe executions and how the gateway answers them."""

from __future__ import annotations

from sentinel.v1 import probe_pb2
from sentinel_sdk.types.common import SmIdentifier
from sentinel_sdk.types.enums import ProbeResult, ProbeType
from sentinel_sdk.types.message import Message
from sentinel_sdk.types.timestamps import UtcDatetime


class MismatchDetail(Message):
    """Where a failed probe's output differed; `differing_bits` count from the least significant bit."""

    wire = probe_pb2.MismatchDetail
    byte_offset: int = 0
    expected_value: bytes = b""
    actual_value: bytes = b""
    differing_bits: list[int] = []


class ProbeExecution(Message):
    """One execution of a probe on one SM; the hashes are SHA-256 of the golden and the observed output."""

    wire = probe_pb2.ProbeExecution
    execution_id: str = ""
    probe_type: ProbeType = ProbeType.UNSPECIFIED
    sm: SmIdentifier | None = None
    result: ProbeResult = ProbeResult.UNSPECIFIED
    expected_hash: bytes = b""
    actual_hash: bytes = b""
    mismatch_detail: MismatchDetail | None = None
    execution_time_ns: int = 0
    gpu_clock_mhz: int = 0
    gpu_temperature_c: float = 0.0
    gpu_power_w: float = 0.0
    timestamp: UtcDatetime | None = None
    hmac_signature: bytes = b""


class ProbeResultBatch(Message):
    """What an agent sends at once. An ingest stream fills in host name, sequence number and time where unset."""

    wire = probe_pb2.ProbeResultBatch
    agent_hostname: str = ""
    executions: list[ProbeExecution] = []
    sequence_number: int = 0
    batch_timestamp: UtcDatetime | None = None


class ProbeScheduleOverride(Message):
    """A probe type to run more often for a while; a period of 0 switches it off."""

    wire = probe_pb2.ProbeScheduleOverride
    probe_type: ProbeType = ProbeType.UNSPECIFIED
    period_seconds: int = 0
    duration_seconds: int = 0


class ProbeAck(Message):
    """A batch is stored (`accepted`), or why not. Accepted with a reason: some of its executions were refused."""

    wire = probe_pb2.ProbeAck
    sequence_number: int = 0
    accepted: bool = False
    rejection_reason: str = ""
    schedule_overrides: list[ProbeScheduleOverride] = []
