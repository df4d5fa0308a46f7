"""Where reports go, by what proof, and how much is kept while they cannot."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sentinel_node.reporting.token import TokenFile
from sentinel_sdk import TlsConfig

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """How the gateway is reached. What is left out here is taken from nowhere else: no environment variable counts."""

    endpoint: str
    """host:port."""
    hostname: str
    """This node, as its certificate names it: a gateway may take reports of a host from that host only."""
    tls: TlsConfig | None = None
    """None for a plain connection."""
    token: TokenFile | None = None
    """Who we are, where no certificate says so; when it changes, everything is sent anew with the new one."""
    hmac_key: str | bytes | None = field(default=None, repr=False)
    """The secret that probe executions are signed with, if the gateway wants them signed."""
    answer_within_s: float = 30.0
    """How long a batch may be without its acknowledgement until the connection counts as broken."""
    first_backoff_s: float = 1.0
    longest_backoff_s: float = 300.0
    """Waits between tries double from the first to the longest, each shortened at random by up to half."""


@dataclass(frozen=True, slots=True)
class BufferSettings:
    """What is kept on disk until the gateway has it."""

    folder: Path
    """Of this agent alone; made where it is missing."""
    limit_bytes: int = 256 * MIB
    """Of all segments together; the oldest is dropped for the newest."""
    segment_bytes: int = 4 * MIB


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """How results are put together; the reference's numbers."""

    most: int = 100
    within_s: float = 0.5
    """After the first one of a batch. A report with a FAIL does not wait."""
    window: int = 16
    """Batches under way at once."""
