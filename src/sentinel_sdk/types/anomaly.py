"""What inference and training monitors report."""

from __future__ import annotations

from sentinel.v1 import anomaly_pb2
from sentinel_sdk.types.common import GpuIdentifier
from sentinel_sdk.types.enums import AnomalySource, AnomalyType, Severity
from sentinel_sdk.types.message import Message
from sentinel_sdk.types.timestamps import UtcDatetime


class AnomalyEvent(Message):
    """Something a monitor noticed; `score` and `threshold` share a unit that depends on `anomaly_type`."""

    wire = anomaly_pb2.AnomalyEvent
    event_id: str = ""
    anomaly_type: AnomalyType = AnomalyType.UNSPECIFIED
    source: AnomalySource = AnomalySource.UNSPECIFIED
    gpu: GpuIdentifier | None = None
    severity: Severity = Severity.UNSPECIFIED
    score: float = 0.0
    threshold: float = 0.0
    details: str = ""
    tensor_fingerprint: bytes = b""
    timestamp: UtcDatetime | None = None
    metadata: dict[str, str] = {}
    layer_name: str = ""
    model_id: str = ""
    step_number: int = 0


class AnomalyBatch(Message):
    """What a monitor sends at once. An ingest stream fills in host name, sequence number and time where unset."""

    wire = anomaly_pb2.AnomalyBatch
    source_hostname: str = ""
    events: list[AnomalyEvent] = []
    sequence_number: int = 0
    batch_timestamp: UtcDatetime | None = None


class AnomalyAck(Message):
    """A batch is stored (`accepted`), or why not."""

    wire = anomaly_pb2.AnomalyAck
    sequence_number: int = 0
    accepted: bool = False
    rejection_reason: str = ""
