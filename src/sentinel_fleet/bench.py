"""Figures of large worlds: `python -m sentinel_fleet.bench [NODES]` prints how long and how much memory they take.

The world is drawn, all its Kubernetes objects are kept, as a store would, and typical queries are answered.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sentinel_fleet.ports import LabelMatcher
from sentinel_fleet.scenario import load
from sentinel_fleet.world import World

Result = TypeVar("Result")

_SCENARIO = """\
schema: gcm-sentinel/scenario/v1
id: large-fleet
title: A large fleet
section: A
draw: {{node: {{node: {{}}}}, gpu: {{gpu: {{of: node}}}}}}
fleet: {{racks: {racks}, nodes_per_rack: 8}}
facts:
  - metric: {{name: "*", node: "${{node}}", gpu: "${{gpu}}", at: -1m, stop: true}}
  - condition: {{node: "${{node}}", at: 0s, type: GpuCount, status: "True", reason: GpuCountBad, message: 7/8}}
trigger: {{node: "${{node}}", condition: GpuCount}}
expect: {{fault_class: [gpu_off_bus], severity: [critical]}}
"""


def main() -> None:
    """Realise a fleet of the size given on the command line and print the figures."""
    nodes = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "large.yaml"
        file.write_text(_SCENARIO.format(racks=-(-nodes // 8)), encoding="utf-8")
        scenario = timed("load the scenario", lambda: load(file))
    anchor = time.time()
    world = timed("realise", lambda: scenario.realise(1, anchor))
    objects = timed("make all objects", lambda: list(world.objects()))
    report("objects", f"{len(objects)}")
    for text, matchers in _queries(world):
        samples = timed(text, lambda m=matchers: _read(world, m, anchor))  # type: ignore[misc]
        report("  samples", f"{samples}")
    node = world.trigger.node
    timed("kernel log of a node", lambda: world.logs.kernel_log(node, anchor))
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report("peak memory", f"{peak_mib:.0f} MiB")


def _queries(world: World) -> list[tuple[str, list[LabelMatcher]]]:
    node = world.trigger.node
    return [
        ("one metric, one node", [_is("__name__", "DCGM_FI_DEV_POWER_USAGE"), _is("Hostname", node)]),
        ("all metrics, one node", [_is("Hostname", node)]),
        ("one metric, all GPUs", [_is("__name__", "DCGM_FI_DEV_GPU_TEMP")]),
        ("up of all targets", [_is("__name__", "up")]),
    ]


def _is(name: str, value: str) -> LabelMatcher:
    return LabelMatcher(name, "=", value)


def _read(world: World, matchers: list[LabelMatcher], now: float) -> int:
    return sum(len(series.samples(now - 60, now)) for series in world.series.select(matchers))


def timed(what: str, work: Callable[[], Result]) -> Result:
    """Do the work and print how long it took."""
    start = time.perf_counter()
    result = work()
    report(what, f"{time.perf_counter() - start:.3f} s")
    return result


def report(what: str, figure: str) -> None:
    """Print one line."""
    sys.stdout.write(f"{what:<24} {figure}\n")


if __name__ == "__main__":
    main()
