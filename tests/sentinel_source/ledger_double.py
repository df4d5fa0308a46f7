"""The ledger of the gateway double: a real hash chain and tree, signed with a key made for the test."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentinel.ext.v1 import ledger_pb2
from sentinel.v1 import audit_pb2
from sentinel_sdk.ledger.checkpoint import Signer
from sentinel_sdk.ledger.encoding import entry_hash
from sentinel_sdk.ledger.entry import GENESIS_HASH, Entry, EntryGpu
from sentinel_sdk.ledger.proofs import consistency_proof, inclusion_proof
from sentinel_sdk.ledger.tree import root_of

ORIGIN = "ledger.example/test"


class LedgerDouble:
    """Entries, and what is said of them."""

    def __init__(self) -> None:
        self.entries: list[audit_pb2.AuditEntry] = []
        self.verdict = audit_pb2.ChainVerificationResponse(valid=True)
        self.keys: dict[str, int] = {}
        """Entry id by idempotency key."""
        self._signer = Signer(ORIGIN, Ed25519PrivateKey.generate())

    @property
    def public_key(self) -> str:
        """As the operator hands it out."""
        return self._signer.key.text

    def sign_as(self, other: LedgerDouble) -> None:
        """Sign with the key of another ledger from now on."""
        self._signer = other._signer

    def add(self, data: bytes, entry_type: int = 6, uuid: str = "", at_s: int = 1_795_000_000) -> audit_pb2.AuditEntry:
        """Append one entry."""
        entry = audit_pb2.AuditEntry(entry_id=len(self.entries) + 1, data=data)
        entry.entry_type = entry_type  # type: ignore[assignment]
        entry.timestamp.seconds = at_s
        entry.previous_hash = self.entries[-1].entry_hash if self.entries else GENESIS_HASH
        if uuid:
            entry.gpu.uuid = uuid
        entry.entry_hash = entry_hash(_value(entry))
        self.entries.append(entry)
        return entry

    def ingest(self, request: audit_pb2.AuditIngestRequest, metadata: dict[str, str]) -> audit_pb2.AuditIngestResponse:
        if not request.entries:
            raise ValueError("entries is empty")
        key = metadata.get("sentinel-idempotency-key", "")
        if key not in self.keys:
            for given in request.entries:
                self.add(given.data, int(given.entry_type), given.gpu.uuid, given.timestamp.seconds)
            self.keys[key] = len(self.entries)
        return audit_pb2.AuditIngestResponse(success=True, entries_ingested=1, last_entry_id=self.keys[key])

    def query(self, request: audit_pb2.AuditQueryRequest) -> audit_pb2.AuditQueryResponse:
        found = [
            entry
            for entry in self.entries
            if request.entry_type in (0, entry.entry_type)
            and request.gpu.uuid in ("", entry.gpu.uuid)
            and request.start_time.seconds <= entry.timestamp.seconds <= request.end_time.seconds
        ]
        ordered = found[::-1] if request.descending else found
        more = "more" if len(ordered) > request.limit else ""
        shown = ordered[: request.limit]
        return audit_pb2.AuditQueryResponse(entries=shown, total_count=len(found), next_page_token=more)

    def checkpoint(self) -> ledger_pb2.Checkpoint:
        size, root = len(self.entries), root_of(self._leaves)
        note = self._signer.sign(size, root, 1_795_000_000_000_000_000, size).note
        return ledger_pb2.Checkpoint(tree_size=size, root_hash=root, note=note)

    def prove(self, request: ledger_pb2.ProveInclusionRequest) -> ledger_pb2.InclusionProof:
        index, size = request.entry_id - 1, len(self.entries)
        if not 0 <= index < size:
            raise LookupError(f"there is no entry {request.entry_id}")
        hashes = inclusion_proof(index, size, self._range)
        return ledger_pb2.InclusionProof(
            entry=self.entries[index],
            leaf_index=index,
            tree_size=size,
            hashes=hashes,
            checkpoint=self.checkpoint(),
        )

    def consistency(self, request: ledger_pb2.ProveConsistencyRequest) -> ledger_pb2.ConsistencyProof:
        first, second = request.first_tree_size, request.second_tree_size
        return ledger_pb2.ConsistencyProof(hashes=consistency_proof(first, second, self._range))

    @property
    def _leaves(self) -> list[bytes]:
        return [entry.entry_hash for entry in self.entries]

    def _range(self, start: int, end: int) -> bytes:
        return root_of(self._leaves[start:end])


def _value(entry: Any) -> Entry:
    gpu = EntryGpu(entry.gpu.uuid) if entry.HasField("gpu") else None
    stamp = entry.timestamp.seconds * 1_000_000_000
    return Entry(entry.entry_id, int(entry.entry_type), stamp, entry.data, gpu, entry.previous_hash, b"")
