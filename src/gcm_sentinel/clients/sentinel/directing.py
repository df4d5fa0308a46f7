"""Directives as an order shows them (a method and a JSON body) sent to the gateway, and what came of one.

The id and the time of a directive come with the call and not from this library: the gateway tells a repeated directive
from a new one by both, so they must be the same after a crash.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from gcm_sentinel.clients.sentinel import events
from gcm_sentinel.domain.errors import Refused
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.sentinel_events import Directive

if TYPE_CHECKING:
    from sentinel_sdk import SentinelClient
    from sentinel_sdk.types.quarantine import QuarantineDirective

ISSUE = "sentinel.v1.QuarantineService/IssueDirective"
"""Body: `gpu_uuid`, `action` (``QUARANTINE``, ``REINSTATE``, ``CONDEMN``, ``SCHEDULE_DEEP_TEST``), `reason`,
`evidence`."""
WITHDRAW = "sentinel.ext.v1.DirectiveService/WithdrawDirective"
"""Body: `directive_id`, `comment`."""
INITIATED_BY = "gcm-sentinel"


async def carry_out(
    client: SentinelClient, method: str, body: JsonObject, *, directive_id: str, at: datetime
) -> JsonObject:
    """Call `method`; what identifies and describes its outcome.

    Raises:
        Refused: another method than the two above.
        BadConfiguration: the body is not as it must be.
        sentinel_sdk.SentinelError: as the gateway answered.
    """
    reader = JsonReader.of(body, method)
    if method == ISSUE:
        answer = await client.aissue_directive(_directive(reader, directive_id, at))
        state = answer.resulting_state
        return {"directive_id": answer.directive_id, "waiting": answer.waiting, "resulting_state": state}
    if method == WITHDRAW:
        taken_back = reader.get("directive_id", str)
        record = await client.awithdraw_directive(taken_back, reader.get("comment", str))
        return {"directive_id": taken_back, "status": record.status.name}
    raise Refused(f"{method!r} is no call this agent makes at a gateway")


async def look_up(client: SentinelClient, directive_id: str) -> Directive | None:
    """A directive and what became of it; None where the gateway has none of that id.

    Raises:
        sentinel_sdk.SentinelError: it could not be asked.
    """
    from sentinel_sdk import NotFoundError

    try:
        return events.directive(await client.aget_directive(directive_id))
    except NotFoundError:
        return None


def _directive(reader: JsonReader, directive_id: str, at: datetime) -> QuarantineDirective:
    from sentinel_sdk import GpuIdentifier, QuarantineAction, QuarantineDirective

    return QuarantineDirective(
        directive_id=directive_id,
        gpu=GpuIdentifier(uuid=reader.get("gpu_uuid", str)),
        action=QuarantineAction[reader.get("action", str)],
        reason=reader.get("reason", str),
        initiated_by=INITIATED_BY,
        evidence=list(reader.texts("evidence")),
        timestamp=at,
    )
