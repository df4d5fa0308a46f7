"""How GPUs agree with each other, and the canaries that find out."""

from __future__ import annotations

from typing import ClassVar

from google.protobuf.message import Message as Proto

from sentinel.ext.v1 import records_pb2, tmr_pb2
from sentinel.v1 import trust_pb2
from sentinel_sdk.types.common import GpuIdentifier
from sentinel_sdk.types.enums import TmrOutcome
from sentinel_sdk.types.message import Message
from sentinel_sdk.types.timestamps import UtcDatetime


class TrustEdge(Message):
    """How often two GPUs agreed; `trust_score` is agreements / comparisons."""

    wire = trust_pb2.TrustEdge
    gpu_a: GpuIdentifier | None = None
    gpu_b: GpuIdentifier | None = None
    agreement_count: int = 0
    disagreement_count: int = 0
    last_comparison: UtcDatetime | None = None
    trust_score: float = 0.0


class TrustGraphSnapshot(Message):
    """All comparisons at one moment; `coverage_pct` is the share of possible pairs compared at least once."""

    wire = trust_pb2.TrustGraphSnapshot
    edges: list[TrustEdge] = []
    timestamp: UtcDatetime | None = None
    coverage_pct: float = 0.0
    total_gpus: int = 0
    min_trust_score: float = 0.0
    mean_trust_score: float = 0.0


class TmrRequest(Message):
    """The same work for three GPUs; an empty `target_layer` is the whole forward pass."""

    wire = trust_pb2.TmrRequest
    canary_id: str = ""
    gpus: list[GpuIdentifier] = []
    input_hash: bytes = b""
    model_id: str = ""
    target_layer: str = ""
    timeout_ms: int = 0


class TmrGpuResult(Message):
    """What one GPU of a canary computed."""

    wire = trust_pb2.TmrGpuResult
    gpu: GpuIdentifier | None = None
    output_fingerprint: bytes = b""
    execution_time_ns: int = 0
    success: bool = False
    error_message: str = ""


class TmrResult(Message):
    """What the GPUs of a canary computed; a server votes itself and believes only `results`."""

    wire: ClassVar[type[Proto]] = trust_pb2.TmrResult
    canary_id: str = ""
    results: list[TmrGpuResult] = []
    consensus_hash: bytes = b""
    dissenting_gpu: GpuIdentifier | None = None
    unanimous: bool = False
    timestamp: UtcDatetime | None = None


class TmrRecord(TmrResult):
    """A canary as the ledger has it: `reported_by` is who the reporting connection proved to be.

    `scheduled` says that the gateway had asked for it; only then a dissent is evidence, unless it was told otherwise.
    Both are empty in entries of earlier versions.
    """

    wire = records_pb2.TmrRecord
    reported_by: str = ""
    scheduled: bool = False


class TmrVerdict(Message):
    """The server's vote on a canary; `duplicate` says that it was counted before."""

    wire = tmr_pb2.TmrVerdict
    canary_id: str = ""
    outcome: TmrOutcome = TmrOutcome.UNSPECIFIED
    consensus_hash: bytes = b""
    dissenting_gpu: GpuIdentifier | None = None
    duplicate: bool = False
