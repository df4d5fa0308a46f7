"""`gcm-sentinel incidents close` and `reinvestigate`: what a person asks for; a running `serve` follows."""

from __future__ import annotations

from gcm_sentinel.app.asker import asker
from gcm_sentinel.app.exits import Exit
from gcm_sentinel.app.incident_store import OpenIncidents, find, view_of
from gcm_sentinel.domain.errors import NotFound, Rejected
from gcm_sentinel.domain.incident_record import IncidentState
from gcm_sentinel.web.order_text import in_its_place, standing_lines


async def close_command(store: OpenIncidents, given: str, by: str, reason: str) -> Exit:
    """`incidents close`; says what the agent did that still stands, also where it is closed already.

    Raises:
        NotFound: there is no such incident.
    """
    named = await find(store, given)
    view = await view_of(store, named.incident_id, triggers=0)
    if view.record.state is IncidentState.CLOSED:
        print(in_its_place(f"{named.incident_id} is closed already: {view.record.close_reason or 'no reason given'}"))
    else:
        await store.incidents.request_close(named.incident_id, by or asker(), reason)
        print(f"{named.incident_id} is closed")
    for line in standing_lines(await store.incidents.orders(named.incident_id), ": "):
        print(in_its_place(line))
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
