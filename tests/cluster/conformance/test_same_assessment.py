"""The same world leads to the same assessment on the simulated fleet and on real servers.

A choice of scenarios that rest on the servers in different ways; `python -m tests.cluster.conformance` carries out all
that need no SENTINEL gateway, which takes minutes.
"""

from __future__ import annotations

import pytest
from tests.cluster.conformance.compare import differences
from tests.cluster.conformance.sides import assessed, real, simulated

from gcm_sentinel.app.scenarios import find_scenario
from gcm_sentinel.app.simulated import Case

SCENARIOS = {
    "off-bus-riser": "an Xid, its GPU gone from the metrics",
    "remap-pending-only": "row remaps pending: a condition that needs patience",
    "bank-exhausted": "row remaps failed: counters that stand still",
    "link74-after-reseat": "NVLink errors again after the board was reseated",
    "tim-failure": "heat: gauges of neighbours compared over hours",
    "exporter-dead": "an exporter that is gone: series that end, an alert, a DaemonSet",
    "leaf-switch-down": "the same condition on eight nodes at once",
    "sticky-xid-gauge": "a gauge that says what was long ago",
    "pods-fail-802-again": "pods that fail, and their logs",
    "control-slow-node-report": "nothing is wrong",
}


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_a_scenario_is_assessed_alike(scenario, still_cluster, tmp_path):
    async with simulated(Case(find_scenario(scenario), seed=1)) as (fleet, noted):
        on_the_simulated = await assessed(fleet)
        async with real(fleet, noted, still_cluster, tmp_path) as (loaded, _):
            on_the_real = await assessed(loaded)

    assert differences(on_the_simulated, on_the_real) == []
