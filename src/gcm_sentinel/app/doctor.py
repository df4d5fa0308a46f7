"""`gcm-sentinel doctor`: what is reachable, which sources are off and how to turn them on, what RBAC allows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from gcm_sentinel.app.models import chosen_engine
from gcm_sentinel.app.wiring import Agent
from gcm_sentinel.clients.kubernetes.objects import mapping
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.modes import Effect, permits
from gcm_sentinel.domain.operations import DECLARED, Permission
from gcm_sentinel.domain.protocols import Datasource

log = structlog.get_logger(__name__)

_PATIENCE = timedelta(seconds=20)
"""How long one source may take to say whether it can be used."""
_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    area: str
    name: str
    ok: bool
    detail: str
    required: bool = False
    """Without it the agent cannot do its main job."""
    remedy: str = ""
    broken: bool = False
    """It is configured and does not work, which is not the same as being off."""

    @property
    def fails(self) -> bool:
        """Whether somebody has to do something about it."""
        return not self.ok and (self.required or self.broken)


@dataclass(frozen=True, slots=True)
class _Right:
    verb: str
    resource: str
    why: str
    effect: Effect
    group: str = ""
    required: bool = False
    asked_for: bool = False
    """The operator's settings ask for what needs it."""


RIGHTS: tuple[_Right, ...] = (
    _Right("get", "nodes", "read the node under investigation", Effect.READ, required=True),
    _Right("list", "nodes", "see node conditions", Effect.READ, required=True),
    _Right("watch", "nodes", "see them as they change", Effect.READ, required=True),
    _Right("list", "pods", "see workloads and DaemonSets", Effect.READ),
    _Right("get", "pods/log", "read workload logs", Effect.READ),
    _Right("list", "events", "read events", Effect.READ),
    _Right("create", "events", "publish verdicts in `kubectl describe node`", Effect.EVENT, required=True),
    _Right("get", "nodes/proxy", "read the kernel log through the kubelet", Effect.READ),
    _Right("list", "daemonsets", "see rollouts of the GPU operator", Effect.READ, group="apps"),
    _Right("get", "jobs", "name the jobs that own GPU pods", Effect.READ, group="batch"),
    _Right("patch", "nodes", "write gcm-sentinel/* annotations", Effect.ANNOTATE),
    _Right("patch", "events", "tell in the same Event what became of an action", Effect.REMEDIATE),
)


async def examine(agent: Agent) -> tuple[Finding, ...]:
    """Look at everything once, all at the same time; never raises for what it finds."""
    async with asyncio.TaskGroup() as group:
        kubernetes = group.create_task(_kubernetes(agent))
        sources = [group.create_task(_source(source)) for source in agent.sources]
        rights = [group.create_task(_right(agent, right)) for right in _relevant(agent)]
    findings = [kubernetes.result(), _engine(agent)]
    findings += [task.result() for task in sources]
    findings += [Finding("source", line.split(" ")[0], ok=False, detail=line) for line in agent.broken_sources]
    findings += [task.result() for task in rights]
    return tuple(findings)


def healthy(findings: Sequence[Finding]) -> bool:
    """Whether nothing required is missing, and nothing that is configured is broken."""
    return not any(item.fails for item in findings)


def verdict(findings: Sequence[Finding]) -> str:
    """The last line of the report."""
    if not all(item.ok for item in findings if item.required):
        return "the main job cannot be done"
    if not healthy(findings):
        return "the main job can be done, but what is configured does not work: see FAIL above"
    return "everything the main job needs is there"


async def _kubernetes(agent: Agent) -> Finding:
    try:
        version = await agent.kubernetes.get("/version")
    except SentinelError as error:
        remedy = "check GCM_SENTINEL_KUBECONFIG, or the ServiceAccount when running in a pod"
        return Finding("cluster", "kubernetes", ok=False, detail=str(error), required=True, remedy=remedy)
    detail = f"{agent.kubernetes.server}, {version.get('gitVersion', 'version unknown')}"
    return Finding("cluster", "kubernetes", ok=True, detail=detail, required=True)


def _engine(agent: Agent) -> Finding:
    engine = chosen_engine(agent.settings)
    if engine == "playbook" and agent.settings.llm_api != "playbook":
        remedy = "set GCM_SENTINEL_API_KEY and GCM_SENTINEL_LLM_API to let an LLM investigate"
        return Finding("engine", engine, ok=True, detail="no key is set: the playbook engine answers", remedy=remedy)
    return Finding("engine", engine, ok=True, detail=f"model {agent.settings.model or '(default)'}; not asked")


async def _source(source: Datasource) -> Finding:
    try:
        async with asyncio.timeout(_PATIENCE.total_seconds()) as limit:
            available = await source.is_available()
        tools = len(source.get_tools())
    except Exception as error:  # the plugin border: a third party's fault must not cost the rest of the report
        if limit.expired() and isinstance(error, TimeoutError):
            detail = f"it did not say within {_PATIENCE.total_seconds():.0f} s whether it can be used"
        else:
            log.exception("source.crashed", source=source.name)
            detail = f"it failed when asked whether it can be used: {type(error).__name__}: {error}"
        return Finding("source", source.name, ok=False, detail=detail)
    detail = available.reason or f"{tools} tool{'s' if tools != 1 else ''}"
    return Finding(
        "source",
        source.name,
        ok=available.usable,
        detail=detail,
        remedy=available.how_to_enable,
        broken=available.broken,
    )


def _relevant(agent: Agent) -> tuple[_Right, ...]:
    usual = {_key(right): right for right in RIGHTS if permits(agent.settings.action_mode, right.effect).allowed}
    for right in _to_act(agent):
        known = usual.get(_key(right))
        usual[_key(right)] = replace(known, why=f"{known.why}, {right.why}", asked_for=True) if known else right
    return tuple(usual.values())


def _key(right: _Right) -> tuple[str, str, str]:
    return (right.group, right.resource, right.verb)


def _to_act(agent: Agent) -> tuple[_Right, ...]:
    """What the operations need that are offered; nothing in a mode that does not act.

    Without rights on custom resources an operation goes another way, so lacking them is no fault.
    """
    if agent.acting is None:
        return ()
    users: dict[Permission, list[str]] = {}
    for operation in agent.acting.operations:
        if operation in agent.acting.acting.policy.operations:
            for permission in DECLARED[operation].permissions:
                users.setdefault(permission, []).append(str(operation))
    return tuple(
        _Right(item.verb, item.resource, ", ".join(names), Effect.REMEDIATE, group=item.group, asked_for=not item.group)
        for item, names in sorted(users.items())
    )


async def _right(agent: Agent, right: _Right) -> Finding:
    name = f"{right.verb} {right.resource}"
    resource, _, subresource = right.resource.partition("/")
    attributes: dict[str, Json] = {"verb": right.verb, "resource": resource, "group": right.group}
    if subresource:
        attributes["subresource"] = subresource
    body: dict[str, Json] = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    try:
        answer = await agent.kubernetes.create(_REVIEW, body)
    except SentinelError as error:
        return Finding("rbac", name, ok=False, detail=f"not known: {error}", required=right.required)
    allowed = mapping(answer.get("status")).get("allowed") is True
    detail = right.why if allowed else f"not allowed; needed to {right.why}"
    remedy = "" if allowed else f"grant `{right.verb}` on `{right.resource}` to the agent's ServiceAccount"
    lacking = right.asked_for and not allowed
    return Finding("rbac", name, ok=allowed, detail=detail, required=right.required, remedy=remedy, broken=lacking)
