"""The moment, the node and the GPU of these tests, and the source over any store."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import cast

from gcm_sentinel.clients.http import HttpClient
from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.datasources.history import HistorySource
from gcm_sentinel.domain.entity import gpu
from gcm_sentinel.domain.history import IncidentHistory
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus

NOW = datetime(2026, 11, 20, 20, tzinfo=UTC)
NODE = "gpu-r01-n1"
SCOPE = Scope(Incident("inc-now", (Trigger("manual", NODE, "GpuXid", TriggerStatus.PROBLEM, "", "", NOW),), NOW))
MINE = gpu(NODE, index=3, uuid="GPU-aaaa1111", pci="0000:5d:00", serial="1650000000001")


class FixedClock:
    """Eight in the evening."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return time.monotonic()


def source_over(history: IncidentHistory | None) -> HistorySource:
    """The source over a store, or over none."""
    kubernetes, http = cast(KubernetesClient, None), cast(HttpClient, None)
    return HistorySource(SourceContext(kubernetes, None, http, FixedClock(), history=history))
