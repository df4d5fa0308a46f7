"""The moment, the node and the incident of these tests."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import cast

from gcm_sentinel.clients.http import HttpClient
from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.clients.sentinel import SentinelGateway
from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus

NOW = datetime(2026, 11, 20, 20, tzinfo=UTC)
NODE = "gpu-r01-n1"
SCOPE = Scope(Incident("inc-sdc", (Trigger("manual", NODE, "GpuSdc", TriggerStatus.PROBLEM, "", "", NOW),), NOW))


class FixedClock:
    """Eight in the evening."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return time.monotonic()


def context_with(gateway: SentinelGateway | None) -> SourceContext:
    """What a source is given that needs nothing but the gateway."""
    kubernetes, http = cast(KubernetesClient, None), cast(HttpClient, None)
    return SourceContext(kubernetes, None, http, FixedClock(), sentinel=gateway)
