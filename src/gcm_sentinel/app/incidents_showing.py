"""`gcm-sentinel incidents show`: one incident whole, or one piece of its evidence.

The assessment is that of one investigation. The orders are those of all of them: another investigation does not undo
what was done before it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from gcm_sentinel.app.exits import Exit
from gcm_sentinel.app.incident_store import OpenIncidents, body_of, find, view_of
from gcm_sentinel.app.output import print_json
from gcm_sentinel.domain.errors import BadConfiguration, NotFound
from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.storage.investigations import StoredInvestigation
from gcm_sentinel.web.stored_incident import ShownIncident


@dataclass(frozen=True, slots=True)
class Look:
    """What of one incident is to be looked at."""

    incident: str
    """As it was typed."""
    revision: int | None = None
    evidence: str = ""
    triggers: int = 100


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
    orders = await store.incidents.orders(named.incident_id)
    _print_incident(ShownIncident(view, body.record if body else None, body, store.clock.now(), orders), output)
    return Exit.OK


def _print_incident(shown: ShownIncident, output: str) -> None:
    if output == "json":
        from gcm_sentinel.web.incident_json import incident_to_json

        print_json(incident_to_json(shown))
    elif output == "html":
        from gcm_sentinel.web.report import render_report

        publication = shown.publication
        if publication is None:
            raise NotFound(f"incident {shown.whole.record.id!r} has no assessment to make a page of")
        name = shown.whole.record.id
        page = render_report([publication], title=name, generated_at=shown.now, orders=shown.orders)
        sys.stdout.write(page + "\n")
    else:
        from gcm_sentinel.web.incident_text import render_incident

        sys.stdout.write(render_incident(shown))


def _print_evidence(body: StoredInvestigation | None, look: Look, output: str) -> None:
    if body is None:
        raise NotFound(f"incident {look.incident!r} was not investigated yet, so there is no evidence")
    evidence = _piece(body, look.evidence)
    if output == "json":
        from gcm_sentinel.web.incident_json import evidence_to_json

        print_json(evidence_to_json(body.record.id, evidence))
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
