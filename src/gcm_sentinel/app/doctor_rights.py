"""What `doctor` says of RBAC: each right we need, as the API server itself answers, and what lacking it costs.

What only looks and tells needs the rights of the table below; what acts needs those its operations declare
(domain/operations.py), so that an operation added there is asked about here. A right on NVSentinel's maintenance
requests is asked for only where the API server serves them: elsewhere a node's annotation takes their place, and where
they are served nothing does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gcm_sentinel.app.doctor_finding import Finding
from gcm_sentinel.app.wiring import Agent
from gcm_sentinel.clients.kubernetes.objects import mapping, objects
from gcm_sentinel.domain.errors import NotFound, SentinelError
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.modes import Effect, permits
from gcm_sentinel.domain.operations import DECLARED, JANITOR, Operation, Permission, Through
from gcm_sentinel.tools.maintenance import GROUP_PATH

AREA = "rbac"
_MAINTENANCE = "maintenance requests"
_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one resource."""

    verb: str
    resource: str
    why: str
    effect: Effect
    group: str = ""
    namespace: str = ""
    """Where it is needed; empty for everywhere."""
    required: bool = False
    operations: tuple[str, ...] = ()
    """What the operator's settings ask for and cannot be done without it."""

    @property
    def name(self) -> str:
        """As RBAC would write it."""
        return f"{self.verb} {self.resource}"

    @property
    def use(self) -> str:
        """What it is for."""
        return ", ".join((*([self.why] if self.why else []), *self.operations))

    @property
    def lack(self) -> str:
        """What cannot be done without it."""
        lost = [f"needed to {self.why}"] if self.why else []
        lost += [f"without it these actions fail: {', '.join(self.operations)}"] if self.operations else []
        return "; ".join(("not allowed", *lost))


_OF_NODES = "default"
"""The namespace of Events about nodes, which have none; a right there alone is enough, and is what the chart grants."""

RIGHTS: tuple[Right, ...] = (
    Right("get", "nodes", "read the node under investigation", Effect.READ, required=True),
    Right("list", "nodes", "see node conditions", Effect.READ, required=True),
    Right("watch", "nodes", "see them as they change", Effect.READ, required=True),
    Right("list", "pods", "see workloads and DaemonSets", Effect.READ),
    Right("get", "pods/log", "read workload logs", Effect.READ),
    Right("list", "events", "read events", Effect.READ),
    Right(
        "create", "events", "publish verdicts in `kubectl describe node`", Effect.EVENT,
        namespace=_OF_NODES, required=True,
    ),
    Right("get", "nodes/proxy", "read the kernel log through the kubelet", Effect.READ),
    Right("list", "daemonsets", "see rollouts of the GPU operator", Effect.READ, group="apps"),
    Right("get", "jobs", "name the jobs that own GPU pods", Effect.READ, group="batch"),
    Right("patch", "nodes", "write gcm-sentinel/* annotations", Effect.ANNOTATE),
    Right(
        "patch", "events", "tell in the same Event what became of an action", Effect.REMEDIATE, namespace=_OF_NODES
    ),
)  # fmt: skip


async def examine_rights(agent: Agent) -> tuple[Finding, ...]:
    """Ask the API server about every right that the settings have a use for."""
    maintained, unknown = await _maintained(agent)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_right(agent, right))
            for right in _relevant(agent)
            if right.group != JANITOR or right.resource in maintained
        ]
    return (*unknown, *(task.result() for task in tasks))


def directs(agent: Agent) -> bool:
    """Whether an operation is offered that the SENTINEL gateway carries out."""
    return any(DECLARED[operation].through is Through.GATEWAY for operation in _offered(agent))


async def _maintained(agent: Agent) -> tuple[frozenset[str], tuple[Finding, ...]]:
    """The maintenance requests that the API server serves; and, where it does not say, what is not known for that."""
    users = sorted({str(name) for name in _offered(agent) if any(it.group == JANITOR for it in _permissions(name))})
    if not users:
        return frozenset(), ()
    try:
        found = await agent.kubernetes.get(GROUP_PATH)
    except NotFound:
        return frozenset(), ()
    except SentinelError as error:
        detail = f"not known whether `{JANITOR}` is served, and so which rights these actions need: {', '.join(users)}"
        return frozenset(), (Finding(AREA, _MAINTENANCE, ok=False, detail=f"{detail}: {error}", broken=True),)
    return frozenset(str(row.get("name")) for row in objects(found.get("resources"))), ()


def _permissions(operation: Operation) -> tuple[Permission, ...]:
    return DECLARED[operation].permissions


def _relevant(agent: Agent) -> tuple[Right, ...]:
    rights = {_key(right): right for right in RIGHTS if permits(agent.settings.action_mode, right.effect).allowed}
    for permission, users in sorted(_users(_offered(agent)).items()):
        right = Right(permission.verb, permission.resource, "", Effect.REMEDIATE, group=permission.group)
        rights[_key(right)] = replace(rights.get(_key(right), right), operations=users)
    return tuple(rights.values())


def _key(right: Right) -> tuple[str, str, str]:
    return (right.group, right.resource, right.verb)


def _offered(agent: Agent) -> tuple[Operation, ...]:
    """Operations there is a tool for and that are not switched off; none in a mode that does not act."""
    if agent.acting is None:
        return ()
    return tuple(item for item in agent.acting.operations if item in agent.acting.acting.policy.operations)


def _users(operations: Iterable[Operation]) -> dict[Permission, tuple[str, ...]]:
    """Who needs what."""
    users: dict[Permission, tuple[str, ...]] = {}
    for operation in operations:
        for permission in _permissions(operation):
            users[permission] = (*users.get(permission, ()), str(operation))
    return users


async def _right(agent: Agent, right: Right) -> Finding:
    resource, _, subresource = right.resource.partition("/")
    attributes: dict[str, Json] = {"verb": right.verb, "resource": resource, "group": right.group}
    if subresource:
        attributes["subresource"] = subresource
    if right.namespace:
        attributes["namespace"] = right.namespace
    body: dict[str, Json] = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    try:
        answer = await agent.kubernetes.create(_REVIEW, body)
    except SentinelError as error:
        broken = bool(right.operations)  # an action that may or may not be allowed is not one that works
        detail = f"not known: {error}"
        return Finding(AREA, right.name, ok=False, detail=detail, required=right.required, broken=broken)
    if mapping(answer.get("status")).get("allowed") is True:
        return Finding(AREA, right.name, ok=True, detail=right.use, required=right.required)
    of_group = f" of `{right.group}`" if right.group else ""
    remedy = f"grant `{right.verb}` on `{right.resource}`{of_group} to the agent's ServiceAccount"
    if right.operations:
        remedy += ", or leave those actions out of GCM_SENTINEL_ACTIONS"
    broken = bool(right.operations)
    return Finding(AREA, right.name, ok=False, detail=right.lack, required=right.required, remedy=remedy, broken=broken)
