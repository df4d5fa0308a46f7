"""A publication as the sinks get it, a clock that stands still, and a loopback HTTP receiver."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import (
    Assessment,
    Citation,
    Claim,
    Draft,
    Outcome,
    RecommendedAction,
    Severity,
)
from gcm_sentinel.domain.entity import gpu, node
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.trigger import FaultScope, Incident, Trigger, TriggerStatus

NOW = datetime(2026, 11, 20, 3, 12, 44, tzinfo=UTC)
NODE = "gpu-r03-n05"


class StillClock:
    """A `Clock` that always says the same."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


@dataclass
class Receiver:
    """What a loopback receiver was sent, and what it will answer next (200 when the list is empty)."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[web.Response] = field(default_factory=list)

    @property
    def last(self) -> dict[str, Any]:
        return json.loads(self.bodies[-1])  # type: ignore[no-any-return]

    async def handle(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        return self.answers.pop(0) if self.answers else web.Response(text="ok")


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    receiver.url = f"http://127.0.0.1:{port}/services/T0/B0/hush-hush"
    yield receiver
    await runner.cleanup()
    await asyncio.sleep(0)


@pytest.fixture
def publication() -> Publication:
    return a_publication()


@pytest.fixture
def publish_with() -> Callable[..., Publication]:
    """A publication with some of its draft or assessment changed."""
    return a_publication


def a_publication(*, outcome: Outcome = Outcome.CONCLUDED, nodes: int = 1, **draft: Any) -> Publication:
    """`nodes` is how many the incident affects; the others are under one leaf switch with the first."""
    trigger = Trigger(
        source="kubernetes",
        node=NODE,
        kind="GcmXidErrorsProblem",
        status=TriggerStatus.PROBLEM,
        reason="GcmXidErrorsCheckFailed",
        message="XID error: 79",
        observed_at=NOW,
        node_uid="66cedd99-0823-46bf-a36d-5db3fa6f28cd",
    )
    incident = Incident("inc-79", (trigger,), NOW)
    if nodes > 1:
        others = tuple(f"gpu-r04-n{number:03}" for number in range(1, nodes))
        incident = replace(incident, scope=FaultScope("leaf_switch", "leaf-07"), nodes=(NODE, *others))
    culprit = gpu(NODE, index=1, pci="0000:17:00")
    said: dict[str, Any] = {
        "severity": Severity.CRITICAL,
        "fault_class": FaultClass.GPU_OFF_BUS,
        "summary": "GPU 1 fell off the bus after a burst of PCIe errors",
        "root_cause": "The PCIe path of GPU 1 fails",
        "confidence": 0.92,
        "entities": (culprit,),
        "actions": (
            RecommendedAction(Action.CAPTURE_EVIDENCE, node(NODE), "the power cycle wipes it"),
            RecommendedAction(Action.CORDON, node(NODE)),
            RecommendedAction(Action.DRAIN, node(NODE)),
        ),
        "claims": (Claim("Xid 79 was first", (Citation("E2", "Xid (PCI:0000:17:00): 79"),)),),
        **draft,
    }
    assessment = Assessment(
        incident_id=incident.id,
        node=NODE,
        condition=trigger.kind,
        outcome=outcome,
        draft=Draft(**said),
        struck=(),
        engine="playbook",
        model="playbook-1",
        created_at=NOW,
    )
    return Publication(incident, assessment, ())
