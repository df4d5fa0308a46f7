"""`gcm-sentinel incidents replay`: a stored transcript through this version's loop, and what comes out differently."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gcm_sentinel.app.exits import Exit
from gcm_sentinel.app.incident_store import OpenIncidents, body_of, find, view_of
from gcm_sentinel.app.incidents_showing import Look
from gcm_sentinel.app.output import print_json
from gcm_sentinel.domain.errors import NotFound
from gcm_sentinel.domain.jsontypes import Json

if TYPE_CHECKING:
    from gcm_sentinel.app.replayed import Replayed

REPLAY_FORMAT = "gcm-sentinel/replay/v1"


async def replay_command(store: OpenIncidents, look: Look, output: str) -> Exit:
    """`incidents replay`.

    Raises:
        NotFound: there is no such incident or investigation, or its transcript is not kept.
    """
    from gcm_sentinel.app.replayed import replay

    named = await find(store, look.incident)
    view = await view_of(store, named.incident_id, triggers=0)
    body = await body_of(store, view, look.revision or named.revision)
    if body is None or body.transcript is None or body.assessment is None or not body.transcript.entries:
        what = f"investigation {body.record.id}" if body else f"incident {named.incident_id}"
        raise NotFound(f"{what} has no transcript to replay: it has not ended, or retention removed it")
    played = await replay(body.transcript, body.assessment)
    if output == "json":
        print_json(_replayed_json(played))
    else:
        _print_replayed(played)
    return Exit.OK if played.same else Exit.UNMET


def _replayed_json(played: Replayed) -> dict[str, Json]:
    return {
        "format": REPLAY_FORMAT,
        "investigation": played.investigation_id,
        "same": played.same,
        "turns": played.turns,
        "tool_calls": played.tool_calls,
        "outcome": str(played.outcome),
        "differences": [
            {"what": item.what, "recorded": item.recorded, "replayed": item.replayed} for item in played.differences
        ],
    }


def _print_replayed(played: Replayed) -> None:
    from gcm_sentinel.web.plain import one_line

    print(f"{played.investigation_id}: {played.turns} turns and {played.tool_calls} tool calls replayed")
    if played.same:
        print(f"the same assessment came out ({played.outcome})")
        return
    print("another assessment came out:")
    for item in played.differences:
        print(f"  {item.what}\n    recorded: {one_line(item.recorded)}\n    replayed: {one_line(item.replayed)}")
