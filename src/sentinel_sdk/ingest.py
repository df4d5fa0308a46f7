"""What the three kinds of ingest streams share: numbering batches, and knowing which are not acknowledged yet.

A batch is acknowledged only after the server has stored it. So whatever is unacknowledged when a connection breaks is
sent again over the next one, with the same number and content, and the server counts it once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, Self, TypeVar

from google.protobuf.message import Message as Proto

from sentinel_sdk import methods
from sentinel_sdk.errors import ClosedError, invalid
from sentinel_sdk.failures import Failure, wait_after
from sentinel_sdk.retry import Reconnects
from sentinel_sdk.rpc import Method
from sentinel_sdk.signing import Key, sign_messages
from sentinel_sdk.types.anomaly import AnomalyAck, AnomalyBatch
from sentinel_sdk.types.probe import ProbeAck, ProbeResultBatch
from sentinel_sdk.types.telemetry import TelemetryAck, TelemetryBatch


class Batch(Protocol):
    """What the three kinds of batches have in common."""

    sequence_number: int
    batch_timestamp: datetime | None

    # `Message.to_proto` returns each model's own class, which only the model knows.
    def to_proto(self) -> Any:  # noqa: ANN401
        """The batch for the wire."""


class Ack(Protocol):
    """What the three kinds of acknowledgements have in common."""

    sequence_number: int

    @classmethod
    def from_proto(cls, message: Proto) -> Self:
        """The acknowledgement of a message."""


log = logging.getLogger("sentinel_sdk")
MAX_UNACKNOWLEDGED = 256
"""Batches; enough to be never waited for on a connection that works."""
B = TypeVar("B", bound=Batch)
A = TypeVar("A", bound=Ack)


@dataclass(frozen=True, slots=True)
class Kind(Generic[B, A]):
    """One kind of ingest stream."""

    method: Method[Any, Any]
    batch: type[B]
    ack: type[A]
    hostname_field: str
    items_field: str

    def batch_of(self, given: object) -> B:
        """`given`, which is a batch, or what one holds.

        Raises:
            InvalidArgumentError: it is neither, or it is empty.
        """
        if isinstance(given, self.batch):
            batch = given
        elif isinstance(given, Sequence) and not isinstance(given, str | bytes):
            batch = self.batch(**{self.items_field: list(given)})
        else:
            raise invalid(f"send a {self.batch.__name__} or a list of its {self.items_field}, not {given!r:.100}")
        if not getattr(batch, self.items_field):
            raise invalid(f"there is nothing to send: {self.items_field} is empty")
        return batch

    def refusal(self, sequence_number: int, size_bytes: int, limit_bytes: int | None) -> A:
        """What the server would answer to a batch of this size if it read it; it ends the whole stream instead."""
        limit = "more than the server takes" if limit_bytes is None else f"the server takes {limit_bytes} at most"
        reason = f"the batch is too large: it has {size_bytes} bytes, {limit}; send its {self.items_field} in parts"
        log.warning("ingest.refused method=%s sequence_number=%d reason=%s", self.method.path, sequence_number, reason)
        ack = self.ack()
        ack.sequence_number = sequence_number
        # An acknowledgement of telemetry has no room for a reason.
        if hasattr(ack, "rejection_reason"):
            ack.rejection_reason = reason
        return ack


PROBES: Kind[ProbeResultBatch, ProbeAck] = Kind(
    methods.STREAM_PROBE_RESULTS, ProbeResultBatch, ProbeAck, "agent_hostname", "executions"
)
ANOMALIES: Kind[AnomalyBatch, AnomalyAck] = Kind(
    methods.STREAM_ANOMALY_EVENTS, AnomalyBatch, AnomalyAck, "source_hostname", "events"
)
TELEMETRY: Kind[TelemetryBatch, TelemetryAck] = Kind(
    methods.STREAM_TELEMETRY, TelemetryBatch, TelemetryAck, "agent_hostname", "reports"
)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, and how much of it is kept until it is acknowledged."""

    hostname: str
    now: Callable[[], datetime]
    max_unacknowledged: int
    key: Key | None = field(default=None, repr=False)
    """Signs probe executions."""

    def __post_init__(self) -> None:
        if self.max_unacknowledged < 1:
            raise invalid(f"max_unacknowledged must be 1 or more batches, not {self.max_unacknowledged}")


