"""How many scenarios are assessed alike on the simulated fleet and on real servers, of those without SENTINEL gateway.

`.venv/bin/python -m tests.cluster.conformance [--seeds N] [--variants] [SCENARIO ...]` from the root of the repository;
needs what `make cluster-tools` builds. Some eight seconds a case on two cores. Ends with 1 where one differs.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import structlog
from tests.cluster.cluster import Cluster
from tests.cluster.conformance.compare import differences
from tests.cluster.conformance.conftest import open_cluster
from tests.cluster.conformance.sides import assessed, real, simulated

from gcm_sentinel.app.evaluate import cases
from gcm_sentinel.app.scenarios import SCENARIOS, find_scenarios
from gcm_sentinel.app.simulated import Case

_REAL = ("kubernetes", "prometheus", "alertmanager")


def main() -> int:
    """Carry out what is asked for; 0 where all are alike."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--variants", action="store_true")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    found = cases(find_scenarios(SCENARIOS, tuple(asked.scenarios)), asked.seeds, variants=asked.variants)
    chosen = list(filter(_can_be_loaded, found))
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder, open_cluster(Path(folder)) as cluster:
        different = _count_different(chosen, cluster, Path(folder))
    _say(f"{len(chosen) - different} of {len(chosen)} cases assessed alike")
    return 1 if different else 0


def _can_be_loaded(case: Case) -> bool:
    """Whether all that its world needs is there, and none of the real servers would have to be broken."""
    world = case.world()
    return world.plan.sentinel is None and not any(world.faults.fault(server, None) for server in _REAL)


def _count_different(chosen: Sequence[Case], cluster: Cluster, folder: Path) -> int:
    different = 0
    for number, case in enumerate(chosen):
        started = time.monotonic()
        place = folder / str(number)
        place.mkdir()
        found = asyncio.run(_compared(case, cluster, place))
        different += bool(found)
        words = "DIFFERENT" if found else "alike"
        _say(f"{case.name:<44} seed {case.seed}  {words:<9}  {time.monotonic() - started:5.1f} s")
        for line in found:
            _say(f"  {line}")
    return different


async def _compared(case: Case, cluster: Cluster, folder: Path) -> list[str]:
    async with simulated(case) as (fleet, noted):
        on_the_simulated = await assessed(fleet)
        async with real(fleet, noted, cluster, folder) as (loaded, _):
            return differences(on_the_simulated, await assessed(loaded))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
