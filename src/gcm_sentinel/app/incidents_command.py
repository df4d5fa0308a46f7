"""What `gcm-sentinel incidents …` does once the command line is parsed: read, print, ask."""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import socket
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gcm_sentinel.app.exits import Exit
from gcm_sentinel.app.incident_store import OpenIncidents, body_of, find, view_of
from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.errors import BadConfiguration, NotFound, Rejected
from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.incident_record import IncidentState
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.storage.incidents import IncidentFilter
from gcm_sentinel.storage.investigations import StoredInvestigation

if TYPE_CHECKING:
    from gcm_sentinel.app.replayed import Replayed
    from gcm_sentinel.web.stored_incident import ShownIncident

_SPAN = re.compile(r"(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PIPE_WIDTH = 200
REPLAY_FORMAT = "gcm-sentinel/replay/v1"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which incidents are to be listed."""

    everything: bool
    """Closed ones, too."""
    node: str
    since: str
    limit: int


@dataclass(frozen=True, slots=True)
class Look:
    """What of one incident is to be looked at."""

    incident: str
    """As it was typed."""
    revision: int | None = None
    evidence: str = ""
    triggers: int = 100


async def list_command(store: OpenIncidents, wanted: Wanted, output: str) -> Exit:
    """`incidents list`."""
    now = store.clock.now()
    since = moment_of(wanted.since, now) if wanted.since else None
    rows = await store.incidents.list(
        IncidentFilter(open_only=not wanted.everything, node=wanted.node, since=since, limit=wanted.limit)
    )
    if output == "json":
        from gcm_sentinel.web.incident_json import list_to_json

        _print_json(list_to_json(rows))
        return Exit.OK
    from gcm_sentinel.web.incident_table import render_table

    sys.stdout.write(render_table(rows, now, width=_width()))
    if len(rows) == wanted.limit:
        sys.stderr.write(f"only the newest {wanted.limit} are shown (--limit)\n")
    return Exit.OK


async def left_out_command(store: OpenIncidents, limit: int, output: str) -> Exit:
    """`incidents left-out`."""
    from gcm_sentinel.web.left_out import left_out_to_json, render_left_out

    rows = await store.triggers.left_out(limit)
    if output == "json":
        _print_json(left_out_to_json(rows))
    else:
        sys.stdout.write(render_left_out(rows, store.clock.now()))
    return Exit.OK


async def show_command(store: OpenIncidents, look: Look, output: str) -> Exit:
    """`incidents show`.

    Raises:
        NotFound: there is no such incident, investigation, evidence or, for a page, assessment.
    """
    named = await find(store, look.incident)
    view = await view_of(store, named.incident_id, triggers=look.triggers)
    body = await body_of(store, view, look.revision or named.revision)
    if look.evidence:
        _print_evidence(body, look, output)
        return Exit.OK
    from gcm_sentinel.web.stored_incident import ShownIncident

    _print_incident(ShownIncident(view, body.record if body else None, body, store.clock.now()), output)
    return Exit.OK


def _print_incident(shown: ShownIncident, output: str) -> None:
    if output == "json":
        from gcm_sentinel.web.incident_json import incident_to_json

        _print_json(incident_to_json(shown))
    elif output == "html":
        from gcm_sentinel.web.report import render_report

        publication = shown.publication
        if publication is None:
            raise NotFound(f"incident {shown.whole.record.id!r} has no assessment to make a page of")
        sys.stdout.write(render_report([publication], title=shown.whole.record.id, generated_at=shown.now) + "\n")
    else:
        from gcm_sentinel.web.incident_text import render_incident

        sys.stdout.write(render_incident(shown))


def _print_evidence(body: StoredInvestigation | None, look: Look, output: str) -> None:
    if body is None:
        raise NotFound(f"incident {look.incident!r} was not investigated yet, so there is no evidence")
    evidence = _piece(body, look.evidence)
    if output == "json":
        from gcm_sentinel.web.incident_json import evidence_to_json

        _print_json(evidence_to_json(body.record.id, evidence))
        return
    if output == "html":
        raise BadConfiguration("--evidence is shown as text or json; the page of the incident holds all evidence")
    from gcm_sentinel.web.incident_text import render_evidence

    sys.stdout.write(render_evidence(evidence))


def _piece(body: StoredInvestigation, wanted: str) -> Evidence:
    for evidence in body.evidence:
        if evidence.id.lower() == wanted.lower():
            return evidence
    ids = ", ".join(evidence.id for evidence in body.evidence) or "none"
    raise NotFound(f"investigation {body.record.id} has no evidence {wanted!r}; there is: {ids}")


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
        _print_json(_replayed_json(played))
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


async def close_command(store: OpenIncidents, given: str, by: str, reason: str) -> Exit:
    """`incidents close`.

    Raises:
        NotFound: there is no such incident.
    """
    named = await find(store, given)
    view = await view_of(store, named.incident_id, triggers=0)
    if view.record.state is IncidentState.CLOSED:
        print(f"{named.incident_id} is closed already: {view.record.close_reason or 'no reason given'}")
        return Exit.OK
    await store.incidents.request_close(named.incident_id, by or asker(), reason)
    print(f"{named.incident_id} is closed")
    for record in await store.actions.of_incident(named.incident_id):
        if record.takes_out and record.state in (ActionState.DONE, ActionState.FAILED):
            print(f"what it did stands: {record.order.operation} on {record.takes_out}; give it back when it is well")
    return Exit.OK


async def reinvestigate_command(store: OpenIncidents, given: str, by: str) -> Exit:
    """`incidents reinvestigate`.

    Raises:
        NotFound: there is no such incident, or another one took it over.
    """
    named = await find(store, given)
    view = await view_of(store, named.incident_id, triggers=0)
    try:
        revision = await store.incidents.request_reinvestigate(named.incident_id, by or asker())
    except Rejected as error:
        raise NotFound(str(error)) from error
    if view.record.state is IncidentState.CLOSED:
        print(f"{named.incident_id} was closed and is open again")
    print(f"{named.incident_id}.{revision} is wanted; a running `gcm-sentinel serve` takes it up")
    return Exit.OK


def moment_of(text: str, now: datetime) -> datetime:
    """``90m`` ago, or a moment as ISO 8601 writes it (UTC where no zone is named).

    Raises:
        BadConfiguration: it is neither, or longer ago than dates reach.
    """
    if span := _SPAN.fullmatch(text.strip()):
        try:
            return now - timedelta(seconds=int(span[1]) * _SECONDS[span[2]])
        except (OverflowError, ValueError) as error:  # ValueError: more digits than Python makes a number of
            raise BadConfiguration("--since: that is before the year 1; write 90m, 24h or 7d") from error
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise BadConfiguration(f"--since {text!r}: write 90m, 24h, 7d or a moment such as 2026-11-20T10:00") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def asker() -> str:
    """``user@host``, for the record of who asked; the user's number where it has no name, as in many containers."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH


def _print_json(value: dict[str, Json]) -> None:
    print(json.dumps(value, indent=1, ensure_ascii=False, default=str))
