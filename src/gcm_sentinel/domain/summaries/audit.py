"""What the audit ledger tells: entries, verification, proofs."""

from __future__ import annotations

from typing import TypedDict

from gcm_sentinel.domain.jsontypes import JsonObject


class AuditEntrySummary(TypedDict):
    """One entry."""

    id: int
    kind: str
    at: str | None
    gpu: str | None
    node: str | None
    message: str
    """What `content` was read as; empty where this version does not know the kind."""
    content: JsonObject | None
    data_bytes: int
    data_sha256: str
    entry_hash: str


class ProbeTally(TypedDict):
    """Probes of one type that ended one way, in the entries that were read."""

    probe_type: str
    """``FMA``, ``TENSOR_CORE`` ..."""
    result: str
    """``PASS``, ``FAIL``, ``ERROR``, ``TIMEOUT``; only FAIL is a wrong result."""
    count: int
    gpus: int
    uuids: list[str]
    """Of those GPUs, the first 40."""
    nodes: int
    sms: list[int]
    """On which SMs, as far as entries of single probes say; the first 40."""
    differing_bits: list[int]
    """Positions at which expected and actual results differed; the first 20."""
    coldest_c: float | None
    """Lowest temperature of the GPU at such a probe; None where none was given."""
    hottest_c: float | None
    first_at: str | None
    last_at: str | None


class AnomalyTally(TypedDict):
    """Anomalies of one type, in the entries that were read."""

    anomaly_type: str
    """``LOSS_SPIKE``, ``CROSS_RANK_DIVERGENCE``, ``LOGIT_DRIFT`` ..."""
    count: int
    gpus: int
    uuids: list[str]
    """Of those GPUs, the first 40."""
    nodes: int
    models: list[str]
    """Jobs or replicas that the monitors named, the first 20."""
    steps: list[int]
    """Training steps, the first 20."""
    first_at: str | None
    last_at: str | None


class EventTally(TypedDict):
    """What happened to the gateway, or because of it."""

    event: str
    """``ledger.tail_sealed``, ``ingest.refused``, ``rollout.finished`` ..."""
    count: int
    words: str
    """The fields of the newest one."""
    last_at: str | None


class RecordedState(TypedDict):
    """The newest state of a GPU that the entries record."""

    uuid: str
    node: str
    state: str
    at: str | None
    entry: int
    by: str


class AuditQuerySummary(TypedDict):
    """`query_audit_ledger`."""

    entries: list[AuditEntrySummary]
    entries_total: int
    """How many match; may be approximate."""
    by_kind: dict[str, int]
    """Of the entries that were read."""
    probes: list[ProbeTally]
    """Wrong results first, then the most frequent."""
    anomalies: list[AnomalyTally]
    events: list[EventTally]
    states: list[RecordedState]
    """One for each GPU whose state changed."""
    since: str
    until: str
    cut: bool


class AuditVerificationSummary(TypedDict):
    """`verify_audit_ledger`: the gateway's own check of its chain."""

    first: int
    """0 for the beginning."""
    last: int
    """0 for the newest."""
    valid: bool
    entries_verified: int
    batches_verified: int
    first_bad_entry: int | None
    failure: str
    took_ms: int


class AuditProofSummary(TypedDict):
    """`prove_audit_entry`: what this process could verify for itself."""

    entry: AuditEntrySummary
    proven: bool
    """Hash, inclusion and a signature by the pinned key all hold."""
    hash_matches: bool
    included: bool
    key_pinned: bool
    signed: bool | None
    """None where no key is pinned: then the gateway's word for the root is all there is."""
    consistent: bool | None
    """The tree extends the one seen before by this process; None where it saw none."""
    origin: str
    tree_size: int
    root: str
    tree_head_at: str | None
