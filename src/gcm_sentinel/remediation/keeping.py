"""Keeping what probes of an order came to as evidence of the investigation that ordered them.

As P5b0cde-1, P5b0cde-2 ... in the order's own numbering: a probe that was cut off and is run again replaces what was
kept of it. The letters after the P are drawn from the order. Secrets are removed as from every other evidence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256

from gcm_sentinel.domain.entity import Entity
from gcm_sentinel.domain.entity import gpu as gpu_entity
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.evidence import Evidence, ResultStatus, TimeRange, ToolResult, digest
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.node_probes import ProbeRun
from gcm_sentinel.domain.order import ApiCall, Order
from gcm_sentinel.domain.probe_result import lines_of, result_of, to_json
from gcm_sentinel.domain.protocols import Clock, EvidenceStore
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.redaction_in_pieces import in_pieces

LETTER = "P"
"""Of the ids of what was probed."""
SOURCE = "deep_probe"
_AT_ONCE = 200
"""Findings that are written down without a thread; a node may send 10,000."""


def evidence_id(order: Order, call: ApiCall) -> str:
    """The id under which what a call of `order` came to is kept: ``P5b0cde-3``."""
    drawn = sha256(order.key.encode(errors="surrogatepass")).hexdigest()[:6]
    return f"{LETTER}{drawn}-{order.calls.index(call) + 1}"


@dataclass(frozen=True, slots=True)
class Keeper:
    """Stores it."""

    store: EvidenceStore
    clock: Clock
    redactor: Redactor

    async def keep_run(self, name: str, call: ApiCall, order: Order, run: ProbeRun) -> None:
        """Store a run; whatever its outcome, it was observed.

        Raises:
            SentinelError: it could not be stored.
        """
        if len(run.findings) > _AT_ONCE:
            kept = await asyncio.to_thread(self._evidence_of_run, name, call, order, run)
        else:
            kept = self._evidence_of_run(name, call, order, run)
        await self.store.put(order.investigation_id, kept)

    async def keep_failure(self, name: str, call: ApiCall, order: Order, why: str) -> None:
        """Store that no report came, and why.

        Raises:
            SentinelError: it could not be stored.
        """
        kept = self._evidence(name, call, order, ToolResult(ResultStatus.ERROR, str(call), note=why))
        await self.store.put(order.investigation_id, kept)

    def _evidence_of_run(self, name: str, call: ApiCall, order: Order, run: ProbeRun) -> Evidence:
        node = order.target.node
        shown: Iterable[Entity] = (node_entity(node), gpu_entity(node, index=run.gpu.index, uuid=run.gpu.uuid))
        found = ToolResult(
            ResultStatus.OK,
            str(call),
            summary=to_json(result_of(run, name)),
            raw="\n".join(lines_of(run)),
            time_range=TimeRange(run.started, run.ended),
            entities=tuple(shown),
        )
        return self._evidence(name, call, order, found)

    def _evidence(self, name: str, call: ApiCall, order: Order, found: ToolResult) -> Evidence:
        clean = replace(
            found,
            query=self.redactor.text(found.query),
            summary=self.redactor.object(found.summary),
            raw=in_pieces(self.redactor, found.raw),
            note=self.redactor.text(found.note),
        )
        body: JsonObject = {} if isinstance(call.body, list) else dict(call.body)
        tool, asked = str(order.operation), self.redactor.object(body)
        mark = digest(SOURCE, tool, asked, clean)
        return Evidence(name, SOURCE, tool, asked, clean, self.clock.now(), mark)
