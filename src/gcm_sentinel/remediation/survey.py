"""The survey: everything the gate must know of the world, read just before it decides.

Nothing is remembered between two surveys, and nothing in one comes from a model. What cannot be read raises; whoever
asked then has no decision, which is a refusal.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from gcm_sentinel.clients.kubernetes.client import Objects, Params
from gcm_sentinel.domain.acting_policy import Capacity
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.gate import Case, Ruling, Sighting, Verdict, World, decide
from gcm_sentinel.domain.grounds import grounds
from gcm_sentinel.domain.observed import Observed
from gcm_sentinel.domain.operations import TargetKind
from gcm_sentinel.domain.order import Order
from gcm_sentinel.domain.ownership import holders
from gcm_sentinel.domain.protocols import Clock, Scope
from gcm_sentinel.domain.remediation import Plan
from gcm_sentinel.domain.trigger import Incident
from gcm_sentinel.remediation.book import ActionBook
from gcm_sentinel.remediation.breaker import trips
from gcm_sentinel.remediation.dry_run import DryRuns
from gcm_sentinel.remediation.nodes import capacity_of

log = structlog.get_logger(__name__)

_HOUR = timedelta(hours=1)


class NodeLister(Protocol):
    """What the survey reads of the cluster beside what planning read."""

    async def list(self, path: str, params: Params | None = None, page: int = 500) -> tuple[Objects, str]:
        """All objects of a collection and the list's resource version."""
        ...


class Surveyor:
    """Takes surveys."""

    def __init__(self, cluster: NodeLister, book: ActionBook, clock: Clock, *, dry_runs: DryRuns | None = None) -> None:
        """`dry_runs` tries what may be done by all else; None where nothing is tried beforehand."""
        self._cluster = cluster
        self._dry_runs = dry_runs
        self._book = book
        self._clock = clock

    async def of(self, plan: Plan, incident: Incident, *, uid: str = "", captured: bool = False) -> World:
        """The world around `plan`; `uid` is that of the object found by the target's name, the plan's own where empty.

        Raises:
            SentinelError: the cluster or the storage could not be read.
        """
        now = self._clock.now()
        before = await self._book.of_incident(incident.id)
        target = plan.order.target
        return World(
            now=now,
            uid=uid or target.uid or None,
            labels=plan.labels,
            holders=holders(plan.marks),
            stands=await self._book.stands(incident, target.node or target.name),
            capacity=replace(await self.capacity(), reserved=await self._book.reserved()),
            breaker=await self._book.breaker(),
            begun=await self._book.begun_since(now - _HOUR),
            earlier=tuple(record for record in before if record.order != plan.order),
            captured=captured,
            newer=await self._book.newer_advice(plan.order.investigation_id),
        )

    async def capacity(self, *, newest: bool = False) -> Capacity:
        """How much of the fleet takes work now, whatever is reserved; `newest` does without the API server's cache.

        Raises:
            SentinelError: the cluster could not be read.
        """
        nodes, _ = await self._cluster.list("/api/v1/nodes", None if newest else {"resourceVersion": "0"})
        return capacity_of(nodes, self._clock.now())

    async def tried(self, case: Case) -> Case:
        """`case` with what the API server says to its requests. What is refused anyway is not even tried."""
        if self._dry_runs is None or decide(case).verdict is Verdict.REFUSED:
            return case
        return replace(case, world=replace(case.world, dry_run=await self._dry_runs.of(case.order)))

    async def heed(self, case: Case, ruling: Ruling) -> None:
        """Open the circuit breaker where `ruling` shows that it must be.

        Raises:
            Retryable: storage is away.
        """
        reason = trips(case, ruling)
        if reason:
            await self.open_breaker(case.world.now, reason)

    async def open_breaker(self, at: datetime, reason: str) -> None:
        """Open the circuit breaker, unless it is open.

        Raises:
            Retryable: storage is away.
        """
        if await self._book.open_breaker(at, reason):
            log.error("breaker.opened", reason=reason, hint="look, then: gcm-sentinel breaker reset")


def sighting_of(order: Order, scope: Scope) -> Sighting | None:
    """The newest evidence of the investigation that shows the target, by no words of a model; None where none does."""
    target = entity_of(order)
    for evidence in reversed(grounds(scope.gathered)):
        if Observed(evidence.result.entities).has(target):
            return Sighting(evidence.id, evidence.observed_at)
    return None


def entity_of(order: Order) -> Entity:
    """The target as the entity that evidence would show."""
    target = order.target
    if target.kind == TargetKind.GPU:
        return Entity(EntityKind.GPU, target.name, node=target.node, uuid=target.uid)
    if target.kind == TargetKind.POD:
        return Entity(EntityKind.POD, target.name, node=target.node)
    return Entity(EntityKind.NODE, target.name)
