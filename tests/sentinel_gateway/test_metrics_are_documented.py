"""Every metric stands in the documentation."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import sentinel_gateway
from sentinel_gateway.alerts.counters import AlertCounters
from sentinel_gateway.app.metrics import GatewayMetrics, LedgerFigures, Snapshot
from sentinel_gateway.core.counters import Counters
from sentinel_gateway.domain.fleet import FleetView, summary_of
from sentinel_gateway.domain.trust import TrustView

DOCUMENT = Path(sentinel_gateway.__file__).parents[2] / "docs" / "sentinel-gateway.md"


def test_by_its_exported_name():
    metrics = GatewayMetrics(Counters(anomalies=Counter({1: 2})), AlertCounters(), version="1", per_gpu=True)
    fleet = FleetView(summary_of((), 0, active_agents=0, rate_window_s=1), (), truncated=False, total_matching=0)
    metrics.expose(Snapshot(fleet, TrustView((), 0, 0.0, 0, 0.0, 0.0), LedgerFigures(0, 0)))

    names = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in metrics.families()
        if not family.name.startswith("sentinel_gateway_process")
    }
    text = DOCUMENT.read_text()
    assert [name for name in sorted(names) if f"`{name}" not in text] == []
