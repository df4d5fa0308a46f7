"""`gcm-sentinel investigate NODE`: one incident by hand, from the node's real conditions where it has any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from gcm_sentinel.app.closed import Closed, handle
from gcm_sentinel.app.node_conditions import bad_conditions
from gcm_sentinel.app.wiring import Agent
from gcm_sentinel.domain.errors import NotFound, SentinelError
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from gcm_sentinel.engine.investigation import OnStep, silent
from gcm_sentinel.triage.fold import fold

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for."""

    node: str
    condition: str = ""
    """Condition type or alert name; empty for whatever is wrong on the node."""
    message: str = ""


async def investigate(agent: Agent, request: Request, *, publish: bool, on_step: OnStep = silent) -> Closed:
    """Investigate as asked; publishes only when told to.

    Raises:
        NotFound: there is no such node.
    """
    incident = await incident_for(agent, request)
    chosen = agent if publish else replace(agent, notifiers=())
    return await handle(chosen, incident, on_step)


async def incident_for(agent: Agent, request: Request) -> Incident:
    """The incident a request stands for; a node that cannot be read is said to be so and not fatal.

    Raises:
        NotFound: there is no such node.
    """
    now = agent.clock.now()
    named = (request.condition,) if request.condition else ()
    found: Sequence[Trigger] = ()
    known = f"the node reports no bad {request.condition or 'condition'}"
    try:
        found = await bad_conditions(agent.kubernetes, request.node, (*agent.settings.watch_conditions, *named), now)
    except NotFound:
        raise NotFound(f"there is no node {request.node!r} in this cluster; `kubectl get nodes` lists them") from None
    except SentinelError as error:
        log.warning("investigate.node_not_read", node=request.node, reason=str(error))
        known = f"the node's conditions could not be read ({error})"
    triggers = _wanted(found, request) or [_by_hand(request, now, known)]
    incident = fold(map(agent.redactor.trigger, triggers), now)[0]
    return replace(incident, id=f"{incident.id}-{now:%m%dT%H%M%S}")  # asked for again, it is published again


def _wanted(triggers: Sequence[Trigger], request: Request) -> list[Trigger]:
    if request.message:
        return []
    return [trigger for trigger in triggers if not request.condition or trigger.kind == request.condition]


def _by_hand(request: Request, now: datetime, known: str) -> Trigger:
    return Trigger(
        source="manual",
        node=request.node,
        kind=request.condition or "ManualInvestigation",
        status=TriggerStatus.PROBLEM,
        reason="AskedByHand",
        message=request.message or f"a person asked to look at this node; {known}",
        observed_at=now,
    )
