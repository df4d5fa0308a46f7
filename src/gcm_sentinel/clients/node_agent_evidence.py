"""Captured evidence put together from its chunks. What does not fit its digest is refused: it proves nothing."""

from __future__ import annotations

import hashlib

from gcm_sentinel.clients.node_agent_bounds import MOST_PARTS, Bound
from gcm_sentinel.clients.node_agent_convert import moment
from gcm_sentinel.domain.errors import BadResponse
from gcm_sentinel.domain.node_agent import CapturedEvidence, CapturedPart
from sentinel.node.v1 import node_pb2

MOST_BYTES = 256 << 20
"""Of all parts together; an agent that sends more is not one of ours."""


class Assembly:
    """Evidence that is on its way."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._name = ""
        self._size_bytes = 0
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
        if self._chunks and chunk.name != self._name:
            raise BadResponse(f"the node's agent began part {chunk.name!r} before {self._name!r} was whole")
        self._name = chunk.name
        self._chunks.append(chunk.content)

    def _part(self, part: node_pb2.EvidencePart) -> None:
        self._bound.take(1, part.ByteSize())
        content = b"".join(self._chunks)
        digest = hashlib.sha256(content)
        if (self._chunks and part.name != self._name) or digest.digest() != part.sha256:
            raise BadResponse(f"part {part.name!r} of the evidence is not what its digest says")
        self._chunks = []
        self._parts.append(
            CapturedPart(part.name, part.media_type, content, digest.hexdigest(), part.is_truncated, part.missing)
        )

    def _whole(self, manifest: node_pb2.EvidenceManifest) -> CapturedEvidence:
        if [part.name for part in manifest.parts] != [part.name for part in self._parts] or self._chunks:
            raise BadResponse("the parts of the evidence are not those of its manifest")
        return CapturedEvidence(
            node=manifest.node_name,
            boot_id=manifest.boot_id,
            started=moment(manifest.started),
            ended=moment(manifest.ended),
            parts=tuple(self._parts),
        )
