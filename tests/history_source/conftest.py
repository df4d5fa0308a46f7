"""A store of earlier incidents in memory, and the source over it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.history_source.given import MINE, NODE, NOW, SCOPE, source_over

from gcm_sentinel.app.prior_incidents import PriorIncidents
from gcm_sentinel.domain.assessment import Severity
from gcm_sentinel.domain.entity import Entity
from gcm_sentinel.domain.evidence import ToolResult
from gcm_sentinel.domain.history import PastIncident
from gcm_sentinel.domain.transcript import ToolCall

Ask = Callable[..., Awaitable[ToolResult]]
Happened = Callable[..., PastIncident]


@pytest.fixture
def happened() -> Happened:
    """An earlier incident: ``happened(days=5)``, on GPU 3 of the node until told otherwise."""

    def make(days: float, *blamed: Entity, node: str = NODE, **told: Any) -> PastIncident:
        opened = NOW - timedelta(days=days)
        words: dict[str, Any] = {
            "incident_id": f"inc-{days:g}", "closed_at": opened + timedelta(hours=2), "kinds": ("GpuXid",),
            "fault_class": "gpu_pmu_fault", "severity": Severity.CRITICAL, "confidence": 0.9, "summary": "PMU halted",
            "action": "drain", "close_reason": "nothing was wrong for 300 s",
        }  # fmt: skip
        return PastIncident(node=node, opened_at=opened, entities=blamed or (MINE,), **{**words, **told})

    return make


@pytest.fixture
def ask() -> Ask:
    """Ask the source over these incidents: ``await ask([...], gpu="GPU-aaaa1111")``."""

    async def run(incidents: list[PastIncident], **arguments: Any) -> ToolResult:
        call = ToolCall("c1", "get_incident_history", arguments)
        return await source_over(PriorIncidents(incidents)).execute(call, SCOPE)

    return run
