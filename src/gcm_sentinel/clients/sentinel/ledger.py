"""The gateway's audit ledger: entries read, proofs verified here, our own notes appended.

A proof is believed for what this process computes from it: the entry's hash from its content, the root from that hash,
the signature with the operator's key. The newest tree head is remembered while the process lives, and each newer one
has to extend it, so that a gateway which forgets or rewrites under our eyes is caught.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gcm_sentinel.clients.sentinel import entries, proofs
from gcm_sentinel.clients.sentinel.connection import Connection
from gcm_sentinel.domain.audit import (
    ActionNote,
    AssessmentNote,
    AuditFilter,
    AuditPage,
    EntryProof,
    NewestHead,
    Recorded,
    Verification,
)
from gcm_sentinel.domain.errors import Rejected

if TYPE_CHECKING:
    from sentinel_sdk import SentinelClient
    from sentinel_sdk.ledger.checkpoint import VerifierKey


class SentinelLedger:
    """The ledger of one gateway."""

    def __init__(self, connection: Connection, public_key: Path | None) -> None:
        """Take the connection, and the file with the ledger's key as the operator obtained it."""
        self._connection = connection
        self._public_key = public_key
        self._seen: proofs.Head | None = None

    @property
    def pinned(self) -> bool:
        """Whether the operator has given the ledger's key."""
        return self._public_key is not None

    async def newest(self) -> NewestHead | None:
        """The newest tree head, which who may audit may read; None where nothing was recorded yet.

        Raises:
            Forbidden: we may not.
            BadConfiguration: the file of the public key cannot be used.
            SentinelError: it could not be asked.
        """
        from sentinel_sdk import NotFoundError

        keys = self._keys()
        async with self._connection.use() as client:
            try:
                head = proofs.head(await client.aget_checkpoint())
            except NotFoundError:
                return None
        return NewestHead(head.value, proofs.signed(head, keys))

    async def may_record(self) -> None:
        """Nothing, if this caller may append; nothing is appended, because an empty request is refused after the roles.

        Raises:
            Forbidden: it may not.
            SentinelError: it could not be asked.
        """
        from gcm_sentinel.clients.sentinel.trial import arecord_nothing
        from sentinel_sdk import InvalidArgumentError

        async with self._connection.use() as client:
            try:
                await arecord_nothing(client)
            except InvalidArgumentError:
                return

    async def entries(self, wanted: AuditFilter) -> AuditPage:
        """The entries a filter finds, `wanted.limit` at most.

        Raises:
            SentinelError: it could not be asked.
        """
        async with self._connection.use() as client:
            return entries.page(await client.aquery_audit_trail(entries.filters(wanted)))

    async def verify(self, first: int = 0, last: int = 0) -> Verification:
        """Have the gateway verify its chain and tree heads from entry `first` to `last`; 0 for the ends.

        Raises:
            SentinelError: it could not be asked.
        """
        async with self._connection.use() as client:
            return entries.verification(await client.averify_chain(start_entry_id=first, end_entry_id=last))

    async def prove(self, entry_id: int) -> EntryProof | None:
        """One entry with its proof against the newest tree head, verified here; None where there is no such entry.

        Raises:
            BadConfiguration: the file of the public key cannot be used.
            BadResponse: an answer without an entry or a tree head.
            SentinelError: it could not be asked.
        """
        from sentinel_sdk import NotFoundError

        keys = self._keys()
        async with self._connection.use() as client:
            try:
                answer = await client.aprove_inclusion(entry_id)
            except NotFoundError:
                return None
            head = proofs.head_of(answer)
            consistent = await self._extends(client, head)
        return proofs.judge(answer, entry_id, head, keys, consistent=consistent)

    async def record(self, note: AssessmentNote | ActionNote, *, key: str) -> Recorded:
        """Append a note; the same key again records nothing more and answers where it stands.

        Raises:
            Rejected: the gateway did not take it.
            SentinelError: it could not be asked.
        """
        async with self._connection.use() as client:
            answer = await client.aingest_audit_entries([entries.of_note(note)], key)
        if not answer.success:
            raise Rejected(f"SENTINEL gateway {self._connection.endpoint} did not record it: {answer.error[:300]}")
        return Recorded(answer.last_entry_id)

    def _keys(self) -> tuple[VerifierKey, ...] | None:
        """The pinned keys, read anew: a file that is mounted may be replaced while we run."""
        return proofs.read_keys(self._public_key) if self._public_key else None

    async def _extends(self, client: SentinelClient, head: proofs.Head) -> bool | None:
        """Whether `head` extends the newest one seen before; None where none was, or nothing is left to show it with.

        The larger one is remembered.
        """
        from sentinel_sdk import NotFoundError

        seen = self._seen
        if seen is None or seen.origin != head.origin:
            self._seen = head
            return None
        if head.size < seen.size:
            return False
        try:
            answer = await client.aprove_consistency(seen.size, head.size)
        except NotFoundError:
            return None
        if not proofs.extends(seen, head, answer):
            return False
        self._seen = max(head, self._seen or head, key=lambda known: known.size)
        return True
