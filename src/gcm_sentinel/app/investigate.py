"""`gcm-sentinel investigate NODE`: one incident by hand, from the node's real conditions where it has any."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

import structlog

from gcm_sentinel.app.wiring import Agent
from gcm_sentinel.app.workflow import Closed, Workflow
from gcm_sentinel.domain.conditions import state_of
from gcm_sentinel.domain.errors import NotFound, SentinelError
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from gcm_sentinel.engine.investigation import OnStep, silent
from gcm_sentinel.notify.publish import publish_all
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
    if publish:
        return await Workflow(agent, on_step=on_step).handle(incident)
    investigation = await agent.loop.investigate(incident, on_step)
    from gcm_sentinel.domain.protocols import Publication

    publication = Publication(incident, investigation.assessment, investigation.evidence)
    return Closed(investigation, await publish_all((), publication), publication)


async def incident_for(agent: Agent, request: Request) -> Incident:
    """The incident a request stands for."""
    now = agent.clock.now()
    triggers = _wanted(await _observed(agent, request.node, now), request)
    return fold(triggers or [_by_hand(request, now)], now)[0]


def _wanted(triggers: list[Trigger], request: Request) -> list[Trigger]:
    if request.message:
        return []
    return [trigger for trigger in triggers if not request.condition or trigger.kind == request.condition]


def _by_hand(request: Request, now: datetime) -> Trigger:
    return Trigger(
        source="manual",
        node=request.node,
        kind=request.condition or "ManualInvestigation",
        status=TriggerStatus.PROBLEM,
        reason="AskedByHand",
        message=request.message or "a person asked to look at this node; no bad condition was reported",
        observed_at=now,
    )


async def _observed(agent: Agent, node: str, now: datetime) -> list[Trigger]:
    """The node's bad conditions as triggers; empty when Kubernetes cannot be read, which is said and not fatal."""
    try:
        found = await agent.kubernetes.get(f"/api/v1/nodes/{quote(node, safe='')}")
    except NotFound:
        raise NotFound(f"there is no node {node!r} in this cluster; `kubectl get nodes` lists them") from None
    except SentinelError as error:
        log.warning("investigate.node_not_read", node=node, reason=str(error))
        return []
    uid = str(found.get("metadata", {}).get("uid") or "") or None
    conditions = found.get("status", {}).get("conditions") or []
    return [
        trigger
        for condition in conditions
        if (trigger := _trigger(node, uid, condition, agent.settings.watch_conditions, now)) is not None
    ]


def _trigger(
    node: str, uid: str | None, condition: dict[str, Json], patterns: tuple[str, ...], now: datetime
) -> Trigger | None:
    kind, status = str(condition.get("type", "")), str(condition.get("status", ""))
    state = state_of(kind, status, patterns)
    if state not in ("problem", "unknown"):
        return None
    return Trigger(
        source="kubernetes",
        node=node,
        kind=kind,
        status=TriggerStatus.PROBLEM if state == "problem" else TriggerStatus.UNKNOWN,
        reason=str(condition.get("reason") or ""),
        message=str(condition.get("message") or ""),
        observed_at=now,
        transition_at=_moment(condition.get("lastTransitionTime")),
        node_uid=uid,
    )


def _moment(text: Json) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None
