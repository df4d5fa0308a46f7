"""Captured evidence put together from its chunks. What does not fit its digest is refused: it proves nothing.

An agent may send much more than is worth keeping, and one that was taken over more than we have room for. So the digest
grows as chunks come, and of each part only an end is held: of the log its newest bytes, of anything else its first.
"""

from __future__ import annotations

import hashlib

from gcm_sentinel.clients.node_agent_bounds import MOST_PARTS, Bound
from gcm_sentinel.clients.node_agent_convert import moment
from gcm_sentinel.domain.errors import BadResponse
from gcm_sentinel.domain.node_agent import KERNEL_LOG, CapturedEvidence, CapturedPart
from sentinel.node.v1 import node_pb2

MOST_BYTES = 256 << 20
"""Of all parts together as they come; an agent that sends more is not one of ours."""
MOST_LOG_BYTES = 2 << 20
MOST_PART_BYTES = 512 << 10
MOST_KEPT_BYTES = 6 << 20
"""Of all parts together as they are held."""


class _Content:
    """One part as it comes: its digest, its length, and the end of it that is kept."""

    def __init__(self, name: str, room_bytes: int) -> None:
        self.name = name
        self.sent_bytes = 0
        self.digest = hashlib.sha256()
        self.kept = bytearray()
        self._is_log = name == KERNEL_LOG
        self._most_bytes = min(MOST_LOG_BYTES if self._is_log else MOST_PART_BYTES, room_bytes)

    def add(self, chunk: bytes) -> None:
        """Take what comes next."""
        self.sent_bytes += len(chunk)
        self.digest.update(chunk)
        if self._is_log:
            self.kept += chunk
            del self.kept[: max(0, len(self.kept) - self._most_bytes)]
        else:
            self.kept += chunk[: self._most_bytes - len(self.kept)]


class Assembly:
    """Evidence that is on its way."""

    def __init__(self) -> None:
        self._content: _Content | None = None
        self._size_bytes = 0
        self._room_bytes = MOST_KEPT_BYTES
        self._parts: list[CapturedPart] = []
        self._bound = Bound("parts of evidence", MOST_PARTS)

    def add(self, event: node_pb2.EvidenceEvent) -> CapturedEvidence | None:
        """Take the next event; with the manifest it is whole.

        Raises:
            BadResponse: it is too large, out of order, or not what its digest says.
        """
        if event.HasField("chunk"):
            self._chunk(event.chunk)
        elif event.HasField("part"):
            self._part(event.part)
        elif event.HasField("manifest"):
            return self._whole(event.manifest)
        return None

    def _chunk(self, chunk: node_pb2.EvidenceChunk) -> None:
        self._size_bytes += len(chunk.content)
        if self._size_bytes > MOST_BYTES:
            raise BadResponse(f"the node's agent sent more than {MOST_BYTES} bytes of evidence")
        if self._content is None:
            self._content = _Content(chunk.name, self._room_bytes)
        if chunk.name != self._content.name:
            raise BadResponse(f"the node's agent began part {chunk.name!r} before {self._content.name!r} was whole")
        self._content.add(chunk.content)

    def _part(self, part: node_pb2.EvidencePart) -> None:
        self._bound.take(1, part.ByteSize())
        content = self._content or _Content(part.name, 0)
        if part.name != content.name or content.digest.digest() != part.sha256:
            raise BadResponse(f"part {part.name!r} of the evidence is not what its digest says")
        self._content = None
        self._room_bytes -= len(content.kept)
        self._parts.append(
            CapturedPart(
                name=part.name,
                media_type=part.media_type,
                content=bytes(content.kept),
                sha256=content.digest.hexdigest(),
                is_truncated=part.is_truncated,
                missing=part.missing,
                sent_bytes=content.sent_bytes,
            )
        )

    def _whole(self, manifest: node_pb2.EvidenceManifest) -> CapturedEvidence:
        if [part.name for part in manifest.parts] != [part.name for part in self._parts] or self._content:
            raise BadResponse("the parts of the evidence are not those of its manifest")
        return CapturedEvidence(
            node=manifest.node_name,
            boot_id=manifest.boot_id,
            started=moment(manifest.started),
            ended=moment(manifest.ended),
            parts=tuple(self._parts),
        )
