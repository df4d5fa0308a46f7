"""`gcm-sentinel incidents list` and `left-out`: what is stored, a line each."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gcm_sentinel.app.exits import Exit
from gcm_sentinel.app.incident_store import OpenIncidents
from gcm_sentinel.app.output import print_json
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.storage.incidents import IncidentFilter

_SPAN = re.compile(r"(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PIPE_WIDTH = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which incidents are to be listed."""

    everything: bool
    """Closed ones, too."""
    node: str
    since: str
    limit: int


async def list_command(store: OpenIncidents, wanted: Wanted, output: str) -> Exit:
    """`incidents list`."""
    now = store.clock.now()
    since = moment_of(wanted.since, now) if wanted.since else None
    rows = await store.incidents.list(
        IncidentFilter(open_only=not wanted.everything, node=wanted.node, since=since, limit=wanted.limit)
    )
    if output == "json":
        from gcm_sentinel.web.incident_json import list_to_json

        print_json(list_to_json(rows))
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
        print_json(left_out_to_json(rows))
    else:
        sys.stdout.write(render_left_out(rows, store.clock.now()))
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


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH
