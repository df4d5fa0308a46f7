"""What the command line costs before it does anything, and what an installation weighs."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

from gcm_sentinel.evals.bench.figure import Figure

_RUNS = 7
_PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""Prints a command's peak in KiB. A small process of its own: what is forked begins with the peak of who forks it, and
the benchmarks have half the product loaded."""


def footprint() -> tuple[Figure, ...]:
    """Start-up of `--help` (median of seven), and what an installation without development tools weighs."""
    times, peaks = zip(*(_help_once() for _ in range(_RUNS)), strict=True)
    names = _closure("gcm-sentinel")
    size = sum(_size_mib(name) for name in names)
    return (
        Figure("gcm-sentinel --help, wall", statistics.median(times), "s", "< 0.4"),
        Figure("gcm-sentinel --help, peak memory", statistics.median(peaks), "MiB", "< 60"),
        Figure("installed size with all dependencies", size, "MiB", "< 250"),
        Figure("installed packages", len(names), "", "< 90"),
    )


def _help_once() -> tuple[float, float]:
    """Seconds and MiB of one run."""
    command = [sys.executable, "-m", "gcm_sentinel", "--help"]
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)  # noqa: S603  our own command
    seconds = time.perf_counter() - started
    said = subprocess.run([sys.executable, "-c", _PEAK, *command], capture_output=True, check=True)  # noqa: S603  ours
    return seconds, int(said.stdout) / 1024


def _closure(root: str) -> frozenset[str]:
    """The distribution `root` and all it needs here, extras not asked for left out."""
    found: set[str] = set()
    waiting: list[tuple[str, frozenset[str]]] = [(root, frozenset())]
    while waiting:
        name, extras = waiting.pop()
        key = name.lower().replace("_", "-")
        if key in found and not extras:
            continue
        found.add(key)
        for line in distribution(name).requires or ():
            need = Requirement(line)
            known = need.name.lower().replace("_", "-") in found and not need.extras
            if not known and _applies(need, extras):
                waiting.append((need.name, frozenset(need.extras)))
    return frozenset(found)


def _applies(need: Requirement, extras: frozenset[str]) -> bool:
    return need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in (extras or {""}))


def _size_mib(name: str) -> float:
    """Apparent size of a distribution's files, compiled caches left out."""
    files = distribution(name).files or []
    paths = (Path(str(file.locate())) for file in files if not str(file).endswith(".pyc"))
    return sum(path.stat().st_size for path in paths if path.is_file()) / 2**20