class Numbering(Generic[B]):
    """Gives a batch what it lacks. Done on the batch itself, so that handing it in again repeats it exactly."""

    def __init__(self, hostname_field: str, sender: Sender) -> None:
        self._hostname_field = hostname_field
        self._sender = sender
        self._last = 0

    def complete(self, batch: B) -> B:
        """`batch` with host name, number and time; what it already has stays."""
        if not getattr(batch, self._hostname_field):
            setattr(batch, self._hostname_field, self._sender.hostname)
        if not batch.sequence_number:
            batch.sequence_number = self._last + 1
        self._last = max(self._last, batch.sequence_number)
        if batch.batch_timestamp is None:
            batch.batch_timestamp = self._sender.now()
        return batch

    def message_of(self, batch: B) -> Any:  # noqa: ANN401 - of the batch's own class
        """The batch for the wire, signed where there is a key for it; what is signed already stays as it is."""
        message = batch.to_proto()
        if self._sender.key is not None:
            sign_messages((one for one in message.executions if not one.hmac_signature), self._sender.key)
        return message


def key_of(secret: str | bytes | None) -> Key | None:
    """A secret, ready for signing.

    Raises:
        InvalidArgumentError: it is empty.
    """
    if secret is None:
        return None
    try:
        return Key(secret.encode() if isinstance(secret, str) else secret)
    except ValueError as error:
        raise invalid(f"hmac_key: {error}") from error


class Unacknowledged(Generic[A]):
    """The batches under way, in the order they were sent, and the acknowledgements nobody has asked for yet."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: dict[int, Proto] = {}
        self._acks: dict[int, A] = {}

    @property
    def is_full(self) -> bool:
        """Whether one has to be acknowledged before another may be sent."""
        return len(self._waiting) >= self._limit

    def add(self, sequence_number: int, message: Proto) -> None:
        """A batch is sent."""
        self._waiting[sequence_number] = message

    def messages(self) -> tuple[Proto, ...]:
        """What has to be sent again over a new connection."""
        return tuple(self._waiting.values())

    def acknowledge(self, ack: A) -> None:
        """An acknowledgement came. One for a batch that was answered before, or never sent, is of no interest."""
        if self._waiting.pop(ack.sequence_number, None) is not None:
            self._acks[ack.sequence_number] = ack

    def larger_than(self, limit_bytes: int | None) -> dict[int, int]:
        """Size by number of the batches under way that are larger; of the largest one where the limit is not known."""
        sizes = {number: message.ByteSize() for number, message in self._waiting.items()}
        if limit_bytes is None:
            limit_bytes = max(sizes.values(), default=0) - 1
        return {number: size for number, size in sizes.items() if size > limit_bytes}

    def take(self, sequence_number: int) -> A | None:
        """The acknowledgement of a batch, which is then done with; None while there is none."""
        return self._acks.pop(sequence_number, None)

    def forget(self, sequence_numbers: Iterable[int]) -> None:
        """Nobody waits for these any longer."""
        for number in sequence_numbers:
            self._waiting.pop(number, None)
            self._acks.pop(number, None)


def recover(failure: Failure, kind: Kind[B, A], unacknowledged: Unacknowledged[A], reconnects: Reconnects) -> float:
    """How long to wait before connecting again, in seconds; at once without a batch that was too large.

    Raises:
        SentinelError: it is no use.
    """
    if failure.too_large is not None:
        if too_large := unacknowledged.larger_than(failure.too_large.limit_bytes):
            for number, size_bytes in too_large.items():
                unacknowledged.acknowledge(kind.refusal(number, size_bytes, failure.too_large.limit_bytes))
            return 0.0
        # Whoever sent it has gone, and it will not be sent again.
        failure = Failure(failure.error)
    return wait_after(failure, reconnects, kind.method.path)


def ended() -> ClosedError:
    """The answer to whoever sends over a stream that was closed, or waits on it."""
    return ClosedError("the stream is closed; what was not acknowledged may or may not be stored")
