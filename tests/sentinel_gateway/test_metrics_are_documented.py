"""Every metric stands in the documentation."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import sentinel_gateway
from sentinel_gateway.alerts.counters import AlertCounters
from sentinel_gateway.app.core_metrics import Times
from sentinel_gateway.app.fleet_metrics import FleetCollector, LedgerFigures, Snapshot
from sentinel_gateway.app.metrics import GatewayMetrics
from sentinel_gateway.core.counters import Counters
from sentinel_gateway.core.durations import Durations
from sentinel_gateway.domain.fleet import FleetView, summary_of
from sentinel_gateway.domain.trust import TrustView

DOCUMENT = Path(sentinel_gateway.__file__).parents[2] / "docs" / "sentinel-gateway.md"


def test_by_its_exported_name():
    times = Times({}, Durations(), 1)
    metrics = GatewayMetrics(Counters(anomalies=Counter({1: 2})), times, AlertCounters(), version="1")
    fleet = FleetView(summary_of((), 0, active_agents=0, rate_window_s=1), (), truncated=False, total_matching=0)
    snapshot = Snapshot(fleet, TrustView((), 0, 0.0, 0, 0.0, 0.0), LedgerFigures(0, 0))

    names = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in (*metrics.families(), *FleetCollector(snapshot, per_gpu=True).collect())
        if not family.name.startswith("sentinel_gateway_process")
    }
    text = DOCUMENT.read_text()
    assert [name for name in sorted(names) if f"`{name}" not in text] == []
