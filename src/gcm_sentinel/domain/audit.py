"""The audit ledger as values: entries, how far they could be verified, and what we record ourselves.

The ledger is kept by a SENTINEL gateway. An entry shows what was recorded, and no more: that it was not changed since
is shown by a proof, and a proof counts as independent only against a key the operator obtained some other way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gcm_sentinel.domain.jsontypes import JsonObject

ENTRY_TYPES = (
    "PROBE_RESULT", "ANOMALY_EVENT", "QUARANTINE_ACTION", "CONFIG_CHANGE", "TMR_RESULT", "SYSTEM_EVENT",
)  # fmt: skip
"""What an entry may be, in the wire's order from 1."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; every bound narrows."""

    since: datetime
    until: datetime
    gpu_uuid: str = ""
    entry_type: str = ""
    """One of `ENTRY_TYPES`; empty for all."""
    limit: int = 50
    newest_first: bool = True


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry in its place."""

    id: int
    """From 1, without gaps."""
    kind: str
    """One of `ENTRY_TYPES`, or ``TYPE_<number>`` of a newer gateway."""
    at: datetime | None
    gpu_uuid: str
    node: str
    content: JsonObject | None
    """The recorded message in plain fields, long ones cut; None where its kind is not known here."""
    message: str
    """Name of the message `content` was read as; empty with None."""
    data_bytes: int
    data_sha256: str
    """Hex, of the recorded bytes."""
    entry_hash: str
    """Hex."""
    previous_hash: str
    """Hex."""


@dataclass(frozen=True, slots=True)
class AuditPage:
    """The entries a filter found."""

    entries: tuple[AuditEntry, ...]
    total: int
    """How many match; may be approximate."""
    more: bool


@dataclass(frozen=True, slots=True)
class Verification:
    """What the gateway's own check of its chain said."""

    valid: bool
    entries: int
    """Entries it verified."""
    batches: int
    took_ms: int
    first_bad: int | None = None
    """None where it is valid, or where the gateway named none."""
    failure: str = ""
    """What is wrong there: the kind (changed, dropped, swapped, truncated ...) and its words."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed tree head: so many entries have this root."""

    origin: str
    size: int
    root: str
    """Hex."""
    at: datetime | None
    note: str
    """The signed text itself."""


@dataclass(frozen=True, slots=True)
class NewestHead:
    """The ledger's newest tree head."""

    checkpoint: Checkpoint
    signed: bool | None
    """It bears a valid signature of the pinned key; None where none is pinned."""


@dataclass(frozen=True, slots=True)
class EntryProof:
    """An entry, and how far this process could verify for itself that it stands in the ledger."""

    entry: AuditEntry
    hash_matches: bool
    """The entry's hash was computed anew from its content."""
    included: bool
    """That hash leads to the root of the tree head."""
    pinned: bool
    """The operator has given a public key."""
    signed: bool | None
    """The tree head bears a valid signature of the pinned key; None where none is pinned."""
    checkpoint: Checkpoint
    consistent: bool | None = None
    """The tree head extends the last one this process saw; None where it saw none before."""

    @property
    def proven(self) -> bool:
        """Everything that can be checked was, against a key from outside, and holds."""
        return self.hash_matches and self.included and self.signed is True and self.consistent is not False


@dataclass(frozen=True, slots=True)
class EvidenceMark:
    """One piece of evidence, recognisable without its content."""

    id: str
    source: str
    sha256: str
    """Hex; empty where the evidence itself is not stored any more."""


@dataclass(frozen=True, slots=True)
class NotedGpu:
    """A GPU as evidence showed it."""

    uuid: str
    node: str
    index: int
    """On its node, as NVML counts it."""


@dataclass(frozen=True, slots=True)
class AssessmentNote:
    """What the ledger is told of one assessment."""

    incident_id: str
    investigation_id: str
    nodes: tuple[str, ...]
    gpu_uuids: tuple[str, ...]
    severity: str
    fault_class: str
    summary: str
    confidence: float
    actions: tuple[str, ...]
    engine: str
    model: str
    concluded_at: datetime
    evidence: tuple[EvidenceMark, ...]
    """What its claims and causal chain cite."""
    gpu: NotedGpu | None = None
    """The one GPU it is about; None where there are several, or where no evidence showed its node and index: an entry
    cannot say that an index is unknown, and 0 would name another GPU."""


@dataclass(frozen=True, slots=True)
class ActionNote:
    """What the ledger is told of one action that came to something."""

    incident_id: str
    investigation_id: str
    operation: str
    target: str
    """Kind, name and UID."""
    state: str
    digest: str
    """Of the order, hex."""
    decided_by: str
    """Who decided and where; empty where no person was asked."""
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where a note stands in the ledger."""

    entry_id: int


class Recorder(Protocol):
    """A ledger that takes notes."""

    async def record(self, note: AssessmentNote | ActionNote, *, key: str) -> Recorded:
        """Append `note`; the same key again records nothing more and answers where it stands.

        Raises:
            Retryable: it may work later.
            Permanent: it will not work; tell the operator.
        """
        ...
